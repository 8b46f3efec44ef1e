/* Server-sent events are heard the same, wherever the bytes are cut. */
#include "base/wrong.h"
#include "workers/cli/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

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
    for (size_t i = 0; i < in.size; i += step) {
        size_t part = in.size - i < step ? in.size - i : step;
        if (stream_feed(&stream, bytes_of(in.data + i, part)) != ERR_NONE)
            WRONG("a short stream was refused");
    }
    stream_free(&stream);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct buffer whole = { 0 }, cut = { 0 };
    feed(bytes_of(input, size), size + 1, &whole);
    feed(bytes_of(input, size), size % 7 + 1, &cut);
    if (!bytes_equal(buffer_bytes(&whole), buffer_bytes(&cut)))
        WRONG("cutting has changed what was heard");
    buffer_free(&whole);
    buffer_free(&cut);
    return 0;
}
