#include "actors/plan/templates.h"

#include "actors/plan/form.h"
#include "actors/plan/steps.h"
#include "base/nearest.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* One walk over all texts that were noted. */
struct naming {
    struct reading *r;
    const struct declared *declared;
    const struct steps *steps;
    const struct site *site;
    uint32_t *over;  /* [steps]: the last step + 1 before which it is certainly over */
    uint32_t *stack; /* [steps]: whose needs are still to be looked at */
    uint32_t over_for;
};

#define SEEN(names) (1U << (names))
#define IN_STEPS    (SEEN(NAMES_STEP) | SEEN(NAMES_END))
#define AT_START    (IN_STEPS | SEEN(NAMES_START))
#define ALWAYS      (AT_START | SEEN(NAMES_EVENT))

typedef bool allow(struct naming *n, const struct bytes *path, size_t count, char *why);

static allow input_allow, config_allow, context_allow, step_allow, any_allow;

static const struct {
    const char *name;
    unsigned seen; /* by these */
    allow *allow;
} roots[] = {
    { "inputs", AT_START, input_allow },
    { "event", ALWAYS, any_allow },
    { "meta", ALWAYS, any_allow },
    { "config", AT_START, config_allow },
    { "context", IN_STEPS, context_allow },
    { "steps", IN_STEPS, step_allow },
    { "run", IN_STEPS, any_allow },
    { "automation", AT_START, any_allow },
};

void
template_note(struct reading *r, const struct node *node, enum expression_form form,
    enum names names)
{
    struct site *site = arena_take(r->arena, sizeof *site);
    *site = (struct site){
        .node = node,
        .form = form,
        .names = names,
        .step = r->step,
    };
    if (r->last == NULL)
        r->first = site;
    else
        r->last->next = site;
    r->last = site;
}

__attribute__((format(printf, 2, 3))) static bool
refuse(char *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, EXPRESSION_MESSAGE_SIZE, format, args);
    va_end(args);
    return false;
}

/* Keep `known` if it is nearer to `word` than what is kept. */
static void
near_try(struct naming *n, struct nearest *near, struct bytes word, struct bytes known)
{
    char *candidate = arena_take(n->r->arena, known.size + 1);
    if (known.size > 0)
        memcpy(candidate, known.data, known.size);
    nearest_try(near, word, candidate);
}

static void
near_nodes(
    struct naming *n, struct nearest *near, struct bytes word, const struct node *map)
{
    for (const struct node *at = map == NULL ? NULL : map->first; at != NULL;
         at = at->next)
        near_try(n, near, word, at->key);
}

static bool
unknown(char *why, const char *what, struct bytes word, const struct nearest *near)
{
    return refuse(why, "there is no %s %.70s%s%s%s", what, quoted(word).text,
        near->word == NULL ? "" : ": did you mean ",
        near->word == NULL ? "" : near->word, near->word == NULL ? "" : "?");
}

static bool
any_allow(struct naming *n, const struct bytes *path, size_t count, char *why)
{
    (void)n;
    (void)path;
    (void)count;
    (void)why;
    return true;
}

static bool
in_map(const struct node *map, struct bytes key)
{
    const struct node *at = map == NULL ? NULL : map->first;
    while (at != NULL && !bytes_equal(at->key, key))
        at = at->next;
    return at != NULL;
}

/* Is path[1] among what is declared in `first` or `second`? */
static bool
declared_allow(struct naming *n, const struct bytes *path, size_t count,
    const struct node *first, const struct node *second, char *why)
{
    struct nearest near = { 0 };
    if (first == NULL || count < 2 || in_map(first, path[1]) || in_map(second, path[1]))
        return true;
    near_nodes(n, &near, path[1], first);
    near_nodes(n, &near, path[1], second);
    return unknown(
        why, bytes_equal(path[0], text("inputs")) ? "input" : "config", path[1], &near);
}

static bool
input_allow(struct naming *n, const struct bytes *path, size_t count, char *why)
{
    return declared_allow(
        n, path, count, n->declared->inputs, n->declared->default_inputs, why);
}

static bool
config_allow(struct naming *n, const struct bytes *path, size_t count, char *why)
{
    return declared_allow(
        n, path, count, n->declared->config, n->declared->default_config, why);
}

static void
over_mark(struct naming *n, uint32_t step, uint32_t *depth)
{
    if (n->over[step] == n->over_for)
        return;
    n->over[step] = n->over_for;
    n->stack[(*depth)++] = step;
}

