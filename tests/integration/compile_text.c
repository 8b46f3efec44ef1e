/* compile_text - reads an automation, tells every mistake in it.  Exit code 0: none. */
#include "actors/plan/compile.h"
#include "actors/zones_load.h"

#include <stdio.h>

enum { TEXT_MAX = 256 * 1024 };

static struct mistakes mistakes;

static enum err
text_compile(struct bytes text, const struct zones *zones)
{
    static const struct compile_limits limits = { TEXT_MAX, 1000, 1 << 20 };
    struct arena arena = { 0 };
    struct buffer plan = { 0 };
    enum err e = compile_with_zones(text, &limits, zones, &arena, &plan, &mistakes);
    for (size_t i = 0; i < mistakes.count; i++) {
        const struct mistake *m = &mistakes.list[i];
        printf("%u:%u %s: %s\n", m->line, m->column, m->path, m->message);
    }
    buffer_free(&plan);
    arena_free(&arena);
    return e;
}

int
main(int argc, char **argv)
{
    static char in[TEXT_MAX + 1];
    struct zones zones = { 0 };
    struct fault fault;
    size_t size = fread(in, 1, sizeof in, stdin);
    if (argc != 2 || zones_load(argv[1], &zones, &fault) != ERR_NONE) {
        fprintf(stderr, "usage: compile_text FOLDER-OF-ZONES < AUTOMATION\n");
        return 2;
    }
    enum err e = text_compile(bytes_of(in, size), &zones);
    zones_free(&zones);
    return e == ERR_NONE ? 0 : 1;
}
