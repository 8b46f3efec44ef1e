#include "actors/schema/judging.h"

#include "base/pattern.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    POINTER_SIZE = 256,
    MESSAGE_SIZE = 320,
    MEMBER_WORK = 4,
    PATTERN_WORK = 200,
    MATCH_WORK = 4,
    BYTES_PER_WORK = 64,
};

struct compiled {
    struct compiled *next;
    struct bytes source;
    struct pattern *pattern; /* NULL: it is none */
};

void
judging_open(struct judging *j, struct bytes root, struct arena *arena,
    struct schema_mistakes *mistakes)
{
    *mistakes = (struct schema_mistakes){ 0 };
    *j = (struct judging){
        .root = root,
        .arena = arena,
        .mistakes = mistakes,
        .work = SCHEMA_WORK_MAX,
    };
}

enum err
judging_close(struct judging *j)
{
    struct schema_mistakes *m = j->mistakes;
    for (struct compiled *at = j->patterns; at != NULL; at = at->next)
        pattern_free(&at->pattern);
    if (!j->spent)
        return m->total > 0 ? ERR_INVALID : ERR_NONE;
    size_t last = m->count < SCHEMA_MISTAKES_MAX ? m->count++ : m->count - 1;
    m->list[last] = (struct schema_mistake){ "",
        "this takes too much work: expected a smaller schema or value" };
    m->total++;
    return ERR_TOO_LARGE;
}

bool
judging_spend(struct judging *j, uint64_t cost)
{
    if (cost < j->work) {
        j->work -= cost;
        return true;
    }
    j->work = 0;
    j->spent = true;
    return false;
}

static struct place
place_of(const struct place *up, struct bytes value)
{
    struct cursor c = cursor_over(value);
    return (struct place){ .up = up, .value = value, .type = cursor_type(&c) };
}

struct place
place_root(struct bytes value)
{
    return place_of(NULL, value);
}

struct place
place_member(const struct place *up, struct bytes name, struct bytes value)
{
    struct place place = place_of(up, value);
    place.name = name;
    return place;
}

struct place
place_item(const struct place *up, size_t index, struct bytes value)
{
    struct place place = place_of(up, value);
    place.of_array = true;
    place.index = index;
    return place;
}

static int
by_name(const void *a, const void *b)
{
    const struct member *one = a, *other = b;
    return bytes_order(one->name, other->name);
}

const struct members *
place_members(struct judging *j, struct place *at)
{
    static const struct members none;
    if (at->members != NULL)
        return at->members;
    struct cursor c = cursor_over(at->value);
    size_t count = cursor_map(&c);
    if (!judging_spend(j, MEMBER_WORK * count + at->value.size / BYTES_PER_WORK))
        return &none;
    struct members *members = arena_take(j->arena, sizeof *members);
    members->list = arena_take(j->arena, (count + 1) * sizeof *members->list);
    members->count = count;
    for (size_t i = 0; i < count; i++) {
        struct bytes key = cursor_skip(&c);
        struct cursor name = cursor_over(key);
        members->list[i].name = cursor_text(&name);
        members->list[i].value = cursor_skip(&c);
    }
    qsort(members->list, count, sizeof *members->list, by_name);
    at->members = members;
    return members;
}

