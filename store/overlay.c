#include "store/overlay.h"

#include "store/cache.h"

struct overlay {
    struct sorted_node *next; /* the change that comes next in this direction */
    const struct range *range;
    each_fn *each;
    void *self;
    bool stopped;
};

/* Is the change `at` still inside the range, seen from where the scan began? */
static bool
inside(const struct overlay *overlay, struct sorted_node *at)
{
    const struct range *range = overlay->range;
    if (range->backward)
        return bytes_order(at->key, range->from) >= 0;
    return range->to.size == 0 || bytes_order(at->key, range->to) < 0;
}

static void
say_change(struct overlay *overlay)
{
    const struct row *row = LIST_OF(overlay->next, struct row, node);
    overlay->next = sorted_next(overlay->next, overlay->range->backward);
    if (row->value != NULL)
        overlay->stopped = !overlay->each(overlay->self, row->node.key, row_value(row));
}

static bool
say_merged(void *self, struct bytes key, struct bytes value)
{
    struct overlay *overlay = self;
    bool backward = overlay->range->backward;
    while (!overlay->stopped && overlay->next != NULL) {
        int order = bytes_order(overlay->next->key, key);
        if (order == 0) {
            say_change(overlay);
            return !overlay->stopped;
        }
        if ((order > 0) != backward)
            break;
        say_change(overlay);
    }
    if (!overlay->stopped)
        overlay->stopped = !overlay->each(overlay->self, key, value);
    return !overlay->stopped;
}

static struct sorted_node *
first_change(const struct sorted *changed, const struct range *range)
{
    if (!range->backward)
        return sorted_at_or_after(changed, range->from);
    return range->to.size == 0 ? sorted_last(changed)
                               : sorted_before(changed, range->to);
}

enum err
overlay_scan(const struct sorted *changed, const struct backend *backend,
    void *backend_self, const struct range *range, each_fn *each, void *each_self,
    struct fault *fault)
{
    struct overlay overlay = {
        .next = first_change(changed, range),
        .range = range,
        .each = each,
        .self = each_self,
    };
    enum err e =
        backend->scan(backend_self, SHELF_ROWS, range, say_merged, &overlay, fault);
    if (e != ERR_NONE)
        return e;
    while (!overlay.stopped && overlay.next != NULL && inside(&overlay, overlay.next))
        say_change(&overlay);
    return ERR_NONE;
}
