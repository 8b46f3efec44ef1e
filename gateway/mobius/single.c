#include "gateway/mobius/single.h"

#include "base/clock.h"
#include "gateway/native/native.h"

bool
single_is(struct bytes automation, const char *begin)
{
    return bytes_begin(automation, text(begin));
}

bool
single_is_any(struct bytes automation)
{
    return single_is(automation, SINGLE_ACTION)
           || single_is(automation, SINGLE_INTERACTION);
}

static void started(struct request *r, const struct message *answer);

static void
start(struct request *r, const struct single *single)
{
    struct message *m = request_message(r, RUN_START, ACTOR_scheduler);
    m->run_start.automation = single->automation;
    m->run_start.key = single->key;
    m->run_start.inputs = single->inputs;
    native_place(r, m);
    request_ask(r, m, started);
}

static void
applied(struct request *r, const struct message *answer)
{
    struct single *single = r->own;
    single->applied = true;
    if (answer->code == DOCUMENT)
        start(r, single);
    else
        request_show(r, answer);
}

static void
started(struct request *r, const struct message *answer)
{
    const struct single *single = r->own;
    bool unknown = answer->code == REFUSED && answer->refused.err == ERR_NOT_FOUND;
    if (!unknown || single->applied) {
        single->done(r, answer);
        return;
    }
    struct message *m = request_message(r, AUTOMATION_APPLY, ACTOR_registry);
    m->automation_apply.definition = single->definition;
    m->automation_apply.automation = id_fresh(0);
    request_ask(r, m, applied);
}

void
single_start(struct request *r, struct single *single)
{
    r->own = single;
    start(r, single);
}
