/* Steps that hand work to somebody: a worker, another automation, an agent. */
#include "actors/plan/keys.h"
#include "actors/plan/kinds.h"
#include "actors/plan/payload.h"
#include "base/put.h"

struct bytes
labels_pack(struct reading *r, const struct node *list)
{
    static const struct rule label = NAMED("label", RULE_WORD, 0);
    struct keyed keys[PLAN_LABELS_MAX];
    size_t count = 0, kept = 0;
    if (tree_count(list) > PLAN_LABELS_MAX) {
        mistake_at(r, list, "expected at most %u labels, found %u",
            (unsigned)PLAN_LABELS_MAX, tree_count(list));
        return (struct bytes){ 0 };
    }
    for (const struct node *item = list->first; item != NULL; item = item->next) {
        struct answer a = rule_read(r, item, &label);
        if (a.good)
            keys[count++] = (struct keyed){ a.text, 0 };
    }
    keys_sort(keys, count, r->arena);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !bytes_equal(keys[i].key, keys[i - 1].key))
            keys[kept++] = keys[i];
    buffer_clear(&r->scratch);
    pack_array(&r->scratch, kept);
    for (size_t i = 0; i < kept; i++)
        pack_text(&r->scratch, keys[i].key);
    return arena_copy(r->arena, buffer_bytes(&r->scratch));
}

void
action_begin(struct plan_step *step)
{
    static const struct bytes nothing = { 0 };
    step->queue = text("default");
    step->labels = pack_or_list(nothing);
    step->parameters = pack_or_map(nothing);
}

void
action_fill(struct filling *f)
{
    struct answer *a = f->a;
    struct plan_step *step = f->step;
    action_begin(step);
    step->action = a[ACTION_NAME].text;
    if (a[ACTION_QUEUE].good)
        step->queue = a[ACTION_QUEUE].text;
    step->environment =
        a[ACTION_ENVIRONMENT].good ? a[ACTION_ENVIRONMENT].text : f->r->environment_id;
    if (a[ACTION_LABELS].good)
        step->labels = labels_pack(f->r, a[ACTION_LABELS].at);
    if (a[ACTION_PARAMETERS].good) {
        step->parameters = payload_pack(f->r, a[ACTION_PARAMETERS].at, NAMES_STEP);
        step->templated = payload_templated(a[ACTION_PARAMETERS].at);
    }
    bool flat = a[STEP_CONFIG].at == NULL && given_find(f->node, "type") != NULL;
    fill_required(f, ACTION_NAME, flat ? "action" : "action_name",
        "the name of an action, such as \"print\"");
}

void
child_fill(struct filling *f)
{
    struct answer *a = f->a;
    struct plan_child child = {
        .automation = a[CHILD_AUTOMATION].text,
        .wait = a[CHILD_WAIT].number != 0,
        .orphan = (uint32_t)a[CHILD_ON_CANCEL].number,
    };
    if (a[CHILD_INPUTS].good)
        child.inputs = payload_pack(f->r, a[CHILD_INPUTS].at, NAMES_STEP);
    fill_required(f, CHILD_AUTOMATION, "automation", "the name of an automation");
    if (child.orphan && child.wait)
        mistake_at(f->r, a[CHILD_ON_CANCEL].at,
            "a child that is waited for is cancelled too: expected cancel");
    f->step->config = config_pack(f->r, &plan_child_shape, &child);
}

/* The config of an agent is kept as written, under the names of the first dialect. */
void
agent_fill(struct filling *f)
{
    static const struct {
        unsigned slot;
        const char *name;
        enum names names;
    } parts[] = {
        { AGENT_INSTRUCTIONS, "instructions", NAMES_STEP },
        { AGENT_TOOL_NAMES, "tool_names", NAMES_NONE },
        { AGENT_DISABLE_TOOLS, "disable_tools", NAMES_NONE },
        { AGENT_OUTPUT_SCHEMA, "output_schema", NAMES_NONE },
        { AGENT_MAX_TURNS, "max_turns", NAMES_NONE },
        { AGENT_MODEL_ROUTE, "model_route", NAMES_NONE },
        { AGENT_SESSION, "session", NAMES_STEP },
        { AGENT_MEMORY_TABLES, "memory_tables", NAMES_NONE },
    };
    struct bytes packed[COUNT(parts)] = { 0 };
    struct bytes agent_id = f->a[AGENT_ID].good ? f->a[AGENT_ID].text : f->r->agent_id;
    size_t count = agent_id.size > 0;
    for (size_t i = 0; i < COUNT(parts); i++)
        if (f->a[parts[i].slot].good) {
            packed[i] = payload_pack(
                f->r, f->a[parts[i].slot].at, i == 0 ? NAMES_NOTED : parts[i].names);
            count += packed[i].size > 0;
        }
    struct buffer out = { 0 };
    pack_map(&out, count);
    if (agent_id.size > 0) {
        put_text(&out, "agent_id", agent_id);
    }
    for (size_t i = 0; i < COUNT(parts); i++)
        if (packed[i].size > 0) {
            pack_string(&out, parts[i].name);
            pack_raw(&out, packed[i]);
        }
    struct plan_agent agent = { .config = buffer_bytes(&out) };
    fill_required(f, AGENT_INSTRUCTIONS, "instructions", "what the agent is to do");
    f->step->config = config_pack(f->r, &plan_agent_shape, &agent);
    buffer_free(&out);
}