/* All that is needed, and what runs in place of such a step. */
static void
needs_mark(struct naming *n, uint32_t step, uint32_t *depth)
{
    const struct plan_step *s = &n->steps->list[step];
    for (uint32_t i = 0; i < s->needs_count; i++)
        over_mark(n, s->needs[i], depth);
    if (n->over[step] == n->over_for && s->handler != PLAN_NO_STEP)
        over_mark(n, s->handler, depth);
}

/* Mark what is certainly over when `step` begins. */
static void
over_find(struct naming *n, uint32_t step)
{
    uint32_t depth = 0;
    n->over_for = step + 1;
    for (uint32_t at = step; at != PLAN_NO_STEP; at = n->steps->list[at].parent) {
        uint32_t handled = n->steps->drafts[at].handled;
        needs_mark(n, at, &depth);
        if (handled != PLAN_NO_STEP) {
            over_mark(n, handled, &depth);
            needs_mark(n, handled, &depth);
        }
    }
    while (depth > 0)
        needs_mark(n, n->stack[--depth], &depth);
}

/* The innermost `each` in whose body it is, or PLAN_NO_STEP. */
static uint32_t
each_around(const struct steps *steps, uint32_t step)
{
    uint32_t at = steps->list[step].parent;
    while (at != PLAN_NO_STEP && steps->list[at].kind != STEP_EACH)
        at = steps->list[at].parent;
    return at;
}

static bool
within(const struct steps *steps, uint32_t step, uint32_t container)
{
    while (step != PLAN_NO_STEP && step != container)
        step = steps->list[step].parent;
    return step == container;
}

/* What around the step of the site would have to need `target`: the step itself, or a
 * body that it is in. */
static uint32_t
needer_of(const struct naming *n, uint32_t target)
{
    uint32_t at = n->site->step;
    while (at != PLAN_NO_STEP
           && n->steps->list[at].parent != n->steps->list[target].parent)
        at = n->steps->list[at].parent;
    return at;
}

/* Is step `target` over when that of the site begins? */
static bool
over_before(struct naming *n, uint32_t target, char *why)
{
    const struct steps *steps = n->steps;
    uint32_t step = n->site->step, each = each_around(steps, target);
    bool end = n->site->names == NAMES_END;
    struct quoted key = quoted(steps->list[target].key);
    if (each != PLAN_NO_STEP && (end || !within(steps, step, each)))
        return refuse(why, "%.50s runs once for each item of %.50s: ask for that",
            key.text, quoted(steps->list[each].key).text);
    if (end || (steps->list[step].cleanup && !steps->list[target].cleanup))
        return true;
    if (n->over_for != step + 1)
        over_find(n, step);
    for (uint32_t at = target; at != PLAN_NO_STEP && at != each;
         at = steps->list[at].parent)
        if (n->over[at] == step + 1)
            return true;
    if (target == step)
        return refuse(why, "the step asks for itself");
    uint32_t needer = needer_of(n, target);
    if (needer == step || needer == PLAN_NO_STEP || needer == target)
        return refuse(why, "%.70s may not be over by then: name it in needs", key.text);
    return refuse(why, "%.50s may not be over by then: let %.50s need it", key.text,
        quoted(steps->list[needer].key).text);
}

/* A dash or dot ends a name in an expression: is `known` what `word` was to begin? */
static bool
cut_short(struct bytes known, struct bytes word)
{
    return known.size > word.size && bytes_begin(known, word)
           && (known.data[word.size] == '-' || known.data[word.size] == '.');
}

/* Not known: was a longer name cut short, or is another one near? */
static bool
name_unknown(struct naming *n, const struct bytes *path, const char *what,
    struct bytes (*name)(const struct plan_step *step), char *why)
{
    struct nearest near = { 0 };
    for (uint32_t i = 0; i < n->steps->count; i++) {
        struct bytes known = name(&n->steps->list[i]);
        if (cut_short(known, path[1]))
            return refuse(why, "there is no %s %.50s: write %.*s[%s]", what,
                quoted(path[1]).text, (int)path[0].size, (const char *)path[0].data,
                quoted(known).text);
        near_try(n, &near, path[1], known);
    }
    return unknown(why, what, path[1], &near);
}

static struct bytes
step_key(const struct plan_step *step)
{
    return step->key;
}

static struct bytes
saved_name(const struct plan_step *step)
{
    return step->save_as.size > 0 ? step->save_as : step->key;
}

