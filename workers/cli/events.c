/* events - publish, list, tail. */
#include "base/clock.h"
#include "workers/cli/answer.h"
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/human.h"
#include "workers/cli/input.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

enum { AWAY_MAX_MS = 15000, AGAIN_MS = 250 };

enum exit_code
command_events_publish(struct cli *cli)
{
    struct api_path path = api_path("events", NULL, "");
    json_t *said, *answer;
    enum exit_code e = input_json("DATA", cli->request.words[1], &said);
    if (e != EXIT_DONE)
        return e;
    json_t *body = json_object();
    api_set(body, "type", cli->request.words[0]);
    api_set(body, "id", cli_value(cli, OPTION_id));
    api_set(body, "source", cli_value(cli, OPTION_source));
    if (said != NULL)
        json_object_set_new(body, "data", said);
    e = api_post(cli, &path, body, &answer);
    json_decref(body);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json))
        cli_print_json(answer);
    else
        printf("%" PRIu64 "\n", document_number(answer, "number"));
    if (json_is_true(json_object_get(answer, "deduped")))
        cli_remark(cli, "the id named this event before");
    json_decref(answer);
    return EXIT_DONE;
}

static void
cell_of_data(struct table *table, const json_t *item)
{
    document_cell_json(table, item, "data");
}

static void
event_row(struct table *table, const json_t *item)
{
    table_number(table, document_number(item, "number"));
    document_cell_time(table, item, "published_at");
    document_cell(table, item, "type");
    document_cell(table, item, "source");
    document_cell(table, item, "id");
    cell_of_data(table, item);
}

enum exit_code
command_events_list(struct cli *cli)
{
    static const char *const heads[] = { ">NUMBER", "PUBLISHED", "TYPE", "SOURCE", "ID",
        "DATA", NULL };
    struct api_path path = api_path("events", NULL, "");
    uint64_t after;
    enum exit_code e = cli_number(cli, OPTION_after, UINT32_MAX, 0, &after);
    if (e != EXIT_DONE)
        return e;
    api_query(&path, "after", cli_value(cli, OPTION_after));
    api_query(&path, "type", cli->request.words[0]);
    return document_list(cli, &path, heads, event_row);
}

/* ---- tail ---- */

static void
print_event(const json_t *event)
{
    struct buffer line = { 0 }, shown = { 0 };
    (void)answer_write(json_object_get(event, "data"), JSON_COMPACT, &shown);
    buffer_print(&line, "%" PRIu64 "  ", document_number(event, "number"));
    human_clean(&line, text(document_text(event, "published_at")));
    buffer_append(&line, "  ", 2);
    human_clean(&line, text(document_text(event, "type")));
    buffer_append(&line, "  ", 2);
    human_clean(&line, buffer_bytes(&shown));
    cli_print_line(&line);
    buffer_free(&shown);
    buffer_free(&line);
}

static bool
hear(void *self, const char *id, struct bytes data)
{
    const struct cli *cli = self;
    json_t *event = answer_read(data);
    (void)id;
    if (json_is_object(event) && cli_given(cli, OPTION_json)) {
        cli_print_compact(event);
    } else if (json_is_object(event)) {
        print_event(event);
    }
    cli_flush();
    json_decref(event);
    return true;
}

/* Behind the last event that there is, unless it was said where to begin. */
static enum exit_code
begin(struct cli *cli, struct stream *stream)
{
    struct api_path path = api_path("events", NULL, "");
    json_t *page;
    uint64_t after;
    enum exit_code e = cli_number(cli, OPTION_after, UINT32_MAX, 0, &after);
    if (e == EXIT_DONE && !cli_given(cli, OPTION_after)) {
        api_query(&path, "limit", "1");
        e = api_get(cli, &path, &page);
        if (e == EXIT_DONE) {
            after = document_number(page, "last");
            json_decref(page);
        }
    }
    if (after > 0)
        snprintf(stream->id, sizeof stream->id, "%" PRIu64, after);
    return e;
}

static enum exit_code
keep_on(struct cli *cli, struct stream *stream, uint64_t wait_ms)
{
    struct api_path path = api_path("events", NULL, "");
    struct api_stream call = { .stream = stream, .after = stream->id };
    uint64_t heard_ms = clock_monotonic_ms(), until_ms = heard_ms + wait_ms;
    api_query(&path, "type", cli->request.words[0]);
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms(), byte_count = stream->byte_count;
        if (wait_ms > 0 && now_ms >= until_ms)
            return EXIT_DONE;
        call.timeout_ms = wait_ms > 0 ? until_ms - now_ms : 0;
        enum exit_code e = api_follow(cli, &path, &call);
        if (e == EXIT_LATE)
            return EXIT_DONE;
        if (e != EXIT_AWAY && e != EXIT_DONE)
            return e;
        if (stream->byte_count != byte_count)
            heard_ms = clock_monotonic_ms();
        if (clock_monotonic_ms() - heard_ms > AWAY_MAX_MS) {
            api_complain_away(cli);
            return EXIT_AWAY;
        }
        poll(NULL, 0, AGAIN_MS);
    }
}

enum exit_code
command_events_tail(struct cli *cli)
{
    struct stream stream = { .hear = hear, .self = cli };
    uint64_t wait_ms;
    enum exit_code e = cli_time(cli, OPTION_timeout, 0, &wait_ms);
    if (e == EXIT_DONE)
        e = begin(cli, &stream);
    if (e == EXIT_DONE) {
        stream_restart(&stream);
        e = keep_on(cli, &stream, wait_ms);
    }
    stream_free(&stream);
    return e;
}
