#include "actors/expression/evaluation.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { BYTES_PER_STEP = 16, LOOKS_PER_COPY = 4 };

static void
place(struct evaluation *e, size_t at)
{
    struct expression_fault *fault = e->fault;
    assert(at <= e->text.size);
    fault->line = fault->column = 1;
    for (size_t i = 0; i < at; i++) {
        uint8_t b = e->text.data[i];
        if (b == '\n') {
            fault->line++;
            fault->column = 1;
        } else if ((b & 0xc0) != 0x80) {
            fault->column++;
        }
    }
}

/* A message that was cut may end in the midst of a character. */
static void
trim_cut(char *message)
{
    message[utf8_beginning(text(message)).size] = '\0';
}

struct bytes
fail(struct evaluation *e, enum err err, size_t at, const char *format, ...)
{
    if (!failed(e)) {
        va_list args;
        va_start(args, format);
        vsnprintf(e->fault->message, sizeof e->fault->message, format, args);
        va_end(args);
        trim_cut(e->fault->message);
        e->fault->err = err;
        place(e, at);
        e->token.type = TOKEN_END;
        e->token.text = (struct bytes){ 0 };
    }
    return (struct bytes){ 0 };
}

bool
charge(struct evaluation *e, size_t bytes)
{
    uint64_t steps = 1 + bytes / BYTES_PER_STEP;
    if (!e->metered)
        return true;
    if (steps <= e->fuel) {
        e->fuel -= steps;
        return true;
    }
    fail(e, ERR_TOO_LARGE, e->token.at, "this takes more than %u steps of work",
        e->limits->fuel);
    return false;
}

void
charge_look(struct evaluation *e, struct bytes value)
{
    charge(e, value.size / LOOKS_PER_COPY);
}

bool
enter(struct evaluation *e)
{
    if (++e->depth <= e->limits->depth)
        return true;
    fail(e, ERR_TOO_LARGE, e->token.at, "nested deeper than %u levels",
        e->limits->depth);
    return false;
}

void
leave(struct evaluation *e)
{
    e->depth--;
}

/* The head of a value that goes on with what is on scratch, and that. */
static struct bytes
headed(struct evaluation *e, size_t mark, const uint8_t *head, size_t head_size)
{
    size_t size = e->scratch.size - mark;
    e->scratch.size = mark;
    if (!charge(e, size) || !live(e))
        return (struct bytes){ 0 };
    uint8_t *at = arena_take(e->arena, head_size + size);
    if (head_size > 0)
        memcpy(at, head, head_size);
    if (size > 0)
        memcpy(at + head_size, e->scratch.data + mark, size);
    return bytes_of(at, head_size + size);
}

struct bytes
taken(struct evaluation *e, size_t mark)
{
    return headed(e, mark, NULL, 0);
}

/* The head of msgpack is written behind the rest, and moved. */
static struct bytes
headed_by(struct evaluation *e, size_t mark, size_t from)
{
    uint8_t head[9];
    size_t size = e->scratch.size - from;
    memcpy(head, e->scratch.data + from, size);
    e->scratch.size = from;
    return headed(e, mark, head, size);
}

struct bytes
taken_list(struct evaluation *e, size_t mark, size_t count)
{
    size_t from = e->scratch.size;
    pack_array(&e->scratch, count);
    return headed_by(e, mark, from);
}

struct bytes
taken_map(struct evaluation *e, size_t mark, size_t pairs)
{
    size_t from = e->scratch.size;
    pack_map(&e->scratch, pairs);
    return headed_by(e, mark, from);
}

struct bytes
taken_text(struct evaluation *e, size_t mark)
{
    size_t size = e->scratch.size - mark;
    uint8_t head[5];
    size_t head_size = size < 32 ? 1 : size < 256 ? 2 : size < 65536 ? 3 : 5;
    if (size > UINT32_MAX) /* never: fuel ends before 4 GiB */
        return fail(e, ERR_TOO_LARGE, e->call_at, "a text of more than 4 GiB");
    head[0] = head_size == 1   ? (uint8_t)(0xa0 | size)
              : head_size == 2 ? 0xd9
              : head_size == 3 ? 0xda
                               : 0xdb;
    for (size_t i = 1; i < head_size; i++)
        head[i] = (uint8_t)(size >> 8 * (head_size - 1 - i));
    return headed(e, mark, head, head_size);
}

void
put(struct evaluation *e, struct bytes bytes)
{
    if (live(e) && charge(e, bytes.size))
        buffer_append_bytes(&e->scratch, bytes);
}