static bool
step_allow(struct naming *n, const struct bytes *path, size_t count, char *why)
{
    static const char *const parts[] = { "output", "status", "error" };
    if (count < 2)
        return refuse(why, "expected the key of a step behind steps");
    uint32_t step = steps_find(n->steps, path[1]);
    if (step == PLAN_NO_STEP)
        return name_unknown(n, path, "step", step_key, why);
    bool part = count < 3;
    for (size_t i = 0; i < COUNT(parts) && !part; i++)
        part = bytes_equal(path[2], text(parts[i]));
    if (!part)
        return refuse(why, "a step has output, status and error, not %.70s",
            quoted(path[2]).text);
    return over_before(n, step, why);
}

static bool
context_allow(struct naming *n, const struct bytes *path, size_t count, char *why)
{
    if (count < 2)
        return refuse(why, "expected what a step saved, such as context.name");
    for (uint32_t i = 0; i < n->steps->count; i++)
        if (bytes_equal(saved_name(&n->steps->list[i]), path[1]))
            return over_before(n, i, why);
    return name_unknown(n, path, "name in the context", saved_name, why);
}

/* The name of an item, in a body around the step of the site. */
static bool
item_named(const struct naming *n, struct bytes name)
{
    if (n->site->names != NAMES_STEP)
        return false;
    assert(n->site->step != PLAN_NO_STEP);
    const struct steps *steps = n->steps;
    uint32_t each = each_around(steps, n->site->step);
    bool found = each != PLAN_NO_STEP && bytes_equal(name, text("index"));
    for (; each != PLAN_NO_STEP && !found; each = each_around(steps, each))
        found = bytes_equal(name, steps->drafts[each].as);
    return found;
}

static bool
name_allow(void *self, const struct bytes *path, size_t count,
    char why[EXPRESSION_MESSAGE_SIZE])
{
    struct naming *n = self;
    struct nearest near = { 0 };
    unsigned seen = SEEN(n->site->names);
    if (count == 0)
        return refuse(why, "expected a name, such as .inputs: not everything at once");
    if (item_named(n, path[0]))
        return true;
    for (size_t i = 0; i < COUNT(roots); i++) {
        bool here = (roots[i].seen & seen) != 0;
        if (bytes_equal(path[0], text(roots[i].name)))
            return here
                       ? roots[i].allow(n, path, count, why)
                       : refuse(why, "%s is not known here: expected %s", roots[i].name,
                           n->site->names == NAMES_START
                               ? "inputs, event, meta, config or automation"
                               : "event or meta");
        if (here)
            nearest_try(&near, path[0], roots[i].name);
    }
    if (near.word != NULL)
        return refuse(why, "%.70s is not known here: did you mean %s?",
            quoted(path[0]).text, near.word);
    return refuse(why, "%.70s is not known here: expected %s", quoted(path[0]).text,
        n->site->names == NAMES_EVENT ? "event or meta"
        : n->site->names == NAMES_START
            ? "inputs, event, meta, config or automation"
            : "inputs, steps, context, event, meta or config");
}

/* The byte of a text where libyaml's or expression's line and column are. */
static size_t
byte_of(struct bytes in, uint32_t line, uint32_t column)
{
    size_t at = 0;
    /* never: the line is one that there is */
    for (; line > 1 && at < in.size; at++)
        line -= in.data[at] == '\n';
    /* never: the column is in the line, or at its end */
    for (; column > 1 && at < in.size && in.data[at] != '\n'; column--) {
        at++;
        while (at < in.size && (in.data[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static void
site_check(struct naming *n)
{
    const struct node *node = n->site->node;
    const struct expression_names names = { n, name_allow };
    /* Those by which it will be rendered: an automation may be longer than a text. */
    const struct expression_limits *limits = &expression_limits_default;
    struct expression_fault fault = { 0 };
    if (!mistake_wanted(n->r, node->at))
        return;
    enum err e = expression_check(
        node->text, n->site->form, &names, limits, n->r->arena, &fault);
    if (e == ERR_NONE)
        return;
    struct node at = *node;
    at.at = tree_place(n->r->text, node, byte_of(node->text, fault.line, fault.column));
    mistake_at(n->r, &at, "%s", fault.message);
}

void
templates_check(
    struct reading *r, const struct declared *declared, const struct steps *steps)
{
    size_t count = steps->count;
    struct naming n = {
        .r = r,
        .declared = declared,
        .steps = steps,
        .over = arena_take(r->arena, count * sizeof *n.over),
        .stack = arena_take(r->arena, count * sizeof *n.stack),
    };
    for (n.site = r->first; n.site != NULL; n.site = n.site->next)
        site_check(&n);
}
