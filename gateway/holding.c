#include "gateway/holding.h"

static uint64_t
beyond(size_t size)
{
    return size > HOLDING_FREE ? size - HOLDING_FREE : 0;
}

bool
holding_fits(const struct holding *all, size_t one, size_t more)
{
    uint64_t needed = beyond(one + more) - beyond(one);
    return needed == 0 || all->bytes + needed <= all->bytes_max;
}

bool
holding_grow(struct holding *all, size_t *one, size_t more)
{
    if (!holding_fits(all, *one, more))
        return false;
    all->bytes += beyond(*one + more) - beyond(*one);
    *one += more;
    return true;
}

void
holding_shrink(struct holding *all, size_t *one, size_t left)
{
    all->bytes -= beyond(*one) - beyond(left);
    *one = left;
}

void
holding_drop(struct holding *all, size_t *one)
{
    holding_shrink(all, one, 0);
}
