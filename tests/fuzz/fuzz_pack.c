/* What pack_check takes, every cursor can read; what it refuses hurts nobody. */
#include "base/pack.h"
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"

static void
read_value(struct cursor *c, unsigned depth)
{
    size_t count;
    if (depth > PACK_DEPTH_MAX)
        WRONG("deeper than pack_check allows");
    switch (cursor_type(c)) {
    case PACK_NIL: cursor_nil(c); return;
    case PACK_BOOL: (void)cursor_bool(c); return;
    case PACK_UNSIGNED: (void)cursor_u64(c); return;
    case PACK_NEGATIVE: (void)cursor_i64(c); return;
    case PACK_DOUBLE: (void)cursor_double(c); return;
    case PACK_TEXT:
        if (!utf8_valid(cursor_text(c)))
            WRONG("a text that is not UTF-8");
        return;
    case PACK_BLOB: (void)cursor_blob(c); return;
    case PACK_ARRAY:
    case PACK_MAP:
        count = cursor_type(c) == PACK_MAP ? 2 * cursor_map(c) : cursor_array(c);
        for (size_t i = 0; i < count; i++)
            read_value(c, depth + 1);
        return;
    case PACK_EXTENSION:
    case PACK_NOTHING: WRONG("not what pack_check takes");
    }
}

void
fuzz_one(struct bytes in)
{
    struct cursor c = cursor_over(in);
    bounds_begin();
    enum err e = pack_check(in);
    bounds_end();
    if (planted("pack") && in.size > 0 && in.data[0] == 0xd4)
        e = ERR_NONE;
    if (e == ERR_NONE) {
        read_value(&c, 0);
        if (c.bad || !cursor_done(&c))
            WRONG("pack_check and the cursor differ");
    } else {
        /* A cursor sticks where it is bad and never goes beyond the end. */
        bounds_begin();
        while (!c.bad && !cursor_done(&c))
            (void)cursor_skip(&c);
        bounds_end();
        if (c.at > c.end)
            WRONG("read beyond the end");
    }
    bounds_begin();
    (void)pack_find(in, "type");
    bounds_end();
}
