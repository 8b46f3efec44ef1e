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

static inline void
put_number(struct buffer *out, const char *name, uint64_t value)
{
    pack_string(out, name);
    pack_u64(out, value);
}
#endif
