/* A text becomes a plan that holds, or mistakes that say where. */
#include "actors/plan/compile.h"
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"

static const struct compile_limits limits = {
    .text_max = 256 * 1024,
    .steps_max = 1000,
    .payload_max = 1024 * 1024,
};

static struct mistakes mistakes;

void
fuzz_one(struct bytes in)
{
    struct arena arena = { 0 };
    struct buffer out = { 0 };
    bounds_begin();
    enum err e = compile(in, &limits, &arena, &out, &mistakes);
    bounds_end();
    if (planted("compile") && e == ERR_NONE)
        out.size--;
    if ((e == ERR_NONE) != (mistakes.total == 0) || (e == ERR_NONE) != (out.size > 0))
        WRONG("neither a plan nor a mistake, or both");
    if (e == ERR_NONE && plan_check(buffer_bytes(&out)) != ERR_NONE)
        WRONG("a plan that does not hold");
    if (plan_check(in) == ERR_NONE && e == ERR_NONE)
        WRONG("a text that is a plan");
    buffer_free(&out);
    arena_free(&arena);
}
