#include "base/outputs.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/pack.h"

static const char prefix[] = "::set-output ";
enum { PREFIX_SIZE = sizeof prefix - 1 };

/* A program may print any bytes; a text of msgpack has only some. */
static void
put_text(struct buffer *out, struct bytes t)
{
    bool valid = utf8_valid(t);
    pack_text(out, t);
    for (size_t i = out->size - t.size; i < out->size && !valid; i++)
        if (out->data[i] >= 0x80)
            out->data[i] = '?';
}

void
outputs_set(struct outputs *o, struct bytes name, struct bytes value)
{
    if (o->pairs.size + name.size + value.size > OUTPUTS_BYTES_MAX)
        return;
    put_text(&o->pairs, name);
    put_text(&o->pairs, value);
    o->count++;
}

static void
take_line(struct outputs *o, struct bytes line)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    if (line.size < PREFIX_SIZE || memcmp(line.data, prefix, PREFIX_SIZE) != 0)
        return;
    line = bytes_of(line.data + PREFIX_SIZE, line.size - PREFIX_SIZE);
    const uint8_t *equals = memchr(line.data, '=', line.size);
    if (equals == NULL)
        return;
    size_t at = (size_t)(equals - line.data);
    outputs_set(o, bytes_of(line.data, at), bytes_of(equals + 1, line.size - at - 1));
}

static void
keep(struct outputs *o, struct bytes piece)
{
    if (o->line.size + piece.size > OUTPUT_LINE_MAX)
        o->overlong = true;
    else
        buffer_append_bytes(&o->line, piece);
}

void
outputs_end(struct outputs *o)
{
    if (!o->overlong)
        take_line(o, buffer_bytes(&o->line));
    buffer_clear(&o->line);
    o->overlong = false;
}

void
outputs_read(struct outputs *o, struct bytes chunk)
{
    while (chunk.size > 0) {
        const uint8_t *newline = memchr(chunk.data, '\n', chunk.size);
        size_t size = newline == NULL ? chunk.size : (size_t)(newline - chunk.data);
        keep(o, bytes_of(chunk.data, size));
        if (newline == NULL)
            return;
        outputs_end(o);
        chunk = bytes_of(newline + 1, chunk.size - size - 1);
    }
}

/* A name and its last value. */
struct output {
    struct bytes name, value;
};

void
outputs_write(const struct outputs *o, struct buffer *out)
{
    struct arena arena = { 0 };
    struct map by_name = { 0 };
    struct output *all = arena_take(&arena, (o->count + 1) * sizeof *all);
    struct cursor c = cursor_over(buffer_bytes(&o->pairs));
    size_t count = 0;
    for (size_t i = 0; i < o->count; i++) {
        struct bytes name = cursor_text(&c);
        struct output *output = map_get(&by_name, name);
        if (output == NULL) {
            output = &all[count++];
            output->name = name;
            map_put(&by_name, name, output);
        }
        output->value = cursor_text(&c);
    }
    pack_map(out, count);
    for (size_t i = 0; i < count; i++) {
        pack_text(out, all[i].name);
        pack_text(out, all[i].value);
    }
    map_free(&by_name);
    arena_free(&arena);
}

void
outputs_free(struct outputs *o)
{
    buffer_free(&o->pairs);
    buffer_free(&o->line);
    *o = (struct outputs){ 0 };
}
