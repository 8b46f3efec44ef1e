/* Webhooks by Mobius' paths; the shape is the same, but for what a ping says. */
#include "gateway/native/webhooks.h"

#include "gateway/mobius/form.h"
#include "gateway/mobius/mobius.h"
#include "gateway/native/native.h"

void
mobius_webhook_list(struct request *r)
{
    webhook_list(r);
}

void
mobius_webhook_create(struct request *r)
{
    webhook_create(r);
}

void
mobius_webhook_get(struct request *r)
{
    webhook_get(r, r->captures[1]);
}

void
mobius_webhook_update(struct request *r)
{
    webhook_update(r, r->captures[1]);
}

void
mobius_webhook_delete(struct request *r)
{
    webhook_delete(r, r->captures[1]);
}

void
mobius_webhook_rotate(struct request *r)
{
    webhook_rotate(r, r->captures[1]);
}

/* What is not over yet has no success. */
static void
show_ping(struct request *r, unsigned status, struct bytes run)
{
    bool taken = run_status_read(said_text(run, "status")) == RUN_DONE;
    struct bytes error = said_text(pack_find(run, "error"), "message");
    struct bytes answered = pack_find(pack_find(run, "output"), "status");
    struct buffer out = { 0 };
    struct form form = form_open(&out);
    (void)status;
    form_bool(&form, "success", taken);
    form_value(&form, "status_code", answered);
    if (!taken)
        form_text(&form, "error", error.size > 0 ? error : text("no answer yet"));
    form_close(&form);
    form_answer(r, 200, &out);
}

static void
pinged(struct request *r, const struct message *answer)
{
    if (answer->code == RUN_ACCEPTED)
        native_wait_to_show(r, &r->key->project, &answer->run_accepted, 200,
            r->gateway->now_ms + WEBHOOK_PING_MS, show_ping);
    else
        request_show(r, answer);
}

static void
ping(struct request *r, const struct webhook *webhook)
{
    webhook_ping_start(r, webhook, pinged);
}

void
mobius_webhook_ping(struct request *r)
{
    webhook_find(r, r->captures[1], ping);
}

void
mobius_webhook_deliveries(struct request *r)
{
    webhook_deliveries(r, r->captures[1]);
}
