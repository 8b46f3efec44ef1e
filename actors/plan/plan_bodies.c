/* Where the bodies of `parallel` and `each` lie: see plan_step.  A walk over all steps
 * in the order of their indexes, with a stack of the bodies of `parallel` that are
 * open. */
#include "actors/plan/plan_parts.h"

struct bodies {
    const struct plan_step *steps;
    uint32_t count, fixed_count;
    uint32_t *each_of; /* [count]: the `each` in whose range it lies, or PLAN_NO_STEP */
    uint32_t *open;    /* [count]: `parallel`s, the innermost last */
    uint32_t depth;
    uint32_t *handled; /* [count]: how many steps it handles */
};

static uint32_t
body_end(const struct plan_step *step)
{
    return step->body_first + step->body_count;
}

static bool
range_holds(const struct bodies *b, uint32_t i)
{
    const struct plan_step *s = &b->steps[i];
    if (s->kind != STEP_PARALLEL && s->kind != STEP_EACH)
        return s->body_first == 0 && s->body_count == 0;
    uint32_t most =
        s->kind == STEP_PARALLEL && i < b->fixed_count ? b->fixed_count : b->count;
    return s->body_first > i && s->body_first <= most && s->body_count >= 1
           && s->body_count <= most - s->body_first
           && (s->kind == STEP_EACH ? s->body_first >= b->fixed_count
                                    : s->body_first == i + 1);
}

/* Each step behind the fixed ones is in the range of one `each`. */
static bool
each_ranges_hold(struct bodies *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        b->each_of[i] = PLAN_NO_STEP;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct plan_step *s = &b->steps[i];
        if (!range_holds(b, i))
            return false;
        if (s->kind != STEP_EACH)
            continue;
        for (uint32_t k = s->body_first; k < body_end(s); k++) {
            if (b->each_of[k] != PLAN_NO_STEP)
                return false;
            b->each_of[k] = i;
        }
    }
    for (uint32_t i = b->fixed_count; i < b->count; i++)
        if (b->each_of[i] == PLAN_NO_STEP)
            return false;
    return true;
}

/* Is the parent of step `i` the innermost body that it lies in? */
static bool
parent_holds(struct bodies *b, uint32_t i)
{
    const struct plan_step *s = &b->steps[i];
    while (b->depth > 0 && body_end(&b->steps[b->open[b->depth - 1]]) <= i)
        b->depth--;
    uint32_t parent = b->each_of[i];
    if (b->depth > 0) {
        parent = b->open[b->depth - 1];
        if (b->each_of[parent] != b->each_of[i])
            return false;
    }
    if (s->kind == STEP_PARALLEL) {
        if (b->depth > 0 && body_end(s) > body_end(&b->steps[parent]))
            return false;
        b->open[b->depth++] = i;
    }
    return s->nested == (parent != PLAN_NO_STEP) && s->parent == parent
           && (!s->nested || s->cleanup == b->steps[parent].cleanup);
}

static bool
needs_hold(const struct bodies *b, const struct plan_step *s)
{
    for (uint32_t i = 0; i < s->needs_count; i++) {
        const struct plan_step *need = &b->steps[s->needs[i]];
        if (need->parent != s->parent || need->cleanup != s->cleanup || need->handles)
            return false;
    }
    return !s->handles || s->needs_count == 0;
}

static bool
handler_holds(struct bodies *b, uint32_t i)
{
    const struct plan_step *s = &b->steps[i];
    if (s->on_error != ON_ERROR_STEP)
        return s->handler == PLAN_NO_STEP;
    if (s->handler >= b->count || s->handler == i || s->handles)
        return false;
    const struct plan_step *handler = &b->steps[s->handler];
    return handler->handles && handler->parent == s->parent
           && handler->cleanup == s->cleanup && ++b->handled[s->handler] == 1;
}

bool
plan_bodies_hold(
    const struct plan *plan, const struct plan_step *steps, struct arena *arena)
{
    size_t count = plan->step_count;
    struct bodies b = {
        .steps = steps,
        .count = plan->step_count,
        .fixed_count = plan->fixed_count,
        .each_of = arena_take(arena, count * sizeof *b.each_of),
        .open = arena_take(arena, count * sizeof *b.open),
        .handled = arena_take(arena, count * sizeof *b.handled),
    };
    if (!each_ranges_hold(&b))
        return false;
    for (uint32_t i = 0; i < b.count; i++)
        if (!parent_holds(&b, i) || !needs_hold(&b, &steps[i]) || !handler_holds(&b, i))
            return false;
    for (uint32_t i = 0; i < b.count; i++)
        if (steps[i].handles != (b.handled[i] == 1))
            return false;
    return true;
}
