#include "tests/simulation/automations.h"

#include "actors/plan/compile.h"

#include <stdio.h>
#include <stdlib.h>

enum { FAN_STEPS = 40, WIDE_STEPS = 150 };

static const struct {
    const char *name;
    bool wide;
    const char *texts[VERSIONS_MAX];
} rows[] = {
#define AUTOMATION(name, wide, first, later) { #name, wide, { first, later } },
#include "tests/simulation/automations.def"
};

static struct {
    struct buffer text, plan;
} known[AUTOMATION_COUNT][VERSIONS_MAX];

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
    return buffer_bytes(&known[automation][version - 1].text);
}

struct bytes
automation_plan(enum automation automation, uint32_t version)
{
    return version > VERSIONS_MAX ? (struct bytes){ 0 }
                                  : buffer_bytes(&known[automation][version - 1].plan);
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

static void
compile_one(enum automation automation, struct buffer *text, struct buffer *plan)
{
    static struct mistakes mistakes;
    struct compile_limits limits = { 1 << 18, 1000, 1 << 20 };
    struct arena arena = { 0 };
    if (compile(buffer_bytes(text), &limits, &arena, plan, &mistakes) == ERR_NONE) {
        arena_free(&arena);
        return;
    }
    fprintf(stderr, "%s: line %u: %s: %s\n", automation_name(automation),
        mistakes.list[0].line, mistakes.list[0].path, mistakes.list[0].message);
    exit(1);
}

void
automations_open(void)
{
    for (int i = 0; i < AUTOMATION_COUNT; i++) {
        for (int v = 0; v < VERSIONS_MAX; v++) {
            struct buffer *text = &known[i][v].text;
            const char *given = rows[i].texts[v];
            if (given != NULL)
                buffer_append(text, given, strlen(given));
            else if (v == 0 && i == AUTOMATION_fan)
                print_fan(text, rows[i].name, FAN_STEPS);
            else if (v == 0 && i == AUTOMATION_wide)
                print_fan(text, rows[i].name, WIDE_STEPS);
            if (text->size > 0)
                compile_one((enum automation)i, text, &known[i][v].plan);
        }
    }
}

void
automations_close(void)
{
    for (int i = 0; i < AUTOMATION_COUNT; i++) {
        for (int v = 0; v < VERSIONS_MAX; v++) {
            buffer_free(&known[i][v].text);
            buffer_free(&known[i][v].plan);
        }
    }
}
