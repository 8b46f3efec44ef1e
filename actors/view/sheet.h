/* sheet - a document written field by field: a msgpack map or array whose length is
 * known only at its end. */
#ifndef ACTORS_VIEW_SHEET_H
#define ACTORS_VIEW_SHEET_H
#include "base/buffer.h"
#include "base/id.h"

struct sheet {
    struct buffer *out;
    size_t head;    /* where it begins in `out` */
    uint32_t count; /* pairs or items so far */
};

/* Sheets lie within each other; the inner one ends first. */
struct sheet sheet_map(struct buffer *out);
struct sheet sheet_array(struct buffer *out);
void sheet_end(struct sheet *sheet);

/* The caller writes the value, or the item, next. */
void sheet_key(struct sheet *map, const char *key);
void sheet_key_text(struct sheet *map, struct bytes key);
void sheet_item(struct sheet *array);

/* What is not there is left out: an empty text, a zero id, the moment 0. */
void sheet_text(struct sheet *map, const char *key, struct bytes value);
void
sheet_id(struct sheet *map, const char *key, const char *prefix, const struct id *id);
void sheet_moment(struct sheet *map, const char *key, uint64_t unix_ms);
void sheet_number(struct sheet *map, const char *key, uint64_t value);
void sheet_bool(struct sheet *map, const char *key, bool value);
/* The msgpack of a stranger; nil if it is nothing or malformed. */
void sheet_payload(struct sheet *map, const char *key, struct bytes payload);
/* The same, after sheet_key or sheet_item. */
void sheet_value(struct sheet *sheet, struct bytes payload);
#endif
