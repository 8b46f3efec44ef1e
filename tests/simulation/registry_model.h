/* registry_model - a registry that is played: it offers plans until all know them. */
#ifndef TESTS_SIMULATION_REGISTRY_MODEL_H
#define TESTS_SIMULATION_REGISTRY_MODEL_H
#include "tests/simulation/automations.h"
#include "tests/simulation/sim.h"

enum { PROJECTS = 2 };

void registrar_open(struct sim *sim);
void registrar_close(struct sim *sim);
struct id project_id(uint32_t project);
struct id automation_id(uint32_t project, enum automation automation);
#endif
