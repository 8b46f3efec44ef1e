/* Prints the reference pages from the tables this program was compiled with, so that
 * they cannot disagree with the engine. */
#include "base/config.h"
#include "base/counters.h"
#include "transport/messages.h"

#include <stdio.h>
#include <string.h>

static const char *const kinds[] = {
    [COMMAND] = "command", [FACT] = "fact", [NOTE] = "note", [REPLY] = "reply"
};

static const char *const field_types[] = { [FIELD_u32] = "u32",
    [FIELD_u64] = "u64",
    [FIELD_id] = "id",
    [FIELD_text] = "text",
    [FIELD_blob] = "blob",
    [FIELD_payload] = "payload",
    [FIELD_secret] = "secret",
    [FIELD_list] = "list" };

struct wire {
    enum actor_name from, to;
    const char *about;
};

static const struct wire wires[] = {
#define WIRE(from, to, about) { ACTOR_##from, ACTOR_##to, about },
#include "transport/wires.def"
};

static int
print_config(void)
{
    config_document(stdout);
    return 0;
}

static int
print_errors(void)
{
    fputs("# Failures\n\n"
          "Printed from `base/err.def`; do not edit.\n\n"
          "Every failure that a caller can be told of. The name is what APIs and the "
          "worker protocol\nsay; the number is said between the engine's own "
          "processes.\n\n"
          "| number | name | HTTP | meaning |\n|---|---|---|---|\n",
        stdout);
    for (unsigned e = 1; e < ERR_COUNT; e++)
        printf("| %u | `%s` | %d | %s |\n", e, err_name((enum err)e),
            err_http((enum err)e), err_sentence((enum err)e));
    return 0;
}

static int
print_counters(void)
{
    fputs("# Counters\n\n"
          "Printed from `base/counters.def`; do not edit.\n\n"
          "What each process of a running engine counts, from its start on, in "
          "`run/PROCESS.counters`:\na line of 64 bytes that names the format, then one "
          "64-bit number in the machine's byte order\nper row, in this order.\n\n"
          "| counter | kind | meaning |\n|---|---|---|\n",
        stdout);
    for (unsigned c = 0; c < COUNTER_COUNT; c++)
        printf("| `%s` | %s | %s |\n", counter_name((enum counter)c),
            counter_is_gauge((enum counter)c) ? "gauge" : "counter",
            counter_sentence((enum counter)c));
    return 0;
}

static void
print_message(unsigned code)
{
    const struct shape *shape = &message_shapes[code];
    const struct route *route = &message_routes[code];
    printf("\n## %u `%s`\n\n%s, %s → %s: %s.\n\n", code, shape->name,
        kinds[route->kind], actor_name_text(route->from), actor_name_text(route->to),
        route->about);
    fputs("| key | type | field | meaning |\n|---|---|---|---|\n", stdout);
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *f = &shape->fields[i];
        printf("| %u | %s | `%s` | %s |\n", f->number, field_types[f->type], f->name,
            f->about);
    }
}

static int
print_messages(void)
{
    fputs(
        "# Messages\n\n"
        "Printed from `transport/messages.def` and `transport/messages.h`; do not "
        "edit.\n\n"
        "What actors say to each other. A *command* asks and may be refused. A *fact* "
        "tells what has\nhappened and is durable where its sender has a journal. A "
        "*note* tells what the sender's state\nsays, again when asked. A *reply* "
        "answers one command.\n\n"
        "A body is a msgpack map from the field's key to its value; what is zero or "
        "empty is left out,\nand unknown keys are passed over. `id` is 16 bytes, "
        "`payload` is msgpack of a stranger, `list`\na msgpack array, and a `secret` "
        "is never printed.\n\n"
        "| number | message | kind | from | to | meaning "
        "|\n|---|---|---|---|---|---|\n",
        stdout);
    for (unsigned code = 0; code < MESSAGE_END; code++) {
        const struct route *route = &message_routes[code];
        if (message_shapes[code].name != NULL)
            printf("| %u | `%s` | %s | %s | %s | %s |\n", code,
                message_shapes[code].name, kinds[route->kind],
                actor_name_text(route->from), actor_name_text(route->to), route->about);
    }
    for (unsigned code = 0; code < MESSAGE_END; code++)
        if (message_shapes[code].name != NULL)
            print_message(code);
    return 0;
}

