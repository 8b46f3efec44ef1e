#include "tests/simulation/automations.h"

enum { FAN_STEPS = 40, WIDE_STEPS = 150 };

static const struct {
    const char *name;
    bool wide;
    const char *texts[VERSIONS_MAX];
} rows[] = {
#define AUTOMATION(name, wide, first, later) { #name, wide, { first, later } },
#include "tests/simulation/automations.def"
};

static struct buffer texts[AUTOMATION_COUNT][VERSIONS_MAX];

struct id
project_id(uint32_t project)
{
    return id_of_name(project == 0 ? text("default") : text("another"));
}

const char *
automation_name(enum automation automation)
{
    return rows[automation].name;
}

bool
automation_wide(enum automation automation)
{
    return rows[automation].wide;
}

struct bytes
automation_text(enum automation automation, uint32_t version)
{
    return version > VERSIONS_MAX ? (struct bytes){ 0 }
                                  : buffer_bytes(&texts[automation][version - 1]);
}

/* Many steps side by side, and one that needs them all. */
static void
print_fan(struct buffer *out, const char *name, unsigned steps)
{
    buffer_print(out, "name: %s\nsteps:\n", name);
    for (unsigned i = 0; i < steps; i++)
        buffer_print(out, "  - { key: s%u, type: action, action: ok, needs: [] }\n", i);
    buffer_print(out, "  - { key: join, type: action, action: ok, needs: [s0");
    for (unsigned i = 1; i < steps; i++)
        buffer_print(out, ", s%u", i);
    buffer_print(out, "] }\n");
}

void
automations_open(void)
{
    for (int i = 0; i < AUTOMATION_COUNT; i++) {
        for (int v = 0; v < VERSIONS_MAX; v++) {
            struct buffer *text = &texts[i][v];
            const char *given = rows[i].texts[v];
            if (given != NULL)
                buffer_append(text, given, strlen(given));
            else if (v == 0 && i == AUTOMATION_fan)
                print_fan(text, rows[i].name, FAN_STEPS);
            else if (v == 0 && i == AUTOMATION_wide)
                print_fan(text, rows[i].name, WIDE_STEPS);
        }
    }
}

void
automations_close(void)
{
    for (int i = 0; i < AUTOMATION_COUNT; i++) {
        for (int v = 0; v < VERSIONS_MAX; v++) {
            buffer_free(&texts[i][v]);
        }
    }
}
