/* Server-sent events are heard the same, wherever the bytes are cut. */
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"
#include "workers/cli/stream.h"

static bool
hear(void *self, const char *id, struct bytes data)
{
    struct buffer *heard = self;
    buffer_print(heard, "%s %zu ", id, data.size);
    buffer_append_bytes(heard, data);
    return true;
}

static void
feed(struct bytes in, size_t step, struct buffer *heard)
{
    struct stream stream = { .hear = hear, .self = heard };
    bounds_begin();
    for (size_t i = 0; i < in.size; i += step) {
        size_t part = in.size - i < step ? in.size - i : step;
        if (stream_feed(&stream, bytes_of(in.data + i, part)) != ERR_NONE)
            WRONG("a short stream was refused");
    }
    bounds_end();
    stream_free(&stream);
}

void
fuzz_one(struct bytes in)
{
    struct buffer whole = { 0 }, cut = { 0 };
    feed(in, in.size + 1, &whole);
    feed(in, in.size % 7 + 1, &cut);
    if (planted("stream") && cut.size > 0)
        cut.size--;
    if (!bytes_equal(buffer_bytes(&whole), buffer_bytes(&cut)))
        WRONG("cutting has changed what was heard");
    buffer_free(&whole);
    buffer_free(&cut);
}
