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
#include "base/bytes.h"
#include "base/id.h"

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

#define FIELD_MEMBER(S, number, type, name, about) field_##type##_t name;
#define FIELD_ROW(S, number, type, name, about)                                        \
    { number, FIELD_##type, offsetof(struct S, name), #name, about },
#define SHAPE(S)                                                                       \
    { #S, S##_field_rows, COUNT(S##_field_rows), sizeof(struct S) }
#endif
