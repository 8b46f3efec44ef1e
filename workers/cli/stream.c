#include "workers/cli/stream.h"

#include <stdio.h>

/* "name: value" */
static bool
is_field(struct bytes line, const char *name, struct bytes *value)
{
    size_t size = strlen(name);
    if (!bytes_begin(line, text(name)) || line.size <= size || line.data[size] != ':')
        return false;
    size++;
    if (line.size > size && line.data[size] == ' ')
        size++;
    *value = bytes_of(line.data + size, line.size - size);
    return true;
}

static void
deliver(struct stream *stream)
{
    memcpy(stream->id, stream->next_id, sizeof stream->id);
    if (stream->has_data)
        stream->ended =
            !stream->hear(stream->self, stream->id, buffer_bytes(&stream->content));
    buffer_clear(&stream->content);
    stream->has_data = false;
}

static enum err
take_line(struct stream *stream, struct bytes line)
{
    struct bytes value;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    if (line.size == 0) {
        deliver(stream);
    } else if (is_field(line, "id", &value)) {
        snprintf(stream->next_id, sizeof stream->next_id, "%.*s",
            value.size < STREAM_ID_MAX ? (int)value.size : 0, (const char *)value.data);
    } else if (is_field(line, "data", &value)) {
        if (stream->content.size + value.size > STREAM_DATA_MAX)
            return ERR_TOO_LARGE;
        if (stream->has_data)
            buffer_append(&stream->content, "\n", 1);
        buffer_append_bytes(&stream->content, value);
        stream->has_data = true;
    }
    return ERR_NONE;
}

enum err
stream_feed(struct stream *stream, struct bytes in)
{
    stream->byte_count += in.size;
    while (in.size > 0 && !stream->ended) {
        const uint8_t *end = memchr(in.data, '\n', in.size);
        size_t size = end != NULL ? (size_t)(end - in.data) : in.size;
        if (stream->line.size + size > STREAM_LINE_MAX)
            return ERR_TOO_LARGE;
        buffer_append(&stream->line, in.data, size);
        if (end == NULL)
            return ERR_NONE;
        enum err e = take_line(stream, buffer_bytes(&stream->line));
        if (e != ERR_NONE)
            return e;
        buffer_clear(&stream->line);
        in = bytes_of(end + 1, in.size - size - 1);
    }
    return ERR_NONE;
}

void
stream_restart(struct stream *stream)
{
    buffer_clear(&stream->line);
    buffer_clear(&stream->content);
    memcpy(stream->next_id, stream->id, sizeof stream->id);
    stream->has_data = false;
}

void
stream_free(struct stream *stream)
{
    buffer_free(&stream->line);
    buffer_free(&stream->content);
}
