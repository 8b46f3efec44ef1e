#include "actors/plan/compile.h"
#include "base/wrong.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static const struct compile_limits limits = {
    .text_max = 256 * 1024,
    .steps_max = 1000,
    .payload_max = 1024 * 1024,
};

static struct mistakes mistakes;

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct arena arena = { 0 };
    struct buffer out = { 0 };
    enum err e = compile(bytes_of(input, size), &limits, &arena, &out, &mistakes);
    if ((e == ERR_NONE) != (mistakes.total == 0) || (e == ERR_NONE) != (out.size > 0))
        WRONG("neither a plan nor a mistake, or both");
    if (e == ERR_NONE && plan_check(buffer_bytes(&out)) != ERR_NONE)
        WRONG("a plan that does not hold");
    if (plan_check(bytes_of(input, size)) == ERR_NONE && e == ERR_NONE)
        WRONG("a text that is a plan");
    buffer_free(&out);
    arena_free(&arena);
    return 0;
}
