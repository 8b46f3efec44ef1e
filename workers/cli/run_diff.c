/* run_diff - two runs side by side: the first event that differs, and the steps that
 * do.
 *
 * Times and ids differ always, and are not compared. */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/event_line.h"
#include "workers/cli/exported.h"
#include "workers/cli/human.h"

#include <unistd.h>

struct side {
    struct run_place place;
    json_t *run;
    json_t *events; /* of the page that is looked at */
    uint64_t after;
    size_t next;
    bool more;
};

static enum exit_code
read_events(struct cli *cli, struct side *side)
{
    json_decref(side->events);
    side->events = NULL;
    side->next = 0;
    return run_place_events(cli, &side->place, side->after, &side->events);
}

/* The next event of a side; NULL: there is none. */
static enum exit_code
next_event(struct cli *cli, struct side *side, const json_t **event)
{
    enum exit_code e = EXIT_DONE;
    const json_t *items = json_object_get(side->events, "items");
    if (side->next == json_array_size(items) && side->more) {
        e = read_events(cli, side);
        items = json_object_get(side->events, "items");
        side->more = json_is_true(json_object_get(side->events, "has_more"));
    }
    *event = json_array_get(items, side->next);
    if (*event == NULL)
        return e;
    side->next++;
    side->after = document_number(*event, "sequence");
    return e;
}

/* What is another one in each run says nothing. */
static json_t *
comparable(const json_t *event)
{
    static const char *const always[] = { "session_id", "due_at", "deadline_at",
        "expires_at", "idempotency_key", "interaction_id", "run_id", "parent_run_id",
        "origin_run_id", "number", "delay_ms" };
    if (event == NULL)
        return json_null();
    json_t *payload = json_copy(json_object_get(event, "payload"));
    for (size_t i = 0; i < COUNT(always); i++)
        json_object_del(payload, always[i]);
    return json_pack("{s:s, s:o}", "event_type", document_text(event, "event_type"),
        "payload", payload);
}

static void
print_event(char mark, const json_t *event)
{
    struct buffer line = { 0 };
    buffer_print(&line, "%c ", mark);
    if (event != NULL)
        event_line_full(event, &line);
    else
        buffer_print(&line, "(no more events)");
    cli_print_line(&line);
    buffer_free(&line);
}

/* `*found`: the two events at which they part, as {a, b}; NULL: they are the same. */
static enum exit_code
first_difference(struct cli *cli, struct side sides[2], json_t **found)
{
    const json_t *events[2] = { NULL };
    bool same = true;
    enum exit_code e = EXIT_DONE;
    *found = NULL;
    do {
        for (int i = 0; i < 2 && e == EXIT_DONE; i++)
            e = next_event(cli, &sides[i], &events[i]);
        json_t *a = comparable(events[0]), *b = comparable(events[1]);
        same = json_equal(a, b);
        json_decref(a);
        json_decref(b);
    } while (e == EXIT_DONE && same && events[0] != NULL);
    if (e != EXIT_DONE || same)
        return e;
    *found = json_object();
    for (int i = 0; i < 2; i++)
        json_object_set_new(*found, i == 0 ? "a" : "b",
            events[i] == NULL ? json_null() : json_deep_copy(events[i]));
    return e;
}

static uint64_t
took_ms(const json_t *step)
{
    uint64_t from = document_time(step, "started_at");
    uint64_t to = document_time(step, "finished_at");
    return from > 0 && to >= from ? to - from : 0;
}

static const json_t *
find_step(const json_t *run, const char *key)
{
    const json_t *steps = json_object_get(run, "steps"), *step;
    size_t i;
    json_array_foreach(
        steps, i, step) if (strcmp(document_text(step, "key"), key) == 0) return step;
    return NULL;
}

