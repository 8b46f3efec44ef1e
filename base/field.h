/* field - describe a struct once; encode, decode, print and check it anywhere.
 *
 *   #define point_FIELDS(F, S)                    \
 *       F(S, 1, u32, x, "columns from the left")  \
 *       F(S, 2, u32, y, "rows from the top")
 *
 * The number is the field's key on the wire and on disk: never change or reuse one.
 */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H
#include "base/buffer.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/pack.h"

/* text: UTF-8.  blob: opaque bytes.  payload: msgpack of a stranger, opaque to the
 * engine, may be stored apart.  secret: like blob, printed as "…".
 * list: a msgpack array, whose items another shape describes. */
enum field_type {
    FIELD_u32,
    FIELD_u64,
    FIELD_id,
    FIELD_text,
    FIELD_blob,
    FIELD_payload,
    FIELD_secret,
    FIELD_list
};

typedef uint32_t field_u32_t;
typedef uint64_t field_u64_t;
typedef struct id field_id_t;
typedef struct bytes field_text_t;
typedef struct bytes field_blob_t;
typedef struct bytes field_payload_t;
typedef struct bytes field_secret_t;
typedef struct bytes field_list_t;

struct field {
    uint8_t number; /* 1 to 127 */
    enum field_type type;
    uint16_t offset; /* bytes into the struct */
    const char *name;
    const char *about; /* unit and meaning */
};

struct shape {
    const char *name;
    const struct field *fields; /* in ascending order of number */
    size_t field_count;
    size_t size; /* bytes of the struct */
};

/* Where payloads above `inline_max` bytes go instead of into what is written, which
 * then names them by hash; for what is stored.  On the wire there is no such place. */
struct field_blobs {
    void *self;
    size_t inline_max;
    struct hash (*put)(void *self, struct bytes payload);
    /* What was put under `hash`, or nothing; valid as long as the value read. */
    struct bytes (*get)(void *self, const struct hash *hash);
};

/* A struct of `shape` as a msgpack map keyed by field number.  Fields that are zero or
 * empty are left out.  `blobs` NULL: everything is written in place. */
void fields_write(const struct shape *shape, const void *value,
    const struct field_blobs *blobs, struct buffer *out);

/* Overwrite all of `value`; unknown fields are passed over.  Borrows from the input.
 *
 * ERR_MALFORMED  not a map, a field of another type, a text that is not UTF-8, a list
 *                that is not well-formed msgpack, a blob that is not there
 */
MUST_CHECK enum err fields_read(struct cursor *in, const struct shape *shape,
    const struct field_blobs *blobs, void *value);

/* One line for people: the shape's name and its fields; secrets as "…", payloads by
 * their size. */
void fields_print(const struct shape *shape, const void *value, struct buffer *out);

#define FIELD_MEMBER(S, number, type, name, about) field_##type##_t name;
#define FIELD_ROW(S, number, type, name, about)                                        \
    { number, FIELD_##type, offsetof(struct S, name), #name, about },
#define SHAPE(S)                                                                       \
    {                                                                                  \
        #S, S##_field_rows, COUNT(S##_field_rows), sizeof(struct S)                    \
    }
#endif
