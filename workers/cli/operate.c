/* operate - what one does to runs that go on, or do not: one at a time, or all that
 * fit.
 */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/exported.h"
#include "workers/cli/follow.h"
#include "workers/cli/input.h"

#include <string.h>

enum {
    STEP_KEY_MAX = 1024,
    CURSOR_MAX = 1024,
    OPTION_SHOWN_MAX = 40,
    EVENTS_LOOKED = 500, /* at once, for the last of a kind */
};

static bool
is_over(const json_t *run)
{
    static const char *const ends[] = { "completed", "failed", "cancelled" };
    for (size_t i = 0; i < COUNT(ends); i++)
        if (strcmp(document_text(run, "status"), ends[i]) == 0)
            return true;
    return false;
}

static enum exit_code
tell(struct cli *cli, const char *run, const char *what, json_t *body)
{
    struct api_path path = api_path("runs", run, what);
    json_t *answer = NULL;
    enum exit_code e = api_post(cli, &path, body, &answer);
    json_decref(body);
    if (e != EXIT_DONE)
        return e;
    document_done(
        cli, answer, document_text(answer, "id"), document_text(answer, "status"));
    if (strcmp(what, "/cancel") == 0 && !is_over(answer))
        cli_remark(cli,
            "%s is being cancelled: what is under way ends, and cleanup runs", run);
    json_decref(answer);
    return EXIT_DONE;
}

/* Any JSON that the option gives becomes a field of its name; none: nothing. */
static enum exit_code
put_value(const struct cli *cli, enum option option, json_t *body)
{
    const char *name = option_rows[option].name;
    char shown[OPTION_SHOWN_MAX];
    json_t *value;
    snprintf(shown, sizeof shown, "--%s", name);
    enum exit_code e = input_value(shown, cli_value(cli, option), &value);
    if (value != NULL)
        json_object_set_new(body, name, value);
    return e;
}

/* ---- one run ---- */

enum exit_code
command_runs_signal(struct cli *cli)
{
    json_t *body = json_object();
    api_set(body, "step", cli->request.words[1]);
    enum exit_code e = put_value(cli, OPTION_result, body);
    if (e == EXIT_DONE)
        return tell(cli, cli->request.words[0], "/signal", body);
    json_decref(body);
    return e;
}

enum exit_code
command_runs_skip(struct cli *cli)
{
    json_t *body = json_object();
    api_set(body, "step", cli->request.words[1]);
    api_set(body, "reason", cli_value(cli, OPTION_reason));
    return tell(cli, cli->request.words[0], "/skip", body);
}

enum exit_code
command_runs_set_output(struct cli *cli)
{
    json_t *body = json_object();
    if (!cli_given(cli, OPTION_output)) {
        cli_complain("--output is wanted: the output of the step, as JSON");
        json_decref(body);
        return EXIT_USAGE;
    }
    api_set(body, "step", cli->request.words[1]);
    api_set(body, "reason", cli_value(cli, OPTION_reason));
    enum exit_code e = put_value(cli, OPTION_output, body);
    if (e == EXIT_DONE)
        return tell(cli, cli->request.words[0], "/output", body);
    json_decref(body);
    return e;
}

/* STEP.output=JSON */
static enum exit_code
put_output(json_t *outputs, const char *given)
{
    static const char dot[] = ".output=";
    const char *at = strstr(given, dot);
    char step[STEP_KEY_MAX];
    json_t *value;
    if (at == NULL || at == given || (size_t)(at - given) >= sizeof step) {
        cli_complain("--set %s: STEP.output=JSON is wanted", given);
        return EXIT_USAGE;
    }
    memcpy(step, given, (size_t)(at - given));
    step[at - given] = '\0';
    enum exit_code e = input_parse("--set", text(at + sizeof dot - 1), &value);
    if (e == EXIT_DONE && json_object_set_new(outputs, step, value) != 0) {
        cli_complain("--set: the name of the step is not valid UTF-8");
        e = EXIT_USAGE;
    }
    return e;
}

/* The last `step.started` of the events from `from` to `to`; else `*found` stays. */
static enum exit_code
find_started(struct cli *cli, const struct run_place *run, uint64_t from, uint64_t to,
    uint64_t *found)
{
    uint64_t at = from - 1;
    while (at < to) {
        const json_t *event;
        json_t *page;
        uint64_t sequence = 0;
        size_t i;
        enum exit_code e = run_place_events(cli, run, at, &page);
        if (e != EXIT_DONE)
            return e;
        json_array_foreach(json_object_get(page, "items"), i, event)
        {
            sequence = document_number(event, "sequence");
            if (strcmp(document_text(event, "event_type"), "step.started") == 0)
                *found = sequence;
        }
        json_decref(page);
        at = sequence > at ? sequence : to;
    }
    return EXIT_DONE;
}

/* What is not over is done again by itself; of what has completed the last step is. */
static enum exit_code
find_last(struct cli *cli, uint64_t *event)
{
    struct run_place place = { .name = cli->request.words[0] };
    json_t *run;
    enum exit_code e = run_place_get(cli, &place, &run);
    if (e != EXIT_DONE)
        return e;
    bool completed = strcmp(document_text(run, "status"), "completed") == 0;
    uint64_t to = *event = document_number(run, "last_sequence"), started = 0;
    json_decref(run);
    while (completed && to > 0 && started == 0 && e == EXIT_DONE) {
        uint64_t from = to > EVENTS_LOOKED ? to - EVENTS_LOOKED : 1;
        e = find_started(cli, &place, from, to, &started);
        to = from - 1;
    }
    *event = started > 0 ? started - 1 : *event;
    return e;
}

