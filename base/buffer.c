#include "base/buffer.h"

#include "base/wrong.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 64 };

void
buffer_grow(struct buffer *b, size_t size)
{
    size_t capacity = b->capacity < CAPACITY_MIN ? CAPACITY_MIN : b->capacity;
    while (capacity - b->size < size) {
        if (capacity > SIZE_MAX / 2)
            WRONG("a buffer larger than memory");
        capacity *= 2;
    }
    uint8_t *grown = realloc(b->data, capacity);
    if (grown == NULL)
        WRONG("out of memory");
    b->data = grown;
    b->capacity = capacity;
}

void
buffer_print(struct buffer *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int needed = vsnprintf(NULL, 0, format, args);
    if (needed > 0) {
        size_t size = (size_t)needed;
        vsnprintf((char *)buffer_reserve(b, size + 1), size + 1, format, again);
        b->size += size;
    }
    va_end(again);
    va_end(args);
}

void
buffer_free(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){ 0 };
}
