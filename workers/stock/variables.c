#include "workers/stock/variables.h"

#include "base/pack.h"
#include "workers/stock/json_text.h"

#include <unistd.h>

enum { VARIABLES_MAX = 64 };

extern char **environ;

static bool
is_name(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i], low = c | 0x20;
        bool letter = low >= 'a' && low <= 'z', digit = c >= '0' && c <= '9';
        if (c != '_' && !letter && (!digit || i == 0))
            return false;
    }
    return name.size > 0;
}

static void
put_value(struct buffer *line, struct bytes value)
{
    struct cursor in = cursor_over(value);
    if (cursor_type(&in) == PACK_TEXT)
        buffer_append_bytes(line, cursor_text(&in));
    else if (cursor_type(&in) != PACK_NIL)
        json_text(line, value);
}

/* NAME=VALUE, or NULL. */
static char *
read_line(struct cursor *in, struct arena *arena)
{
    struct buffer line = { 0 };
    struct bytes name = { 0 }, copy = { 0 };
    if (cursor_type(in) == PACK_TEXT)
        name = cursor_text(in);
    if (is_name(name)) {
        buffer_append_bytes(&line, name);
        buffer_append(&line, "=", 1);
        put_value(&line, cursor_skip(in));
    }
    if (!in->bad && line.size > 0 && memchr(line.data, 0, line.size) == NULL) {
        buffer_append(&line, "", 1);
        copy = arena_copy(arena, buffer_bytes(&line));
    }
    buffer_free(&line);
    return (char *)(uintptr_t)copy.data;
}

static bool
same_name(const char *a, const char *b)
{
    size_t size = strcspn(a, "=");
    return size == strcspn(b, "=") && strncmp(a, b, size) == 0;
}

static bool
is_given(char *const *list, size_t count, const char *line)
{
    for (size_t i = 0; i < count; i++)
        if (same_name(list[i], line))
            return true;
    return false;
}

char **
variables_read(struct bytes given, struct arena *arena)
{
    struct cursor in = cursor_over(given);
    size_t count = 0, own = 0, used;
    bool any = given.size > 0 && cursor_type(&in) != PACK_NIL;
    if (any && cursor_type(&in) != PACK_MAP)
        return NULL;
    if (any)
        count = cursor_map(&in);
    if (count > VARIABLES_MAX)
        return NULL;
    while (environ[own] != NULL)
        own++;
    char **list = arena_take(arena, (count + own + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i] = read_line(&in, arena);
        if (list[i] == NULL)
            return NULL;
    }
    used = count;
    for (size_t i = 0; i < own; i++)
        if (!is_given(list, count, environ[i]))
            list[used++] = environ[i];
    list[used] = NULL;
    return list;
}