const struct member *
members_find(const struct members *members, struct bytes name)
{
    size_t low = 0, high = members->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = bytes_order(name, members->list[middle].name);
        if (order == 0)
            return &members->list[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Where a pointer is written; what does not fit is cut at its end. */
struct pen {
    char *text;
    size_t size;
};

static void
pen_char(struct pen *pen, char c)
{
    if (pen->size + 1 < POINTER_SIZE)
        pen->text[pen->size++] = c;
}

static void
pen_name(struct pen *pen, struct bytes name)
{
    pen_char(pen, '/');
    for (size_t i = 0; i < name.size; i++) {
        char c = (char)name.data[i];
        if (c == '~' || c == '/')
            pen_char(pen, '~');
        pen_char(pen, c == '~' ? '0' : c == '/' ? '1' : c);
    }
}

static void
pen_place(struct pen *pen, const struct place *at)
{
    const struct place *way[SCHEMA_DEPTH_MAX];
    size_t count = 0;
    for (; at->up != NULL; at = at->up) {
        assert(count < SCHEMA_DEPTH_MAX); /* values are not nested so deep */
        way[count++] = at;
    }
    while (count-- > 0) {
        char index[24];
        if (way[count]->of_array) {
            snprintf(index, sizeof index, "%zu", way[count]->index);
            pen_name(pen, text(index));
        } else {
            pen_name(pen, way[count]->name);
        }
    }
}

/* Cut what is left of a character whose end did not fit. */
static void
end_whole(char *s, size_t length)
{
    s[utf8_beginning(bytes_of(s, length)).size] = '\0';
}

__attribute__((format(printf, 4, 0))) static bool
tell(struct judging *j, const struct place *at, const struct bytes *name,
    const char *format, va_list args)
{
    if (j->mistakes == NULL)
        return false;
    j->mistakes->total++;
    if (j->mistakes->count == SCHEMA_MISTAKES_MAX)
        return false;
    struct pen pen = { arena_take(j->arena, POINTER_SIZE), 0 };
    char *message = arena_take(j->arena, MESSAGE_SIZE);
    pen_place(&pen, at);
    if (name != NULL)
        pen_name(&pen, *name);
    end_whole(pen.text, pen.size);
    vsnprintf(message, MESSAGE_SIZE, format, args);
    end_whole(message, strlen(message));
    j->mistakes->list[j->mistakes->count++] =
        (struct schema_mistake){ pen.text, message };
    return false;
}

bool
wrong_at_place(struct judging *j, const struct place *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(j, at, NULL, format, args);
    va_end(args);
    return false;
}

bool
wrong_at_member(struct judging *j, const struct place *at, struct bytes name,
    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(j, at, &name, format, args);
    va_end(args);
    return false;
}

struct quoted
shown(struct bytes value)
{
    struct quoted q = { .text = "" };
    struct cursor c = cursor_over(value);
    char *to = q.text;
    switch (cursor_type(&c)) {
    case PACK_NIL: snprintf(to, sizeof q.text, "null"); break;
    case PACK_BOOL:
        snprintf(to, sizeof q.text, "%s", cursor_bool(&c) ? "true" : "false");
        break;
    case PACK_UNSIGNED: snprintf(to, sizeof q.text, "%" PRIu64, cursor_u64(&c)); break;
    case PACK_NEGATIVE: snprintf(to, sizeof q.text, "%" PRId64, cursor_i64(&c)); break;
    case PACK_DOUBLE: snprintf(to, sizeof q.text, "%.15g", cursor_double(&c)); break;
    case PACK_TEXT: return quoted(cursor_text(&c));
    case PACK_ARRAY: snprintf(to, sizeof q.text, "an array"); break;
    case PACK_MAP: snprintf(to, sizeof q.text, "an object"); break;
    default: snprintf(to, sizeof q.text, "bytes"); break;
    }
    return q;
}

/* NULL if it is none. */
static const struct pattern *
pattern_of(struct judging *j, struct bytes source)
{
    struct fault fault;
    for (const struct compiled *at = j->patterns; at != NULL; at = at->next) {
        if (at->source.data == source.data)
            return at->pattern;
        if (!judging_spend(j, 1))
            return NULL;
    }
    if (!judging_spend(j, PATTERN_WORK + source.size))
        return NULL;
    struct compiled *new = arena_take(j->arena, sizeof *new);
    *new = (struct compiled){ .next = j->patterns, .source = source };
    j->patterns = new;
    if (pattern_new(source, &new->pattern, &fault) != ERR_NONE)
        new->pattern = NULL;
    return new->pattern;
}

bool
pattern_fits(struct judging *j, struct bytes source, struct bytes in)
{
    const struct pattern *pattern = pattern_of(j, source);
    bool matches = false;
    if (pattern == NULL || !judging_spend(j, MATCH_WORK + in.size / BYTES_PER_WORK))
        return false;
    uint32_t work = (uint32_t)j->work, before = work;
    enum err err = pattern_match(pattern, in, &work, &matches);
    judging_spend(j, before - work);
    j->spent |= err == ERR_TOO_LARGE;
    return err == ERR_NONE && matches;
}
