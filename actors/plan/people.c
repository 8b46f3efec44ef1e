/* Steps that ask people. */
#include "actors/plan/kinds.h"
#include "actors/plan/payload.h"
#include "actors/plan/scalar.h"

enum { APPROVAL = 1, INFORMATION, REVIEW };

static struct bytes
targets_pack(struct reading *r, const struct answer *a)
{
    return a->good ? texts_pack(r, a->at, NAMES_STEP) : (struct bytes){ 0 };
}

/* What is over after a time is the asking; the step itself has no other limit. */
static void
expiry_move(struct filling *f, struct plan_interaction *ask)
{
    const struct answer *on_timeout = &f->a[STEP_ON_TIMEOUT];
    const struct answer *to = &f->a[ASK_ESCALATE_TO];
    bool escalates = on_timeout->good && on_timeout->number == ON_TIMEOUT_ESCALATE;
    ask->expires_ms = f->step->timeout_ms;
    f->step->timeout_ms = 0;
    if (escalates && to->at == NULL)
        mistake_missing(f->r, f->node, "escalate_to",
            "missing: expected who is asked then: a list");
    if (!escalates && to->at != NULL)
        mistake_at_key(f->r, to->at, "only used with on_timeout: escalate");
    const struct answer *until = &f->a[ASK_UNTIL];
    if (until->at != NULL && (escalates || ask->expires_ms > 0))
        mistake_at_key(f->r, until->at,
            escalates ? "not used with on_timeout: escalate"
                      : "until is given besides expires_at: expected one of them");
    if (until->good && !until->templated && !moment_valid(until->text))
        mistake_expected(
            f->r, until->at, "a moment such as \"2027-01-31T09:00:00Z\" (RFC 3339)");
    ask->until = until->text;
}

void
interaction_fill(struct filling *f)
{
    static const char *const protocols[] = { "", "request_approval",
        "request_information", "request_review" };
    struct answer *a = f->a;
    unsigned protocol = (unsigned)a[ASK_PROTOCOL].number;
    bool rejects =
        a[ASK_ON_REJECT].good ? a[ASK_ON_REJECT].number != 0 : protocol == APPROVAL;
    struct plan_interaction ask = {
        .protocol = text(protocols[protocol]),
        .prompt = a[ASK_PROMPT].text,
        .title = a[ASK_TITLE].text,
        .targets = targets_pack(f->r, &a[ASK_TARGETS]),
        .all_of = (uint32_t)a[ASK_RESOLUTION].number,
        .escalate_to = targets_pack(f->r, &a[ASK_ESCALATE_TO]),
        .reject_fails = rejects,
    };
    if (a[ASK_SPEC].good)
        ask.spec = payload_pack(f->r, a[ASK_SPEC].at, NAMES_STEP);
    expiry_move(f, &ask);
    bool typed = given_find(f->node, "type") != NULL;
    fill_required(f, ASK_PROTOCOL, typed ? "kind" : "protocol",
        "request_approval, request_information or request_review");
    if (a[ASK_TITLE].at == NULL && a[ASK_PROMPT].at == NULL)
        fill_required(f, ASK_PROMPT, "prompt", "what is asked, or a title");
    if (protocol == INFORMATION && a[ASK_ON_REJECT].at != NULL)
        mistake_at_key(f->r, a[ASK_ON_REJECT].at, "information cannot be rejected");
    f->step->config = config_pack(f->r, &plan_interaction_shape, &ask);
}
