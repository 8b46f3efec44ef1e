#include "workers/cli/follow.h"

#include "base/clock.h"
#include "workers/cli/answer.h"
#include "workers/cli/document.h"
#include "workers/cli/event_line.h"
#include "workers/cli/human.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    AWAY_MAX_MS = 15000, /* an engine that restarts is back by then */
    AGAIN_MIN_MS = 50,
    AGAIN_MAX_MS = 2000,
    STALL_MS = 3000, /* without an event: then it is told why */
    EXPLAIN_MS = 2000
};

struct following {
    struct cli *cli;
    const struct follow *follow;
    uint64_t begin_ms, heard_ms, event_ms; /* monotonic; of the last bytes, and event */
    struct buffer doing;                   /* for the progress line */
    bool progress_shown;
    bool stall_told; /* since the last event */
    json_t *last;    /* the last event, if a run ends with such a one; owned */
    enum exit_code ending;
    bool ended;
};

static void
hide_progress(struct following *f)
{
    if (f->progress_shown)
        fputs("\r\033[K", stderr);
    f->progress_shown = false;
}

/* Say what the run waits for, unless it is a worker that is at it. */
static void
tell_stall(struct following *f)
{
    struct api_path path = api_path("runs", f->follow->run, "/explain");
    struct api_call call = {
        .method = "GET", .path = &path, .timeout_ms = EXPLAIN_MS, .quiet = true
    };
    json_t *answer;
    f->stall_told = true;
    if (api_call(f->cli, &call, &answer, NULL) != EXIT_DONE)
        return;
    const char *code = document_text(answer, "code");
    if (strcmp(code, "leased") != 0 && strcmp(code, "moving") != 0
        && strcmp(code, "finished") != 0) {
        struct buffer reason = { 0 };
        human_clean(&reason, text(document_text(answer, "reason")));
        hide_progress(f);
        cli_remark(f->cli, "%.*s", (int)reason.size, (const char *)reason.data);
        buffer_free(&reason);
    }
    json_decref(answer);
}

static void
show_progress(void *self)
{
    struct following *f = self;
    char span[HUMAN_MAX];
    if (f->last != NULL)
        return;
    if (!f->ended && !f->stall_told && clock_monotonic_ms() - f->event_ms >= STALL_MS)
        tell_stall(f);
    if (!f->cli->may_progress || f->ended)
        return;
    fflush(stdout);
    fprintf(stderr, "\r\033[K%s  %.*s  %s", f->follow->run,
        f->doing.size < 60 ? (int)f->doing.size : 60, (const char *)f->doing.data,
        human_span(clock_monotonic_ms() - f->begin_ms, span));
    fflush(stderr);
    f->progress_shown = true;
}

static const char *
text_of(const json_t *event, const char *name)
{
    const char *value =
        json_string_value(json_object_get(json_object_get(event, "payload"), name));
    return value != NULL ? value : "";
}

static void
tell_failure(const struct following *f, const json_t *event)
{
    static const char *const names[] = { "error_type", "error" };
    struct buffer why = { 0 };
    for (size_t i = 0; i < COUNT(names); i++) {
        if (text_of(event, names[i])[0] == '\0')
            continue;
        buffer_append(&why, ": ", 2);
        human_clean(&why, text(text_of(event, names[i])));
    }
    if (text_of(event, "step")[0] != '\0') {
        buffer_append(&why, ", in step ", 10);
        human_clean(&why, text(text_of(event, "step")));
    }
    cli_complain(
        "%s failed%.*s", f->follow->run, (int)why.size, (const char *)why.data);
    buffer_free(&why);
}

static void
tell_cancel(const struct following *f, const json_t *event)
{
    static const char *const names[] = { "by", "reason" };
    struct buffer how = { 0 };
    for (size_t i = 0; i < COUNT(names); i++) {
        if (text_of(event, names[i])[0] == '\0')
            continue;
        buffer_print(&how, i == 0 ? " by " : ": ");
        human_clean(&how, text(text_of(event, names[i])));
    }
    cli_complain(
        "%s was cancelled%.*s", f->follow->run, (int)how.size, (const char *)how.data);
    buffer_free(&how);
}

static void
end_run(struct following *f, const json_t *event, const char *ending)
{
    f->ended = true;
    if (strcmp(ending, "completed") == 0) {
        f->ending = EXIT_DONE;
        cli_remark(f->cli, "%s completed", f->follow->run);
    } else if (strcmp(ending, "failed") == 0) {
        f->ending = EXIT_RUN_FAILED;
        tell_failure(f, event);
    } else {
        f->ending = EXIT_RUN_STOPPED;
        tell_cancel(f, event);
    }
}

static bool
hear(void *self, const char *id, struct bytes data)
{
    struct following *f = self;
    json_t *event = answer_read(data);
    (void)id;
    f->event_ms = clock_monotonic_ms();
    f->stall_told = false;
    if (!json_is_object(event)) {
        json_decref(event);
        return true;
    }
    hide_progress(f);
    if (f->follow->event != NULL)
        f->follow->event(f->cli, event);
    buffer_clear(&f->doing);
    event_line(event, &f->doing);
    json_decref(f->last);
    f->last = event_ending(event) != NULL ? json_incref(event) : NULL;
    show_progress(f);
    json_decref(event);
    return true;
}

/* Nothing came behind the last event: it was no end of a run that was retried. */
static void
end_by_last(struct following *f)
{
    if (f->last != NULL && !f->ended)
        end_run(f, f->last, event_ending(f->last));
}

/* What is left of the wait: 0 for ever, or false when it is over. */
static bool
time_left(const struct following *f, uint64_t *left)
{
    uint64_t spent = clock_monotonic_ms() - f->begin_ms;
    *left = 0;
    if (f->follow->wait_ms == 0)
        return true;
    if (spent >= f->follow->wait_ms)
        return false;
    *left = f->follow->wait_ms - spent;
    return true;
}

