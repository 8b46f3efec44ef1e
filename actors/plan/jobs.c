#include "actors/plan/jobs.h"

#include "actors/plan/kinds.h"
#include "actors/plan/payload.h"
#include "actors/plan/scalar.h"
#include "base/duration.h"
#include "base/put.h"

enum job_slot {
    JOB_NAME,
    JOB_NEEDS,
    JOB_RUN,
    JOB_STEPS,
    JOB_ENV,
    JOB_LABELS,
    JOB_RETRIES,
    JOB_TIMEOUT,
    JOB_IF,
    JOB_SLOTS
};

enum {
    COMMAND_MAX = 256 * 1024,
    COMMANDS_TEXTS = 16, /* all commands are at most so many times the longest text */
};

static const struct rule job_rules[] = {
    { .key = "name",
        .type = RULE_PROSE,
        .slot = JOB_NAME,
        .min = 1,
        .max = PLAN_NAME_MAX },
    WANTED("needs", RULE_ANY, JOB_NEEDS),
    { .key = "run", .type = RULE_COMMAND, .slot = JOB_RUN, .max = COMMAND_MAX },
    WANTED("steps", RULE_LIST, JOB_STEPS),
    WANTED("env", RULE_MAP, JOB_ENV),
    WANTED("labels", RULE_LIST, JOB_LABELS),
    { .key = "retries",
        .type = RULE_COUNT,
        .slot = JOB_RETRIES,
        .max = PLAN_ATTEMPTS_MAX - 1 },
    WANTED("timeout", RULE_ANY, JOB_TIMEOUT),
    CONDITION("if", JOB_IF, NAMES_STEP),
};
/* As workflow-graph does, unless it is probably a slip. */
static const struct form job_form = { job_rules, COUNT(job_rules), NULL, OTHERS_NEAR };

enum part_slot { PART_ID, PART_NAME, PART_RUN, PART_ENV, PART_SLOTS };

static const struct rule part_rules[] = {
    { .key = "id",
        .type = RULE_PROSE,
        .slot = PART_ID,
        .min = 1,
        .max = PLAN_NAME_MAX },
    { .key = "name",
        .type = RULE_PROSE,
        .slot = PART_NAME,
        .min = 1,
        .max = PLAN_NAME_MAX },
    { .key = "run", .type = RULE_COMMAND, .slot = PART_RUN, .max = COMMAND_MAX },
    WANTED("env", RULE_MAP, PART_ENV),
    { .key = "if",
        .type = RULE_LATER,
        .hint = "a part of a command cannot be left out, give the job an if" },
};
static const struct form part_form = { part_rules, COUNT(part_rules), NULL,
    OTHERS_NEAR };

/* A command while it is put together: parts joined by " && ". */
struct command {
    struct reading *r;
    struct buffer text;
};

static void
part_begin(struct command *c)
{
    if (c->text.size > 0)
        buffer_print(&c->text, " && ");
}

/* In single quotes, in which only they themselves have a meaning. */
static void
quoted_append(struct buffer *out, struct bytes in)
{
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] == '\'')
            buffer_print(out, "'\\''");
        else
            buffer_append(out, &in.data[i], 1);
    }
}

static void
env_append(struct command *c, const struct node *env)
{
    static const struct rule value = {
        .key = "env", .type = RULE_COMMAND, .max = COMMAND_MAX
    };
    for (const struct node *at = env == NULL ? NULL : env->first; at != NULL;
         at = at->next) {
        if (!name_valid(at->key))
            mistake_at_key(
                c->r, at, "%s is no name of a variable", quoted(at->key).text);
        struct answer a = rule_read(c->r, at, &value);
        part_begin(c);
        buffer_print(
            &c->text, "export %.*s='", (int)at->key.size, (const char *)at->key.data);
        quoted_append(&c->text, a.text);
        buffer_print(&c->text, "'");
    }
}

static bool
blank(uint8_t b)
{
    return b == ' ' || (b >= '\t' && b <= '\r');
}

static void
run_append(struct command *c, struct bytes run)
{
    while (run.size > 0 && blank(run.data[0]))
        run = bytes_of(run.data + 1, run.size - 1);
    while (run.size > 0 && blank(run.data[run.size - 1]))
        run.size--;
    part_begin(c);
    buffer_append_bytes(&c->text, run);
}

