/* bytes - a borrowed run of bytes. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t size; /* bytes */
};

/* A borrowed view of a C string, without its NUL. */
static inline struct bytes
text(const char *s)
{
    return (struct bytes){ (const uint8_t *)s, strlen(s) };
}

static inline struct bytes
bytes_of(const void *data, size_t size)
{
    return (struct bytes){ data, size };
}

static inline bool
bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Order of the bytes, then of the lengths: < 0, 0 or > 0. */
static inline int
bytes_order(struct bytes a, struct bytes b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    int order = least == 0 ? 0 : memcmp(a.data, b.data, least);
    if (order != 0)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

static inline bool
bytes_begin(struct bytes a, struct bytes prefix)
{
    return a.size >= prefix.size
           && (prefix.size == 0 || memcmp(a.data, prefix.data, prefix.size) == 0);
}

/* Take the first word of `rest`, which is without spaces; nothing when there is none.
 */
static inline struct bytes
bytes_word(struct bytes *rest)
{
    size_t begin = 0, end;
    while (begin < rest->size && rest->data[begin] == ' ')
        begin++;
    end = begin;
    while (end < rest->size && rest->data[end] != ' ')
        end++;
    struct bytes word = bytes_of(rest->data + begin, end - begin);
    *rest = bytes_of(rest->data + end, rest->size - end);
    return word;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#endif
