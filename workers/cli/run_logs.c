/* run_logs - what the jobs of a run have printed, and what they print. */
#include "base/clock.h"
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/human.h"

#include <inttypes.h>
#include <poll.h>

enum {
    AGAIN_MS = 500,
    AWAY_MAX_MS = 15000 /* an engine that restarts is back by then */
};

struct logs {
    struct cli *cli;
    const char *step; /* NULL: of all, each line with its step before it */
    uint64_t after;   /* sequence of the last record that was looked at */
    bool more, finished;
    bool shown;        /* anything */
    uint64_t heard_ms; /* monotonic, of the last page; 0: there was none */
};

/* While a run is followed the engine may be away for a while. */
static bool
may_be_away(const struct logs *logs)
{
    return cli_given(logs->cli, OPTION_follow) && logs->heard_ms > 0
           && clock_monotonic_ms() - logs->heard_ms < AWAY_MAX_MS;
}

/* Workers write what they like: on a terminal no more than text gets through. */
static void
print_line(const struct logs *logs, const char *step, struct bytes line)
{
    struct buffer shown = { 0 };
    if (logs->step == NULL) {
        human_clean(&shown, text(step));
        buffer_append(&shown, " | ", 3);
    }
    if (logs->cli->on_terminal)
        human_clean(&shown, line);
    else
        buffer_append_bytes(&shown, line);
    cli_print_line(&shown);
    buffer_free(&shown);
}

static void
print_chunk(struct logs *logs, const json_t *chunk)
{
    const char *step = document_text(chunk, "step"), *at = document_text(chunk, "text");
    if (logs->step != NULL && strcmp(logs->step, step) != 0)
        return;
    logs->shown = true;
    if (cli_given(logs->cli, OPTION_json)) {
        cli_print_compact(chunk);
        return;
    }
    while (*at != '\0') {
        size_t size = strcspn(at, "\n");
        print_line(logs, step, bytes_of(at, size));
        at += size + (at[size] == '\n');
    }
}

static enum exit_code
print_page(struct logs *logs)
{
    struct api_path path = api_path("runs", logs->cli->request.words[0], "/logs");
    char after[24];
    const json_t *chunk;
    json_t *page;
    size_t i;
    snprintf(after, sizeof after, "%" PRIu64, logs->after);
    api_query(&path, "after", after);
    api_query(&path, "limit", "1000");
    bool patient = may_be_away(logs);
    struct api_call call = { .method = "GET", .path = &path, .quiet = patient };
    enum exit_code e = api_call(logs->cli, &call, &page, NULL);
    logs->more = false;
    if (e != EXIT_DONE)
        return patient ? EXIT_DONE : e;
    logs->heard_ms = clock_monotonic_ms();
    json_array_foreach(json_object_get(page, "items"), i, chunk)
        print_chunk(logs, chunk);
    cli_flush();
    logs->after = document_number(page, "last_sequence");
    logs->more = json_is_true(json_object_get(page, "has_more"));
    logs->finished = json_is_true(json_object_get(page, "finished"));
    json_decref(page);
    return EXIT_DONE;
}

enum exit_code
command_runs_logs(struct cli *cli)
{
    struct logs logs = { .cli = cli, .step = cli_value(cli, OPTION_step) };
    enum exit_code e = cli_number(cli, OPTION_after, UINT32_MAX, 0, &logs.after);
    while (e == EXIT_DONE) {
        e = print_page(&logs);
        if (!logs.more && (logs.finished || !cli_given(cli, OPTION_follow)))
            break;
        if (!logs.more)
            poll(NULL, 0, AGAIN_MS);
    }
    if (e == EXIT_DONE && logs.step != NULL && !logs.shown)
        cli_remark(cli, "a step %s has printed nothing here", logs.step);
    else if (e == EXIT_DONE && !logs.shown)
        cli_remark(cli, "no job has printed anything here");
    return e;
}