static void
parts_append(struct command *c, const struct node *list)
{
    for (const struct node *at = list->first; at != NULL; at = at->next) {
        struct answer a[PART_SLOTS] = { 0 };
        if (at->type == NODE_MAP)
            form_read(c->r, at, &part_form, a);
        else if (at->type != NODE_REFUSED)
            mistake_expected(c->r, at, "a map with run");
        if (a[PART_RUN].at == NULL)
            continue;
        env_append(c, a[PART_ENV].good ? a[PART_ENV].at : NULL);
        part_begin(c);
        buffer_print(&c->text, "echo '=== ");
        if (a[PART_NAME].good)
            quoted_append(&c->text, a[PART_NAME].text);
        else if (a[PART_ID].good)
            quoted_append(&c->text, a[PART_ID].text);
        else
            buffer_print(&c->text, "step %u", at->index + 1);
        buffer_print(&c->text, " ==='");
        run_append(c, a[PART_RUN].text);
    }
}

/* The command of a job, in the arena; `before` is what all of them begin with. */
static struct bytes
command_build(struct reading *r, const struct node *node, const struct answer *a,
    struct bytes before)
{
    struct command c = { .r = r };
    buffer_append_bytes(&c.text, before);
    env_append(&c, a[JOB_ENV].good ? a[JOB_ENV].at : NULL);
    if (a[JOB_STEPS].good)
        parts_append(&c, a[JOB_STEPS].at);
    else if (a[JOB_RUN].good)
        run_append(&c, a[JOB_RUN].text);
    else if (a[JOB_RUN].at == NULL && a[JOB_STEPS].at == NULL)
        mistake_missing(r, node, "run", "missing: expected a command, or steps");
    struct bytes command = arena_copy(r->arena, buffer_bytes(&c.text));
    buffer_free(&c.text);
    return command;
}

/* Whole seconds, as workflow-graph has them, or a duration. */
static uint64_t
timeout_read(struct reading *r, const struct node *node)
{
    uint64_t ms = 0;
    if (node == NULL || node->type == NODE_REFUSED)
        return 0;
    struct scalar s = { .type = SCALAR_NULL };
    if (node->type == NODE_SCALAR)
        s = scalar_read(node);
    bool seconds = s.type == SCALAR_WHOLE && !s.negative && s.whole <= YEAR_MS / 1000;
    if (seconds)
        ms = s.whole * 1000;
    else if (s.type != SCALAR_TEXT || !duration_read(node->text, &ms))
        ms = 0;
    if (ms == 0 || ms > YEAR_MS)
        mistake_expected(r, node, "a number of seconds from 1, or a duration");
    return ms;
}

static void
job_read(struct reading *r, struct steps *steps, const struct node *node,
    struct bytes before)
{
    struct answer a[JOB_SLOTS] = { 0 };
    struct plan_step *step = &steps->list[r->step];
    if (!key_valid(node->key))
        mistake_at_key(r, node,
            "%s is no key of a job: expected 1 to %u letters, digits, dots, dashes or "
            "underscores",
            quoted(node->key).text, (unsigned)PLAN_KEY_MAX);
    else
        step->key = node->key;
    if (node->type != NODE_MAP) {
        if (node->type != NODE_REFUSED)
            mistake_expected(r, node, "a map with run or steps");
        return;
    }
    form_read(r, node, &job_form, a);
    action_begin(step);
    step->kind = STEP_ACTION;
    step->name = a[JOB_NAME].text;
    step->action = text("shell");
    step->parameters = command_build(r, node, a, before);
    step->condition = a[JOB_IF].good ? a[JOB_IF].text : (struct bytes){ 0 };
    step->timeout_ms = timeout_read(r, a[JOB_TIMEOUT].at);
    if (a[JOB_LABELS].good)
        step->labels = labels_pack(r, a[JOB_LABELS].at);
    if (a[JOB_RETRIES].good)
        step->attempts_max = (uint32_t)a[JOB_RETRIES].number + 1;
    steps->drafts[r->step].needs = a[JOB_NEEDS].at;
}

static struct bytes
env_build(struct reading *r, const struct node *env)
{
    struct command c = { .r = r };
    env_append(&c, env);
    struct bytes built = arena_copy(r->arena, buffer_bytes(&c.text));
    buffer_free(&c.text);
    return built;
}

void
jobs_read(struct reading *r, const struct node *jobs, const struct node *env,
    struct steps *steps)
{
    struct bytes before = env_build(r, env);
    size_t most = (size_t)COMMANDS_TEXTS * r->limits->text_max, size = 0;
    steps_begin(r, steps, jobs, tree_count(jobs));
    if (jobs->first == NULL)
        mistake_at(r, jobs, "expected at least one job");
    uint32_t list = steps_list_add(steps, true);
    for (const struct node *at = jobs->first; at != NULL && steps->count < steps->most;
         at = at->next) {
        r->step = steps->count;
        steps_add(steps, at, list, PLAN_NO_STEP);
        if (size > most)
            continue;
        job_read(r, steps, at, before);
        size += steps->list[r->step].parameters.size;
    }
    if (size > most)
        mistake_at(r, jobs,
            "the commands with their env are too large: expected at most %zu bytes",
            most);
    steps->fixed_count = steps->count;
    r->step = PLAN_NO_STEP;
    steps_end(r, steps);
}

