/* Workflows: listed, shown, run, cancelled. */
#include "gateway/native/native.h"
#include "gateway/workflow_graph/sheet.h"
#include "gateway/workflow_graph/state.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, BEHIND_MS = 10, PATIENCE_MS = 5000 };

static void
show_found(struct look *look)
{
    struct request *r = look->request;
    struct buffer out = { 0 };
    unsigned status = r->route->method == METHOD_POST ? 201 : 200;
    (void)sheet_write(look, (struct bytes){ 0 }, &out);
    request_document(r, status, buffer_bytes(&out));
    buffer_free(&out);
}

void
workflow_graph_show(struct request *r, struct bytes id)
{
    struct look *look = arena_take(&r->arena, sizeof *look);
    look->found = show_found;
    look_begin(r, look, id, LOOK_STEPS);
}

void
workflow_graph_workflow_status(struct request *r)
{
    workflow_graph_show(r, r->captures[0]);
}

/* A list is made of one workflow after the other. */
struct listing {
    struct look look; /* first: see look_begin */
    struct message *question;
    struct cursor items; /* of the page of automations */
    size_t items_left;
    struct bytes cursor;  /* of the next page */
    struct bytes status;  /* that some job must have; or nothing */
    uint64_t limit, skip; /* still to show, and to pass over */
    struct buffer out;
    uint64_t shown;
};

static void list_next(struct listing *l);

static void
list_end(struct listing *l)
{
    struct request *r = l->look.request;
    struct buffer out = { 0 };
    pack_array(&out, l->shown);
    buffer_append_bytes(&out, buffer_bytes(&l->out));
    request_document(r, 200, buffer_bytes(&out));
    buffer_free(&out);
}

static void
list_found(struct look *look)
{
    struct listing *l = (struct listing *)look;
    size_t before = l->out.size;
    if (sheet_fits(look->automation) && sheet_write(look, l->status, &l->out)) {
        if (l->skip > 0) {
            l->skip--;
            l->out.size = before;
        } else {
            l->shown++;
            l->limit--;
        }
    }
    list_next(l);
}

static void
list_missing(struct look *look)
{
    list_next((struct listing *)look);
}

static void
got_automations(struct request *r, const struct message *answer)
{
    struct listing *l = r->own;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct bytes page = arena_copy(&r->arena, answer->document.document);
    l->items = cursor_over(pack_find(page, "items"));
    l->items_left = cursor_array(&l->items);
    l->cursor = said_text(page, "next_cursor");
    list_next(l);
}

static void
list_ask(struct listing *l)
{
    struct request *r = l->look.request;
    l->question = request_message(r, AUTOMATION_LIST, ACTOR_registry);
    l->question->automation_list.limit = LIMIT_DEFAULT;
    l->question->automation_list.cursor = l->cursor;
    r->own = l;
    request_ask(r, l->question, got_automations);
}

static void
list_next(struct listing *l)
{
    while (l->limit > 0 && l->items_left > 0) {
        struct bytes item = cursor_skip(&l->items);
        l->items_left--;
        if (bytes_equal(said_text(item, "status"), text("archived")))
            continue;
        look_begin(l->look.request, &l->look, said_text(item, "id"), LOOK_STEPS);
        return;
    }
    if (l->limit > 0 && l->cursor.size > 0)
        list_ask(l);
    else
        list_end(l);
}

static void
list_left(struct request *r)
{
    struct listing *l = r->own;
    buffer_free(&l->out);
}

void
workflow_graph_workflow_list(struct request *r)
{
    struct listing *l = arena_take(&r->arena, sizeof *l);
    if (!request_number(r, "limit", 0, INT64_MAX, LIMIT_DEFAULT, &l->limit)
        || !request_number(r, "offset", 0, INT64_MAX, 0, &l->skip))
        return;
    if (l->limit > LIMIT_MAX)
        l->limit = LIMIT_MAX;
    l->status = target_query(&r->target, "status");
    l->look.request = r;
    l->look.found = list_found;
    l->look.missing = list_missing;
    r->own = l;
    r->left = list_left;
    list_ask(l);
}

/* Starting or cancelling a run, and waiting until the view shows it: who asks for the
 * status next must see what was asked for before. */
