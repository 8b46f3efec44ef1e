#include "actors/plan/mistakes.h"

#include "base/pack.h"

#include <stdarg.h>
#include <stdio.h>

enum { PATH_SIZE = 200, MESSAGE_SIZE = 320 };

static bool
before(struct mark a, const struct mistake *b)
{
    return a.line != b->line ? a.line < b->line : a.column < b->column;
}

bool
mistake_wanted(const struct reading *r, struct mark at)
{
    const struct mistakes *m = r->mistakes;
    return m->count < COMPILE_MISTAKES_MAX || before(at, &m->list[m->count - 1]);
}

/* Where a mistake at `at` is written; its strings are those of the one it replaces. */
static struct mistake *
place(struct reading *r, struct mark at)
{
    struct mistakes *m = r->mistakes;
    m->total++;
    if (!mistake_wanted(r, at))
        return NULL;
    struct mistake new;
    if (m->count == COMPILE_MISTAKES_MAX) {
        new = m->list[m->count - 1];
    } else {
        new.path = arena_take(r->arena, PATH_SIZE);
        new.message = arena_take(r->arena, MESSAGE_SIZE);
        m->count++;
    }
    new.line = at.line;
    new.column = at.column;
    size_t i = m->count - 1;
    for (; i > 0 && before(at, &m->list[i - 1]); i--)
        m->list[i] = m->list[i - 1];
    m->list[i] = new;
    return &m->list[i];
}

/* Cut what is left of a character whose end did not fit. */
static void
end_whole(char *s, size_t size)
{
    size_t length = strlen(s);
    if (length + 1 < size)
        return;
    s[utf8_beginning(bytes_of(s, length)).size] = '\0';
}

__attribute__((format(printf, 2, 0))) static void
print(struct mistake *m, const char *format, va_list args)
{
    if (m == NULL)
        return;
    end_whole(m->path, PATH_SIZE);
    vsnprintf(m->message, MESSAGE_SIZE, format, args);
    end_whole(m->message, MESSAGE_SIZE);
}

void
mistake_at(struct reading *r, const struct node *node, const char *format, ...)
{
    va_list args;
    struct mistake *m = place(r, node->at);
    if (m != NULL)
        tree_path(node, m->path, PATH_SIZE);
    va_start(args, format);
    print(m, format, args);
    va_end(args);
}

void
mistake_at_key(struct reading *r, const struct node *node, const char *format, ...)
{
    va_list args;
    struct mistake *m = place(r, node->key_at);
    if (m != NULL)
        tree_path(node, m->path, PATH_SIZE);
    va_start(args, format);
    print(m, format, args);
    va_end(args);
}

void
mistake_missing(
    struct reading *r, const struct node *map, const char *key, const char *format, ...)
{
    va_list args;
    struct mistake *m = place(r, map->at);
    if (m != NULL) {
        tree_path(map, m->path, PATH_SIZE);
        size_t length = strlen(m->path);
        snprintf(
            m->path + length, PATH_SIZE - length, "%s%s", length > 0 ? "." : "", key);
    }
    va_start(args, format);
    print(m, format, args);
    va_end(args);
}

void
mistake_mark(struct reading *r, struct mark at, const char *format, ...)
{
    va_list args;
    struct mistake *m = place(r, at);
    if (m != NULL)
        m->path[0] = '\0';
    va_start(args, format);
    print(m, format, args);
    va_end(args);
}

void
mistakes_clear(struct reading *r)
{
    r->mistakes->count = 0;
    r->mistakes->total = 0;
}
