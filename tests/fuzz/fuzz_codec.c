/* A message of a stranger is refused, or is the same after it was written again. */
#include "base/wrong.h"
#include "transport/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct message m, again;
    struct buffer first = { 0 }, second = { 0 }, line = { 0 };
    if (codec_read(bytes_of(input, size), &m) == ERR_NONE) {
        codec_print(&m, &line);
        codec_write(&m, &first);
        if (codec_read(buffer_bytes(&first), &again) != ERR_NONE)
            WRONG("what was written cannot be read");
        codec_write(&again, &second);
        if (!bytes_equal(buffer_bytes(&first), buffer_bytes(&second)))
            WRONG("it is another message now");
    }
    buffer_free(&first);
    buffer_free(&second);
    buffer_free(&line);
    return 0;
}
