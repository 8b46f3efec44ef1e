#include "base/pattern.h"

#include "base/wrong.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <pcre2.h>
#include <stdlib.h>

enum {
    GROUPS_DEEP_MAX = 50,
    MATCH_LIMIT = 1000000, /* from each place */
    DEPTH_LIMIT = 100000,
    HEAP_LIMIT_KIB = 16 * 1024,
    BYTES_PER_WORK = 16,
};

struct pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
};

struct work {
    uint32_t left;
    size_t last; /* where the item before was tried */
};

/* Called before each item: PCRE2's own match limit begins anew at each place. */
static int
work_on(pcre2_callout_block *block, void *self)
{
    struct work *work = self;
    size_t at = block->current_position;
    size_t moved = at > work->last ? at - work->last : work->last - at;
    size_t cost = 1 + moved / BYTES_PER_WORK;
    work->last = at;
    if (cost > work->left) {
        work->left = 0;
        return PCRE2_ERROR_CALLOUT;
    }
    work->left -= (uint32_t)cost;
    return 0;
}

static size_t
characters_before(struct bytes in, size_t at)
{
    size_t count = 0;
    assert(at <= in.size);
    for (size_t i = 0; i < at; i++)
        count += (in.data[i] & 0xc0) != 0x80;
    return count;
}

static enum err
refused(struct bytes source, int code, size_t at, struct fault *fault)
{
    PCRE2_UCHAR why[120];
    /* never: the code is PCRE2's own, and no sentence of it is as long */
    if (pcre2_get_error_message(code, why, sizeof why) < 0)
        why[0] = '\0';
    return fault_set(fault,
        code == PCRE2_ERROR_PATTERN_TOO_LARGE
                || code == PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP
            ? ERR_TOO_LARGE
            : ERR_INVALID,
        "not a pattern: %s, at character %zu", (const char *)why,
        characters_before(source, at) + 1);
}

enum err
pattern_new(struct bytes source, struct pattern **pattern, struct fault *fault)
{
    static const uint32_t options =
        PCRE2_UTF | PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
    int code = 0;
    PCRE2_SIZE at = 0;
    *pattern = NULL;
    if (source.size > PATTERN_SIZE_MAX)
        return fault_set(fault, ERR_TOO_LARGE, "a pattern of more than %d bytes",
            (int)PATTERN_SIZE_MAX);
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL)
        WRONG("out of memory");
    pcre2_set_parens_nest_limit(context, GROUPS_DEEP_MAX);
    pcre2_code *made =
        pcre2_compile(source.data, source.size, options, &code, &at, context);
    pcre2_compile_context_free(context);
    if (made == NULL)
        return refused(source, code, at, fault);
    struct pattern *p = calloc(1, sizeof *p);
    if (p != NULL) /* never: without memory it is a bug, two lines below */
        p->limits = pcre2_match_context_create(NULL);
    if (p == NULL || p->limits == NULL)
        WRONG("out of memory");
    p->code = made;
    pcre2_set_match_limit(p->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(p->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(p->limits, HEAP_LIMIT_KIB);
    *pattern = p;
    return ERR_NONE;
}

enum err
pattern_match(
    const struct pattern *pattern, struct bytes in, uint32_t *work, bool *matches)
{
    struct work done = { .left = *work };
    pcre2_match_data *found = pcre2_match_data_create(1, NULL);
    if (found == NULL)
        WRONG("out of memory");
    pcre2_set_callout(pattern->limits, work_on, &done);
    int code =
        pcre2_match(pattern->code, in.data, in.size, 0, 0, found, pattern->limits);
    pcre2_match_data_free(found);
    *work = done.left;
    *matches = code >= 0;
    if (code >= 0 || code == PCRE2_ERROR_NOMATCH)
        return ERR_NONE;
    return code >= PCRE2_ERROR_UTF8_ERR21 ? ERR_MALFORMED : ERR_TOO_LARGE;
}

void
pattern_free(struct pattern **pattern)
{
    if (*pattern == NULL)
        return;
    pcre2_match_context_free((*pattern)->limits);
    pcre2_code_free((*pattern)->code);
    free(*pattern);
    *pattern = NULL;
}