/* A text that as a template means `in`: each {{ is written as one that gives it. */
static void
template_escape(struct buffer *out, struct bytes in)
{
    size_t begin = 0;
    for (size_t i = 0; i + 1 < in.size; i++) {
        if (in.data[i] != '{' || in.data[i + 1] != '{')
            continue;
        bool dollar = i > begin && in.data[i - 1] == '$';
        buffer_append(out, in.data + begin, i - begin - (dollar ? 1 : 0));
        buffer_print(out, dollar ? "{{ \"${{\" }}" : "{{ \"{{\" }}");
        begin = i + 2;
        i++;
    }
    if (begin < in.size)
        buffer_append(out, in.data + begin, in.size - begin);
}

/* The jobs whose outputs a job gets: those that it needs, and those that they need. */
struct upstream {
    uint32_t *list; /* [steps] */
    uint32_t count;
    uint32_t *seen; /* [steps]: the last step + 1 that has this one upstream */
    size_t share;   /* bytes that a job may use for those that it needs indirectly */
};

/* Bytes of one entry of upstream_outputs, about. */
static size_t
entry_size(struct bytes key)
{
    return 2 * key.size + sizeof "${{ steps[\"\"].output }}" + 4;
}

/* Nearest first.  Of a long chain each job gets as many as its share allows: all of
 * them together would grow with the square of the jobs. */
static void
upstream_find(struct upstream *u, const struct steps *steps, uint32_t step)
{
    size_t left = u->share;
    u->count = 0;
    u->seen[step] = step + 1;
    for (uint32_t at = 0, from = step;; from = u->list[at++]) {
        for (uint32_t i = 0; i < steps->list[from].needs_count; i++) {
            uint32_t need = steps->list[from].needs[i];
            size_t size = from == step ? 0 : entry_size(steps->list[need].key);
            if (u->seen[need] == step + 1)
                continue;
            if (size > left)
                return;
            left -= size;
            u->seen[need] = step + 1;
            u->list[u->count++] = need;
        }
        if (at == u->count)
            return;
    }
}

/* {command, upstream_outputs: {job: ${{ steps["job"].output }}}} */
static struct bytes
parameters_pack(struct reading *r, const struct steps *steps,
    const struct plan_step *step, const struct upstream *upstream)
{
    struct buffer command = { 0 };
    if (step->templated)
        template_escape(&command, step->parameters);
    else
        buffer_append_bytes(&command, step->parameters);
    buffer_clear(&r->scratch);
    pack_map(&r->scratch, 2);
    put_text(&r->scratch, "command", buffer_bytes(&command));
    pack_string(&r->scratch, "upstream_outputs");
    pack_map(&r->scratch, upstream->count);
    for (uint32_t i = 0; i < upstream->count; i++) {
        struct bytes key = steps->list[upstream->list[i]].key;
        buffer_clear(&command);
        buffer_print(&command, "${{ steps[\"%.*s\"].output }}", (int)key.size,
            (const char *)key.data);
        pack_text(&r->scratch, key);
        pack_text(&r->scratch, buffer_bytes(&command));
    }
    buffer_free(&command);
    return arena_copy(r->arena, buffer_bytes(&r->scratch));
}

void
jobs_finish(struct reading *r, struct steps *steps)
{
    struct upstream upstream = {
        .list = arena_take(r->arena, (steps->count + 1) * sizeof(uint32_t)),
        .seen = arena_take(r->arena, (steps->count + 1) * sizeof(uint32_t)),
        .share = (size_t)COMMANDS_TEXTS * r->limits->text_max / (steps->count + 1),
    };
    /* What was wrong with the needs has been told; they may run in circles. */
    bool whole = r->mistakes->total == 0;
    for (uint32_t i = 0; i < steps->count; i++) {
        struct plan_step *step = &steps->list[i];
        if (whole)
            upstream_find(&upstream, steps, i);
        step->templated = step->needs_count > 0 || expression_in(step->parameters);
        step->parameters = parameters_pack(r, steps, step, &upstream);
        if (step->parameters.size > r->limits->payload_max)
            mistake_at(r, steps->drafts[i].node,
                "takes %zu bytes as msgpack: expected at most %zu",
                step->parameters.size, r->limits->payload_max);
    }
}
