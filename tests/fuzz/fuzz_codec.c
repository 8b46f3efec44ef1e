/* A message of a stranger, envelope and body, is refused, or is the same after it was
 * written again. */
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"
#include "transport/codec.h"

void
fuzz_one(struct bytes in)
{
    static struct message m, again;
    struct buffer first = { 0 }, second = { 0 }, line = { 0 };
    bounds_begin();
    enum err e = codec_read(in, &m);
    bounds_end();
    if (e == ERR_NONE) {
        bounds_begin();
        codec_print(&m, &line);
        codec_write(&m, &first);
        bounds_end();
        if (codec_read(buffer_bytes(&first), &again) != ERR_NONE)
            WRONG("what was written cannot be read");
        if (planted("codec") && again.code == JOB_LEASED)
            again.job_leased.attempt++;
        codec_write(&again, &second);
        if (!bytes_equal(buffer_bytes(&first), buffer_bytes(&second)))
            WRONG("it is another message now");
    }
    buffer_free(&first);
    buffer_free(&second);
    buffer_free(&line);
}
