/* automations - what the simulated clients run. */
#ifndef TESTS_SIMULATION_AUTOMATIONS_H
#define TESTS_SIMULATION_AUTOMATIONS_H
#include "base/buffer.h"
#include "base/id.h"

enum automation {
#define AUTOMATION(name, wide, first, later) AUTOMATION_##name,
#include "tests/simulation/automations.def"
    AUTOMATION_COUNT
};
enum { VERSIONS_MAX = 2, PROJECTS = 2 };
struct id project_id(uint32_t project);
const char *automation_name(enum automation automation);
/* Does it have many more steps than the others? */
bool automation_wide(enum automation automation);
/* The text of version 1 or 2; nothing if there is no such version. */
struct bytes automation_text(enum automation automation, uint32_t version);
void automations_open(void);
void automations_close(void);
#endif
