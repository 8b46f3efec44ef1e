/* put - entries of a msgpack map: a name, and what stands under it. */
#ifndef BASE_PUT_H
#define BASE_PUT_H
#include "base/pack.h"

static inline void
put_text(struct buffer *out, const char *name, struct bytes value)
{
    pack_string(out, name);
    pack_text(out, value);
}

/* Nothing, and a text without letters, is nil. */
static inline void
put_text_or_nil(struct buffer *out, const char *name, struct bytes value)
{
    pack_string(out, name);
    if (value.size > 0)
        pack_text(out, value);
    else
        pack_nil(out);
}

/* Nothing is nil. */
static inline void
put_raw(struct buffer *out, const char *name, struct bytes msgpack)
{
    pack_string(out, name);
    pack_raw(out, msgpack);
}

static inline void
put_number(struct buffer *out, const char *name, uint64_t value)
{
    pack_string(out, name);
    pack_u64(out, value);
}
#endif