/* The stream ended without an ending: was the run finished before it began? */
static void
ask_status(struct following *f)
{
    struct api_path path = api_path("runs", f->follow->run, "");
    struct api_call call = { .method = "GET", .path = &path, .quiet = true };
    json_t *run;
    if (api_call(f->cli, &call, &run, NULL) != EXIT_DONE)
        return;
    const json_t *error = json_object_get(run, "error");
    json_t *event = json_pack("{s:s+, s:{s:s, s:s, s:s}}", "event_type", "run.",
        document_text(run, "status"), "payload", "error_type",
        document_text(error, "type"), "error", document_text(error, "message"), "step",
        document_text(error, "step"));
    const char *ending = event_ending(event);
    if (ending != NULL)
        end_run(f, event, ending);
    json_decref(event);
    json_decref(run);
}

/* Wait a little longer each time that nothing was heard: false when that is too long.
 * A run may say nothing for days; an engine that is there says so now and then. */
static bool
may_try_again(struct following *f, bool heard, int *again_ms)
{
    if (heard)
        f->heard_ms = clock_monotonic_ms();
    *again_ms = heard ? AGAIN_MIN_MS : *again_ms * 2;
    if (*again_ms > AGAIN_MAX_MS)
        *again_ms = AGAIN_MAX_MS;
    if (clock_monotonic_ms() - f->heard_ms > AWAY_MAX_MS)
        return false;
    poll(NULL, 0, *again_ms);
    return true;
}

/* Connect until the run is finished, the time is over or nobody answers any more. */
static enum exit_code
keep_on(struct following *f, struct stream *stream)
{
    struct api_path path = api_path("runs", f->follow->run, "/events");
    struct api_stream call = {
        .stream = stream, .after = stream->id, .tick = show_progress, .self = f
    };
    int again_ms = AGAIN_MIN_MS;
    while (!f->ended && time_left(f, &call.timeout_ms)) {
        uint64_t byte_count = stream->byte_count;
        enum exit_code e = api_follow(f->cli, &path, &call);
        bool heard = stream->byte_count != byte_count;
        if (e == EXIT_DONE)
            end_by_last(f);
        if (e == EXIT_DONE && !f->ended)
            ask_status(f);
        if (f->ended || (e != EXIT_AWAY && e != EXIT_DONE))
            return e;
        if (!may_try_again(f, heard, &again_ms))
            return EXIT_AWAY;
    }
    return f->ended ? EXIT_DONE : EXIT_LATE;
}

/* What is said of a run when whoever follows it is interrupted. */
static char farewell[128];

static void
take_leave(int number)
{
    ssize_t said = write(STDERR_FILENO, farewell, strlen(farewell));
    raise(said < 0 ? SIGTERM : number); /* by now the default */
}

/* Whoever presses Ctrl-C does not end the run, and is told how to. */
static void
hear_interrupt(const struct cli *cli, const char *run)
{
    struct sigaction leave = { .sa_handler = take_leave,
        .sa_flags = (int)SA_RESETHAND };
    snprintf(farewell, sizeof farewell,
        "\n%s goes on; capstan runs cancel %s ends it\n", run, run);
    if (!cli_given(cli, OPTION_quiet) && sigaction(SIGINT, &leave, NULL) != 0)
        farewell[0] = '\0';
}

enum exit_code
follow_run(struct cli *cli, const struct follow *follow)
{
    struct following f = {
        .cli = cli, .follow = follow, .begin_ms = clock_monotonic_ms()
    };
    struct stream stream = { .hear = hear, .self = &f };
    f.heard_ms = f.event_ms = f.begin_ms;
    if (follow->after > 0)
        snprintf(stream.id, sizeof stream.id, "%" PRIu64, follow->after);
    stream_restart(&stream);
    hear_interrupt(cli, follow->run);
    enum exit_code e = keep_on(&f, &stream);
    end_by_last(&f);
    hide_progress(&f);
    if (f.ended)
        e = f.ending;
    else if (e == EXIT_LATE)
        cli_complain("%s is not finished yet; it goes on", follow->run);
    else if (e == EXIT_AWAY)
        api_complain_away(cli);
    stream_free(&stream);
    buffer_free(&f.doing);
    json_decref(f.last);
    return e;
}

static void
print_run_row(const struct cli *cli, const json_t *run)
{
    if (cli_given(cli, OPTION_json))
        cli_print_json(run);
    else
        printf("%s\n", document_text(run, "id"));
    cli_flush();
}

static enum exit_code
print_whole(struct cli *cli, const char *id)
{
    json_t *run;
    struct api_path path = api_path("runs", id, "");
    enum exit_code e = api_get(cli, &path, &run);
    if (e == EXIT_DONE)
        cli_print_json(run);
    json_decref(run);
    return e;
}

/* The id is printed at once, so that a caller has it whatever happens then. */
enum exit_code
follow_begun(struct cli *cli, const json_t *run)
{
    bool json = cli_given(cli, OPTION_json), wait = cli_given(cli, OPTION_wait);
    struct follow follow = { .run = document_text(run, "id") };
    enum exit_code e = cli_time(cli, OPTION_wait, 0, &follow.wait_ms);
    if (e != EXIT_DONE)
        return e;
    if (!json || !wait)
        print_run_row(cli, run);
    if (!wait)
        return EXIT_DONE;
    e = follow_run(cli, &follow);
    if (json && e != EXIT_AWAY) {
        enum exit_code printed = print_whole(cli, follow.run);
        e = e == EXIT_DONE ? printed : e;
    }
    return e;
}