/* The messages of a wire; those for anybody travel on each. */
static void
print_wire(const struct wire *wire)
{
    const char *before = "";
    printf("| %s | %s | %s | ", actor_name_text(wire->from), actor_name_text(wire->to),
        wire->about);
    for (unsigned code = 0; code < MESSAGE_END; code++)
        if (message_shapes[code].name != NULL && message_routes[code].from == wire->from
            && message_routes[code].to == wire->to) {
            printf("%s`%s`", before, message_shapes[code].name);
            before = " ";
        }
    fputs(" |\n", stdout);
}

static int
has_wire(const struct route *route)
{
    if (route->to == ACTOR_nobody || route->to == ACTOR_any)
        return 1;
    for (size_t i = 0; i < COUNT(wires); i++)
        if ((route->from == ACTOR_any || wires[i].from == route->from)
            && wires[i].to == route->to)
            return 1;
    return 0;
}

static int
print_wires(void)
{
    int failed = 0;
    fputs(
        "# Wires\n\n"
        "Printed from `transport/wires.def` and `transport/messages.def`; do not "
        "edit.\n\n"
        "Who may speak to whom. Each actor binds one ROUTER, its inbox, and has one "
        "DEALER to the inbox\nof each peer that it speaks to. `hello` goes over every "
        "wire, `refused` and `document` over\nevery one to the gateway.\n\n"
        "| from | to | about | messages |\n|---|---|---|---|\n",
        stdout);
    for (size_t i = 0; i < COUNT(wires); i++)
        print_wire(&wires[i]);
    for (unsigned code = 0; code < MESSAGE_END; code++)
        if (message_shapes[code].name != NULL && !has_wire(&message_routes[code])) {
            fprintf(stderr, "%s has no wire to travel on\n", message_shapes[code].name);
            failed = 1;
        }
    return failed;
}

struct function {
    const char *name, *kind;
    unsigned least, most;
    const char *order; /* of the arguments in {{ }} */
    const char *takes, *sentence;
};

#define FIRST     "the same"
#define LAST      "first one last"
#define PLAIN     "the same; a pipe adds the last"
#define STRICT    ""
#define LENIENT   ""
#define DECIDING  ""
#define LEADING   ""
#define PREDICATE ""
static const struct function functions[] = {
#define FUNCTION(name, kind, least, most, subject, manner, takes, sentence)            \
    { #name, #kind, least, most, subject, takes, sentence },
#include "actors/expression/functions.def"
};

/* A bar would end the cell. */
static void
print_cell(const char *cell)
{
    for (; *cell != '\0'; cell++)
        printf(*cell == '|' ? "\\%c" : "%c", *cell);
}

static int
print_functions(void)
{
    const char *kind = "";
    fputs(
        "# Functions\n\n"
        "Printed from `actors/expression/functions.def`; do not edit.\n\n"
        "What [templates and expressions](expressions.md) can call. The arguments are "
        "as `f(…)` in\n`${{ … }}` has them; the last column says where `{{ f … }}` has "
        "the first of them, and that is\nwhere a pipe puts its value.\n",
        stdout);
    for (size_t i = 0; i < COUNT(functions); i++) {
        const struct function *f = &functions[i];
        if (strcmp(kind, f->kind) != 0)
            printf("\n## %c%s\n\n| function | arguments | meaning | in `{{ }}` |\n"
                   "|---|---|---|---|\n",
                f->kind[0] - 'a' + 'A', f->kind + 1);
        kind = f->kind;
        printf("| `%s(", f->name);
        print_cell(f->takes);
        if (f->least == f->most)
            printf(")` | %u | ", f->least);
        else if (f->most > 8)
            printf(")` | %u or more | ", f->least);
        else
            printf(")` | %u to %u | ", f->least, f->most);
        print_cell(f->sentence);
        printf(" | %s |\n", f->least == 0 || f->most == 1 ? "" : f->order);
    }
    return 0;
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*print)(void);
    } pages[] = {
        { "config", print_config },
        { "counters", print_counters },
        { "errors", print_errors },
        { "functions", print_functions },
        { "messages", print_messages },
        { "wires", print_wires },
    };
    for (size_t i = 0; argc == 2 && i < COUNT(pages); i++)
        if (strcmp(argv[1], pages[i].name) == 0) {
            int failed = pages[i].print();
            return fflush(stdout) == 0 && !failed ? 0 : 1;
        }
    fputs("usage: capstan-docs", stderr);
    for (size_t i = 0; i < COUNT(pages); i++)
        fprintf(stderr, "%s%s", i > 0 ? "|" : " ", pages[i].name);
    fputs("\n", stderr);
    return 2;
}
