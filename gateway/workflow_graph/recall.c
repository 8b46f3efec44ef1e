/* What a job has set by its lines before the gateway began anew: it is in the log. */
#include "gateway/workflow_graph/log_page.h"
#include "gateway/workflow_graph/look.h"
#include "gateway/workflow_graph/state.h"

enum { AGAIN_MS = 1000 };

struct recall {
    struct request *request;
    struct alarm alarm;
    struct message *question;
    struct bytes key, token;
    uint32_t attempt;
    struct outputs before;
};

/* Behind what it set before comes what it has set since. */
static void
put_before(struct lease *lease, struct outputs *before)
{
    struct outputs since = lease->outputs;
    struct cursor c = cursor_over(buffer_bytes(&since.pairs));
    outputs_end(before);
    buffer_free(&before->line);
    lease->outputs = *before;
    lease->outputs.line = since.line;
    lease->outputs.overlong = since.overlong;
    since.line = (struct buffer){ 0 };
    for (size_t i = 0; i < since.count; i++) {
        struct bytes name = cursor_text(&c);
        outputs_set(&lease->outputs, name, cursor_text(&c));
    }
    outputs_free(&since);
    *before = (struct outputs){ 0 };
    lease->restored = false;
}

static void
left(struct request *r)
{
    struct recall *recall = r->own;
    alarm_clear(&r->gateway->alarms, &recall->alarm);
    outputs_free(&recall->before);
}

static struct lease *
lease_of(const struct recall *recall)
{
    return map_get(&recall->request->gateway->workflow_graph->leases, recall->token);
}

static void
end(struct recall *recall)
{
    struct request *r = recall->request;
    struct lease *lease = lease_of(recall);
    if (lease != NULL && lease->restored)
        put_before(lease, &recall->before);
    left(r);
    r->left = NULL;
    r->route->serve(r);
}

/* Nothing else knows it: a view that does not answer is asked again, as long as the
 * lease lasts. */
static void
got_nothing(struct recall *recall, const struct message *answer)
{
    struct gateway *g = recall->request->gateway;
    const struct lease *lease = lease_of(recall);
    bool known =
        answer->code == REFUSED && refused_err(&answer->refused) == ERR_NOT_FOUND;
    if (known || g->draining || lease == NULL || lease->state != LEASE_HELD)
        end(recall);
    else
        alarm_set(&g->alarms, &recall->alarm, g->now_ms + AGAIN_MS);
}

static void
got_page(struct request *r, const struct message *answer)
{
    struct recall *recall = r->own;
    struct bytes chunk;
    if (answer->code != DOCUMENT) {
        got_nothing(recall, answer);
        return;
    }
    struct log_page page = log_page_open(answer->document.document);
    while (log_page_next(&page, recall->key, &chunk))
        if (said_number(chunk, "attempt") == recall->attempt
            && bytes_equal(said_text(chunk, "stream"), text("stdout")))
            outputs_read(&recall->before, said_text(chunk, "text"));
    if (!page.more) {
        end(recall);
        return;
    }
    recall->question->log_list.after = page.last;
    request_ask(r, recall->question, got_page);
}

static void
rings(struct alarm *alarm)
{
    struct recall *recall = LIST_OF(alarm, struct recall, alarm);
    request_ask(recall->request, recall->question, got_page);
}

void
lease_recall(struct lease *lease, struct request *r)
{
    struct recall *recall = arena_take(&r->arena, sizeof *recall);
    recall->request = r;
    recall->alarm.ring = rings;
    recall->key = look_key(r, lease->job);
    recall->token = arena_copy(&r->arena, bytes_of(lease->token, TOKEN_SIZE));
    recall->attempt = lease->attempt;
    recall->question = log_page_question(r, &lease->run, 0);
    r->own = recall;
    r->left = left;
    request_ask(r, recall->question, got_page);
}