static enum exit_code
fill_fork(struct cli *cli, json_t *body)
{
    const struct request *request = &cli->request;
    const char *at = cli_value(cli, OPTION_at);
    uint64_t event, version;
    enum exit_code e = at != NULL && strcmp(at, "last") == 0
                           ? find_last(cli, &event)
                           : cli_ordinal(cli, OPTION_at, UINT32_MAX, &event);
    if (e == EXIT_DONE)
        e = cli_ordinal(cli, OPTION_version, UINT32_MAX, &version);
    if (e != EXIT_DONE)
        return e;
    if (event > 0)
        json_object_set_new(body, "event", json_integer((json_int_t)event));
    if (version > 0)
        json_object_set_new(body, "version", json_integer((json_int_t)version));
    json_t *outputs = json_object();
    for (size_t i = 0; i < request->set_count && e == EXIT_DONE; i++)
        e = put_output(outputs, request->sets[i]);
    json_object_set_new(body, "outputs", outputs);
    return e == EXIT_DONE ? put_value(cli, OPTION_inputs, body) : e;
}

enum exit_code
command_runs_fork(struct cli *cli)
{
    struct api_path path = api_path("runs", cli->request.words[0], "/fork");
    json_t *body = json_object(), *run = NULL;
    uint64_t ms;
    enum exit_code e = cli_time(cli, OPTION_wait, 0, &ms);
    if (e == EXIT_DONE)
        e = fill_fork(cli, body);
    if (e == EXIT_DONE)
        e = api_post(cli, &path, body, &run);
    if (e == EXIT_DONE)
        e = follow_begun(cli, run);
    json_decref(body);
    json_decref(run);
    return e;
}

/* ---- all that fit ---- */

static json_t *
reason_of(const struct cli *cli)
{
    json_t *body = json_object();
    api_set(body, "reason", cli_value(cli, OPTION_reason));
    if (cli->request.command->function == command_runs_retry)
        api_set(body, "step", cli_value(cli, OPTION_step));
    if (cli->request.command->function == command_runs_discard)
        json_object_set_new(body, "discard", json_true());
    return body;
}

/* One that is refused does not stop the others. */
static enum exit_code
tell_page(struct cli *cli, const json_t *page, const char *what)
{
    enum exit_code worst = EXIT_DONE;
    const json_t *run;
    size_t i;
    json_array_foreach(json_object_get(page, "items"), i, run)
    {
        enum exit_code e = EXIT_DONE;
        if (cli_given(cli, OPTION_dry_run))
            printf("%s\t%s\t%s\twould be told to %s\n", document_text(run, "id"),
                document_text(run, "automation"), document_text(run, "status"),
                what + 1);
        else
            e = tell(cli, document_text(run, "id"), what, reason_of(cli));
        if (e == EXIT_AWAY)
            return e;
        worst = e == EXIT_DONE ? worst : e;
    }
    return worst;
}

/* The cursor of the page after; false if there is none. */
static bool
next_page(const json_t *page, char cursor[CURSOR_MAX])
{
    const char *next = json_string_value(json_object_get(page, "next_cursor"));
    if (next == NULL || strlen(next) >= CURSOR_MAX)
        return false;
    memcpy(cursor, next, strlen(next) + 1);
    return true;
}

/* Pages are stable, so what is done to one does not move the next. */
static enum exit_code
tell_all(struct cli *cli, const char *status, const char *what)
{
    enum exit_code worst = EXIT_DONE;
    char cursor[CURSOR_MAX] = "";
    bool more = true;
    while (more) {
        struct api_path path = api_path("runs", NULL, "");
        json_t *page;
        api_query(&path, "automation", cli_value(cli, OPTION_automation));
        api_query(&path, "status", status);
        api_query(&path, "cursor", cursor[0] == '\0' ? NULL : cursor);
        enum exit_code e = api_get(cli, &path, &page);
        if (e != EXIT_DONE)
            return e;
        e = tell_page(cli, page, what);
        worst = e == EXIT_DONE ? worst : e;
        more = e != EXIT_AWAY && next_page(page, cursor);
        json_decref(page);
    }
    return worst;
}

static enum exit_code
tell_one_or_all(struct cli *cli, const char *status, const char *what)
{
    const struct request *request = &cli->request;
    bool all = cli_given(cli, OPTION_all);
    if (all == (request->word_count > 0)) {
        cli_complain("either RUN or --all is wanted");
        return EXIT_USAGE;
    }
    if (!all
        && (cli_given(cli, OPTION_dry_run) || cli_given(cli, OPTION_automation)
            || cli_given(cli, OPTION_status))) {
        cli_complain("--automation, --status and --dry-run go with --all");
        return EXIT_USAGE;
    }
    if (!all)
        return tell(cli, request->words[0], what, reason_of(cli));
    return tell_all(cli,
        cli_given(cli, OPTION_status) ? cli_value(cli, OPTION_status) : status, what);
}

enum exit_code
command_runs_cancel(struct cli *cli)
{
    return tell_one_or_all(cli, "open", "/cancel");
}

enum exit_code
command_runs_retry(struct cli *cli)
{
    return tell_one_or_all(cli, "failed", "/retry");
}

enum exit_code
command_runs_discard(struct cli *cli)
{
    return tell_one_or_all(cli, "failed", "/cancel");
}
