/* buffer - bytes that grow.  Running out of memory ends the process. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H
#include "base/bytes.h"

/* Zero-initialised is empty and valid. */
struct buffer {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
};

/* Room for at least `size` more bytes than there is. */
void buffer_grow(struct buffer *b, size_t size);
void buffer_print(struct buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_free(struct buffer *b);

/* Make room for `size` more bytes and return where they go; size is not changed. */
static inline uint8_t *
buffer_reserve(struct buffer *b, size_t size)
{
    if (size > b->capacity - b->size || b->data == NULL)
        buffer_grow(b, size);
    return b->data + b->size;
}

static inline void
buffer_append(struct buffer *b, const void *data, size_t size)
{
    if (size == 0)
        return;
    memcpy(buffer_reserve(b, size), data, size);
    b->size += size;
}

static inline void
buffer_clear(struct buffer *b)
{
    b->size = 0;
}

static inline void
buffer_append_bytes(struct buffer *b, struct bytes bytes)
{
    buffer_append(b, bytes.data, bytes.size);
}

/* These bytes, and no others. */
static inline void
buffer_set(struct buffer *b, struct bytes bytes)
{
    buffer_clear(b);
    buffer_append_bytes(b, bytes);
}

/* Borrowed until the next change of `b`. */
static inline struct bytes
buffer_bytes(const struct buffer *b)
{
    return (struct bytes){ b->data, b->size };
}
#endif
