/* An answer held back until a run is finished. */
#include "base/list.h"
#include "gateway/door.h"
#include "gateway/native/native.h"
#include "gateway/said.h"
#include "gateway/server.h"
#include "gateway/watch.h"

/* Hints may be lost, and the view may be a moment behind. */
enum { RECHECK_MS = 5000, BEHIND_MS = 100 };

struct wait {
    struct request *request;
    struct watch watch;
    struct alarm alarm;
    struct message *question;
    uint64_t until_ms;
    unsigned status; /* of the answer */
    native_show *show;
    struct run_accepted run;
    bool asking, hinted;
};

static void got(struct request *r, const struct message *answer);

static void
look(struct wait *wait)
{
    if (wait->asking)
        return;
    alarm_clear(&wait->request->gateway->alarms, &wait->alarm);
    wait->asking = true;
    request_ask(wait->request, wait->question, got);
}

static struct wait *
wait_of(const struct request *r)
{
    return r->own;
}

static void
later(struct wait *wait, uint64_t ms)
{
    struct gateway *g = wait->request->gateway;
    uint64_t at_ms = g->now_ms + ms;
    if (at_ms > wait->until_ms)
        at_ms = wait->until_ms;
    alarm_set(&g->alarms, &wait->alarm, at_ms > g->now_ms ? at_ms : g->now_ms + 1);
}

static bool
finished(struct bytes document)
{
    return run_status_final(run_status_read(said_text(document, "status")));
}

static void
unhook(struct wait *wait)
{
    struct gateway *g = wait->request->gateway;
    wait->request->alone = NULL;
    watch_clear(g->watches, &wait->watch);
    alarm_clear(&g->alarms, &wait->alarm);
}

/* What is known without the view, which is behind or does not answer: that it began, so
 * that nobody begins it again; or that a trigger fired, and no run has come of it. */
static void
show_accepted(struct wait *wait)
{
    struct buffer out = { 0 };
    native_run_document(&out, &wait->run, NULL);
    wait->show(wait->request, wait->run.started_ms == 0 ? 202 : wait->status,
        buffer_bytes(&out));
    buffer_free(&out);
}

static void
end(struct wait *wait, const struct message *answer)
{
    struct request *r = wait->request;
    unhook(wait);
    if (!request_may(r))
        door_refuse(r);
    else if (answer->code == DOCUMENT)
        wait->show(r, wait->status, answer->document.document);
    else
        show_accepted(wait);
}

static void
got(struct request *r, const struct message *answer)
{
    struct wait *wait = wait_of(r);
    bool over = r->gateway->now_ms >= wait->until_ms;
    wait->asking = false;
    if (over || (answer->code == DOCUMENT && finished(answer->document.document)))
        end(wait, answer);
    else
        later(wait, wait->hinted ? BEHIND_MS : RECHECK_MS);
}

static void
rings(struct alarm *alarm)
{
    look(LIST_OF(alarm, struct wait, alarm));
}

/* The hint has all that there is to say. */
static void
show_hinted(struct wait *wait, const struct run_changed *outcome)
{
    struct request *r = wait->request;
    struct buffer out = { 0 };
    unhook(wait);
    native_run_document(&out, &wait->run, outcome);
    wait->show(r, wait->status, buffer_bytes(&out));
    buffer_free(&out);
}

static void
changed(struct watch *watch, const struct run_changed *hint)
{
    struct wait *wait = LIST_OF(watch, struct wait, watch);
    if (!run_status_final((enum run_status)hint->status))
        return;
    wait->hinted = true;
    if (hint->whole && !wait->asking && request_may(wait->request))
        show_hinted(wait, hint);
    else
        look(wait);
}

/* The next look is the last one. */
static void
hurry(struct wait *wait)
{
    wait->until_ms = 0;
    look(wait);
}

static void
leaving(struct watch *watch)
{
    hurry(LIST_OF(watch, struct wait, watch));
}

static void
alone(struct request *r)
{
    hurry(wait_of(r));
}

void
native_wait(struct request *r, const struct id *project, const struct run_accepted *run,
    unsigned status, uint64_t until_ms)
{
    native_wait_to_show(r, project, run, status, until_ms, request_document);
}

void
native_wait_to_show(struct request *r, const struct id *project,
    const struct run_accepted *run, unsigned status, uint64_t until_ms,
    native_show *show)
{
    bool final = run_status_final((enum run_status)run->status);
    struct wait *wait = arena_take(&r->arena, sizeof *wait);
    wait->request = r;
    wait->status = status;
    wait->show = show;
    wait->until_ms = r->gateway->draining || server_alone(r) ? 0 : until_ms;
    wait->alarm.ring = rings;
    wait->run = *run;
    wait->run.name = arena_copy(&r->arena, run->name);
    wait->watch.run = run->run;
    wait->watch.changed = changed;
    wait->watch.leaving = leaving;
    wait->question = request_message(r, RUN_GET, ACTOR_view);
    wait->question->run_get.run = run->run;
    wait->question->envelope.project = *project;
    r->own = wait;
    r->alone = alone;
    watch_set(r->gateway->watches, &wait->watch);
    wait->hinted = final;
    if (final || wait->until_ms == 0)
        look(wait);
    else
        later(wait, RECHECK_MS);
}
