#include "tests/support/scope.h"

#include "base/pack.h"

static bool
find(void *self, const struct bytes *path, size_t count, size_t *used,
    struct bytes *value)
{
    const struct bytes *root = self;
    struct cursor c = cursor_over(*root);
    *used = 0;
    for (size_t left = cursor_map(&c); left > 0 && count > 0; left--) {
        struct bytes name = cursor_text(&c), item = cursor_skip(&c);
        if (bytes_equal(name, path[0])) {
            *used = 1;
            *value = item;
            return true;
        }
    }
    return false;
}

struct expression_scope
scope_of(struct bytes *root)
{
    return (struct expression_scope){ root, find };
}
