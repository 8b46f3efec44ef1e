/* reader - the cursor of base/pack.h for strangers. */
#include "base/pack.h"
#include "workers/c/capstan_worker.h"

_Static_assert((int)CAPSTAN_NOTHING == (int)PACK_NOTHING, "the same types in order");

static struct cursor
cursor_of(const struct capstan_reader *r)
{
    return (struct cursor){ r->at, r->end, r->bad != 0 };
}

static void
keep(struct capstan_reader *r, const struct cursor *c)
{
    r->at = c->at;
    r->bad = c->bad;
}

struct capstan_reader
capstan_read_from(const void *msgpack, size_t size)
{
    const uint8_t *at = msgpack;
    return (struct capstan_reader){ at, size == 0 ? at : at + size, 0 };
}

enum capstan_type
capstan_read_type(const struct capstan_reader *reader)
{
    struct cursor c = cursor_of(reader);
    return (enum capstan_type)cursor_type(&c);
}

#define READ(type, name, read)                                                         \
    type name(struct capstan_reader *reader)                                           \
    {                                                                                  \
        struct cursor c = cursor_of(reader);                                           \
        type value = (type)read(&c);                                                   \
        keep(reader, &c);                                                              \
        return value;                                                                  \
    }

#define READ_BYTES(type, name, read)                                                   \
    type name(struct capstan_reader *reader, size_t *size)                             \
    {                                                                                  \
        struct cursor c = cursor_of(reader);                                           \
        struct bytes value = read(&c);                                                 \
        keep(reader, &c);                                                              \
        *size = value.size;                                                            \
        return (type)value.data;                                                       \
    }

/* clang-format off */
READ(int,     capstan_read_bool,   cursor_bool)
READ(int64_t, capstan_read_int,    cursor_i64)
READ(double,  capstan_read_double, cursor_double)
READ(size_t,  capstan_read_array,  cursor_array)
READ(size_t,  capstan_read_map,    cursor_map)
READ_BYTES(const char *, capstan_read_text, cursor_text)
READ_BYTES(const void *, capstan_read_blob, cursor_blob)
READ_BYTES(const void *, capstan_read_any,  cursor_skip)
/* clang-format on */