struct order {
    struct look look; /* first: see look_begin */
    struct message *question;
    struct alarm alarm;
    uint64_t until_ms;
    struct id run;
    bool ended; /* the run shall be final */
};

static void
look_later(struct alarm *alarm)
{
    look_again(&LIST_OF(alarm, struct order, alarm)->look);
}

static void
order_seen(struct look *look)
{
    struct order *order = (struct order *)look;
    struct gateway *g = look->request->gateway;
    bool there = look->has_run && id_equal(&look->run, &order->run);
    bool seen = there && (!order->ended || look_final(look->summary));
    /* Another one may have come since. */
    seen |= look->has_run && !there && id_unix_ms(&look->run) > id_unix_ms(&order->run);
    if (seen || g->now_ms >= order->until_ms || g->draining) {
        answer_empty(look->request, 202);
        return;
    }
    order->alarm.ring = look_later;
    alarm_set(&g->alarms, &order->alarm, g->now_ms + BEHIND_MS);
}

static void
ordered(struct request *r, const struct message *answer)
{
    struct order *order = r->own;
    if (answer->code != RUN_ACCEPTED) {
        /* It has just ended of itself. */
        if (order->ended && answer->code == REFUSED
            && answer->refused.err == ERR_FINISHED)
            answer_empty(r, 202);
        else
            request_show(r, answer);
        return;
    }
    order->run = answer->run_accepted.run;
    order->until_ms = r->gateway->now_ms + PATIENCE_MS;
    order->look.found = order_seen;
    look_again(&order->look);
}

/* The same for all that ask after the same last run: none of them starts a second. */
static struct bytes
start_key(struct look *look)
{
    struct buffer key = { 0 };
    buffer_print(&key, "workflow-graph:");
    buffer_append_bytes(&key, look->name);
    buffer_print(&key, ":after:");
    if (look->has_run)
        buffer_append_bytes(&key, said_text(look->summary, "id"));
    struct bytes kept = arena_copy(&look->request->arena, buffer_bytes(&key));
    buffer_free(&key);
    return kept;
}

static void
run_found(struct look *look)
{
    struct order *order = (struct order *)look;
    struct request *r = look->request;
    if (look_active(look)) {
        answer_empty(r, 202);
        return;
    }
    struct message *m = order->question =
        request_message(r, RUN_START, ACTOR_scheduler);
    m->run_start.automation = look->name;
    m->run_start.key = start_key(look);
    native_place(r, m);
    request_ask(r, m, ordered);
}

static void
cancel_found(struct look *look)
{
    struct order *order = (struct order *)look;
    struct request *r = look->request;
    if (!look_active(look)) {
        answer_empty(r, 202);
        return;
    }
    struct message *m = order->question =
        request_message(r, RUN_CANCEL, ACTOR_scheduler);
    m->run_cancel.run = look->run;
    m->run_cancel.by = text("api");
    native_ask_run(r, m, &look->run, ordered);
}

static void
give_order(struct request *r, void (*found)(struct look *look), bool ended)
{
    struct order *order = arena_take(&r->arena, sizeof *order);
    order->look.found = found;
    order->ended = ended;
    look_begin(r, &order->look, r->captures[0], LOOK_RUN);
}

void
workflow_graph_workflow_run(struct request *r)
{
    give_order(r, run_found, false);
}

void
workflow_graph_workflow_cancel(struct request *r)
{
    give_order(r, cancel_found, true);
}

/* Leases that this gateway knows say it at once. */
static void
cancelled_found(struct look *look)
{
    struct buffer out = { 0 };
    pack_bool(&out,
        look->has_run
            && bytes_equal(said_text(look->summary, "status"), text("cancelled")));
    request_document(look->request, 200, buffer_bytes(&out));
    buffer_free(&out);
}

void
workflow_graph_job_cancelled(struct request *r)
{
    const struct lease *lease = lease_of_job(
        r->gateway->workflow_graph, &r->key->project, r->captures[0], r->captures[1]);
    if (lease != NULL) {
        static const uint8_t flags[] = { 0xc2, 0xc3 };
        request_document(r, 200, bytes_of(&flags[lease->cancelled], 1));
        return;
    }
    struct look *look = arena_take(&r->arena, sizeof *look);
    look->found = look->missing = cancelled_found;
    look_begin(r, look, r->captures[0], LOOK_RUN);
}
