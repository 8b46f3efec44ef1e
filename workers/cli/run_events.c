/* run_events - the log of a run: print it, or watch it grow. */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/event_line.h"
#include "workers/cli/exported.h"
#include "workers/cli/follow.h"

static void
print_event(struct cli *cli, const json_t *event)
{
    struct buffer line = { 0 };
    if (cli_given(cli, OPTION_json)) {
        cli_print_compact(event);
    } else {
        if (cli_given(cli, OPTION_all))
            event_line_full(event, &line);
        else
            event_line(event, &line);
        cli_print_line(&line);
        buffer_free(&line);
    }
    cli_flush();
}

/* Print the page after `*after` and move on; `*more` says whether another may follow.
 */
static enum exit_code
print_page(struct cli *cli, uint64_t *after, bool *more)
{
    struct run_place place = run_place(cli);
    const json_t *event;
    json_t *page;
    size_t i;
    enum exit_code e = run_place_events(cli, &place, *after, &page);
    if (e != EXIT_DONE)
        return e;
    *more = false;
    json_array_foreach(json_object_get(page, "items"), i, event)
    {
        uint64_t sequence = document_number(event, "sequence");
        print_event(cli, event);
        *more = sequence > *after;
        if (*more)
            *after = sequence;
    }
    /* A page may be short of its limit: an empty one is the end, if none says so. */
    *more = *more && !json_is_false(json_object_get(page, "has_more"));
    json_decref(page);
    return EXIT_DONE;
}

enum exit_code
command_runs_events(struct cli *cli)
{
    uint64_t after, ms;
    bool more = true;
    enum exit_code e = cli_number(cli, OPTION_after, UINT32_MAX, 0, &after);
    if (e == EXIT_DONE)
        e = cli_time(cli, OPTION_timeout, 0, &ms);
    if (e != EXIT_DONE)
        return e;
    if (!exported_named(cli))
        return EXIT_USAGE;
    if (cli_given(cli, OPTION_follow) && !cli_given(cli, OPTION_file)) {
        struct follow follow = { .run = cli->request.words[0],
            .after = after,
            .wait_ms = ms,
            .event = print_event };
        return follow_run(cli, &follow);
    }
    while (e == EXIT_DONE && more)
        e = print_page(cli, &after, &more);
    return e;
}

enum exit_code
command_runs_watch(struct cli *cli)
{
    uint64_t ms;
    enum exit_code e = cli_time(cli, OPTION_timeout, 0, &ms);
    if (e != EXIT_DONE)
        return e;
    struct follow follow = {
        .run = cli->request.words[0], .wait_ms = ms, .event = print_event
    };
    return follow_run(cli, &follow);
}
