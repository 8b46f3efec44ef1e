/* gathering - a page whose items are asked for one after the other, because a list does
 * not say enough of them. */
#ifndef GATEWAY_NATIVE_GATHERING_H
#define GATEWAY_NATIVE_GATHERING_H
#include "gateway/request.h"

struct gathered {
    struct gathered *next;
    struct bytes name;  /* what is asked for; of the arena */
    struct bytes shown; /* msgpack, of the arena; nothing: it is left out */
};

struct gathering {
    struct gathered *first, **last, *at;
    struct bytes next_cursor; /* of the arena, or nothing */
    struct message *(*question)(struct request *r, struct bytes name);
    /* Append the item to `out`; false: it is left out. */
    bool (*show)(struct request *r, struct bytes document, struct buffer *out);
};

/* Becomes r->own. */
struct gathering *gathering_new(struct request *r);
/* One more item; the name is copied. */
void gathering_add(struct request *r, struct bytes name);
/* Ask for all of them, and answer with {items, has_more, next_cursor}. */
void gathering_ask(struct request *r);
#endif
