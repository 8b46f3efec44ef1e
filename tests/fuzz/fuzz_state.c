/* A list of operations is refused as a whole, or each of them counts or is said, and
 * what comes of it is a value within its limits. */
#include "actors/trigger/value_ops.h"
#include "base/json_read.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"

enum { MAX = 64 * 1024 };

static size_t
length(struct bytes list)
{
    struct cursor c = cursor_over(list);
    return cursor_array(&c);
}

static void
check(const struct value_change *change, struct bytes value, struct bytes ops)
{
    if (change->done + change->failed != length(ops)
        || change->failed != length(change->mistakes))
        WRONG("an operation is neither done nor said to be passed over");
    if (pack_check(change->mistakes) != ERR_NONE)
        WRONG("mistakes that cannot be read");
    if (change->done == 0 && !bytes_equal(change->value, value))
        WRONG("nothing was done, and it is another value");
    if (change->done > 0
        && (change->value.size > MAX || pack_check(change->value) != ERR_NONE))
        WRONG("what comes of it is no value, or too large");
}

/* {"value": …, "ops": […]} in JSON; or msgpack of operations as it is. */
void
fuzz_one(struct bytes in)
{
    struct buffer read = { 0 };
    struct arena arena = { 0 };
    struct value_change change;
    struct fault fault;
    struct bytes value = { 0 }, ops = in;
    if (json_to_msgpack(in, &read, NULL, &fault) == ERR_NONE) {
        value = pack_find(buffer_bytes(&read), "value");
        ops = pack_find(buffer_bytes(&read), "ops");
    }
    if (value.size <= MAX) {
        bounds_begin();
        enum err err = value_change(value, ops, MAX, &arena, &change, &fault);
        bounds_end();
        change.done += planted("state");
        if (err == ERR_NONE)
            check(&change, value, ops);
    }
    arena_free(&arena);
    buffer_free(&read);
}