static void
add_step(json_t *list, const char *key, const json_t *a, const json_t *b)
{
    const json_t *outputs[2] = { json_object_get(a, "output"),
        json_object_get(b, "output") };
    bool same_output = outputs[0] == outputs[1]
                       || (outputs[0] != NULL && outputs[1] != NULL
                           && json_equal(outputs[0], outputs[1]));
    bool same_status =
        strcmp(document_text(a, "status"), document_text(b, "status")) == 0;
    if (same_output && same_status)
        return;
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:s, s:b, s:I, s:I}", "step", key, "a",
                  a == NULL ? "(no such step)" : document_text(a, "status"), "b",
                  b == NULL ? "(no such step)" : document_text(b, "status"),
                  "same_output", same_output, "a_took_ms", (json_int_t)took_ms(a),
                  "b_took_ms", (json_int_t)took_ms(b)));
}

/* Steps of both in the order of the first; then those that only the second has. */
static json_t *
compare_steps(const json_t *a, const json_t *b)
{
    const json_t *step;
    json_t *list = json_array();
    size_t i;
    json_array_foreach(json_object_get(a, "steps"), i, step)
    {
        const char *key = document_text(step, "key");
        add_step(list, key, step, find_step(b, key));
    }
    json_array_foreach(json_object_get(b, "steps"), i, step)
    {
        const char *key = document_text(step, "key");
        if (find_step(a, key) == NULL)
            add_step(list, key, NULL, step);
    }
    return list;
}

static void
print_steps(const struct cli *cli, const json_t *steps)
{
    static const char *const heads[] = { "STEP", "A", "B", "OUTPUT", ">A TOOK",
        ">B TOOK", NULL };
    const json_t *step;
    size_t i;
    if (json_array_size(steps) == 0)
        return;
    struct table *table = table_new(cli, heads);
    json_array_foreach(steps, i, step)
    {
        char span[HUMAN_MAX];
        bool same = json_is_true(json_object_get(step, "same_output"));
        table_row(table);
        document_cell(table, step, "step");
        document_cell(table, step, "a");
        document_cell(table, step, "b");
        table_text(table, same ? "same" : "other");
        table_text(table, human_span(document_number(step, "a_took_ms"), span));
        table_text(table, human_span(document_number(step, "b_took_ms"), span));
    }
    table_print(&table);
}

static void
print_difference(const struct cli *cli, const json_t *difference)
{
    const json_t *first = json_object_get(difference, "first");
    const json_t *steps = json_object_get(difference, "steps");
    if (cli_given(cli, OPTION_json)) {
        cli_print_json(difference);
        return;
    }
    if (json_is_null(first)) {
        printf("the events are the same\n");
    } else {
        const json_t *a = json_object_get(first, "a"), *b = json_object_get(first, "b");
        print_event('-', json_is_null(a) ? NULL : a);
        print_event('+', json_is_null(b) ? NULL : b);
    }
    print_steps(cli, steps);
}

static enum exit_code
compare(struct cli *cli, struct side sides[2])
{
    json_t *first = NULL;
    enum exit_code e = EXIT_DONE;
    for (int i = 0; i < 2 && e == EXIT_DONE; i++)
        e = run_place_get(cli, &sides[i].place, &sides[i].run);
    if (e == EXIT_DONE)
        e = first_difference(cli, sides, &first);
    if (e != EXIT_DONE)
        return e;
    json_t *difference = json_pack("{s:s, s:s, s:o, s:o}", "a", sides[0].place.name,
        "b", sides[1].place.name, "first", first == NULL ? json_null() : first, "steps",
        compare_steps(sides[0].run, sides[1].run));
    print_difference(cli, difference);
    json_decref(difference);
    return EXIT_DONE;
}

/* A run is named by its id; anything else is a file. */
enum exit_code
command_runs_diff(struct cli *cli)
{
    struct side sides[2] = { 0 };
    for (int i = 0; i < 2; i++) {
        sides[i].place.name = cli->request.words[i];
        sides[i].place.file = access(sides[i].place.name, R_OK) == 0;
        sides[i].more = true;
    }
    enum exit_code e = compare(cli, sides);
    for (int i = 0; i < 2; i++) {
        json_decref(sides[i].run);
        json_decref(sides[i].events);
    }
    return e;
}
