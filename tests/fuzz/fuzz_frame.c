/* A worker's frame is refused with a sentence, or holds what its verb promises. */
#include "base/pack.h"
#include "base/wrong.h"
#include "gateway/worker_frame.h"
#include "tests/fuzz/bounds.h"

void
fuzz_one(struct bytes in)
{
    static const struct worker_limits limits = { .payload_max = 4096, .jobs_max = 16 };
    struct worker_frame frame = { 0 };
    struct fault fault = { 0 };
    bounds_begin();
    enum err e = worker_frame_read(in, &limits, &frame, &fault);
    bounds_end();
    if (planted("frame") && e == ERR_NONE && frame.verb == WORKER_SAYS_REPORT)
        frame.token.size--;
    if (e != ERR_NONE && fault.detail[0] == '\0')
        WRONG("refused without a sentence");
    if (e != ERR_NONE)
        return;
    if (frame.verb == WORKER_SAYS_REPORT && frame.token.size != TOKEN_SIZE)
        WRONG("a report without a token");
    if (frame.output.size > limits.payload_max)
        WRONG("an output above its limit");
    if (frame.output.size > 0 && pack_check(frame.output) != ERR_NONE)
        WRONG("an output that is no msgpack");
}
