#include "gateway/target.h"

#include "base/pack.h"

#include <strings.h>

static int
hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo %XX, and + as a space in queries.  False if what comes out is no text. */
static bool
decode(struct bytes in, bool plus, struct arena *arena, struct bytes *out)
{
    uint8_t *at = arena_take(arena, in.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        if (c == '%') {
            if (in.size - i < 3)
                return false;
            int high = hex_value(in.data[i + 1]), low = hex_value(in.data[i + 2]);
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        at[size++] = c;
    }
    *out = bytes_of(at, size);
    return utf8_valid(*out);
}

/* Cut off what stands before the first `c`; the rest follows it. */
static struct bytes
cut(struct bytes *rest, char c)
{
    const uint8_t *at = rest->size > 0 ? memchr(rest->data, c, rest->size) : NULL;
    struct bytes head = *rest;
    if (at == NULL) {
        *rest = bytes_of(rest->data + rest->size, 0);
        return head;
    }
    head.size = (size_t)(at - rest->data);
    *rest = bytes_of(at + 1, rest->size - head.size - 1);
    return head;
}

static enum err
read_path(
    struct bytes path, struct arena *arena, struct target *target, struct fault *fault)
{
    while (path.size > 0) {
        struct bytes raw = cut(&path, '/'), segment;
        if (!decode(raw, false, arena, &segment))
            return fault_set(fault, ERR_MALFORMED, "the path has a wrong %%-escape");
        if (segment.size == 0 || bytes_equal(segment, text("."))
            || bytes_equal(segment, text("..")))
            return fault_set(
                fault, ERR_MALFORMED, "the path has an empty segment, '.' or '..'");
        if (target->segment_count == SEGMENTS_MAX)
            return fault_set(fault, ERR_TOO_LARGE, "the path has too many segments");
        target->segments[target->segment_count++] = segment;
    }
    return ERR_NONE;
}

static enum err
read_query(
    struct bytes in, struct arena *arena, struct target *target, struct fault *fault)
{
    while (in.size > 0) {
        struct bytes value = cut(&in, '&'), name = cut(&value, '=');
        struct query *query = &target->queries[target->query_count];
        if (target->query_count == QUERIES_MAX)
            return fault_set(fault, ERR_TOO_LARGE, "the query has too many names");
        if (!decode(name, true, arena, &query->name)
            || !decode(value, true, arena, &query->value))
            return fault_set(fault, ERR_MALFORMED, "the query has a wrong %%-escape");
        for (size_t i = 0; i < target->query_count; i++)
            if (bytes_equal(target->queries[i].name, query->name))
                return fault_set(fault, ERR_MALFORMED, "the query has '%.*s' twice",
                    (int)(query->name.size < 40 ? query->name.size : 40),
                    (const char *)query->name.data);
        target->query_count++;
    }
    return ERR_NONE;
}

/* Whoever asks as a proxy is asked names the server before the path.  False: it is no
 * name, or one with something about a user, which nobody may be fooled by. */
static bool
take_host(struct bytes *raw, struct arena *arena, struct bytes *host)
{
    static const char *const schemes[] = { "http://", "https://" };
    size_t at = 0, end;
    for (size_t i = 0; i < COUNT(schemes); i++) {
        size_t size = strlen(schemes[i]);
        if (raw->size >= size
            && strncasecmp((const char *)raw->data, schemes[i], size) == 0)
            at = size;
    }
    for (end = at; at > 0 && end < raw->size; end++)
        if (raw->data[end] == '/' || raw->data[end] == '?')
            break;
    struct bytes name = bytes_of(raw->data + at, end - at);
    if (at == 0)
        return true;
    if (name.size == 0 || memchr(name.data, '@', name.size) != NULL)
        return false;
    *host = arena_copy(arena, name);
    *raw = bytes_of(raw->data + end, raw->size - end);
    return true;
}

enum err
target_read(
    struct bytes raw, struct arena *arena, struct target *target, struct fault *fault)
{
    memset(target, 0, sizeof *target);
    if (raw.size > TARGET_SIZE_MAX)
        return fault_set(fault, ERR_TOO_LARGE, "the request line is too long");
    for (size_t i = 0; i < raw.size; i++)
        if (raw.data[i] <= ' ' || raw.data[i] >= 0x7f || raw.data[i] == '#'
            || raw.data[i] == '\\')
            return fault_set(fault, ERR_MALFORMED, "the path has a bare character");
    if (!take_host(&raw, arena, &target->host))
        return fault_set(fault, ERR_MALFORMED, "the target names no host");
    bool bare = target->host.size > 0 && (raw.size == 0 || raw.data[0] == '?');
    if (!bare && (raw.size == 0 || raw.data[0] != '/'))
        return fault_set(fault, ERR_MALFORMED, "the path does not begin with '/'");
    struct bytes rest = bare ? raw : bytes_of(raw.data + 1, raw.size - 1);
    struct bytes path = cut(&rest, '?');
    target->folder = path.size == 0 || path.data[path.size - 1] == '/';
    enum err err = read_path(path, arena, target, fault);
    return err != ERR_NONE ? err : read_query(rest, arena, target, fault);
}

bool
target_number(struct bytes in, uint64_t *number)
{
    enum { DIGITS_MAX = 19 };
    uint64_t value = 0;
    if (in.size == 0 || in.size > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] < '0' || in.data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(in.data[i] - '0');
    }
    if (value > INT64_MAX)
        return false;
    *number = value;
    return true;
}

struct bytes
target_query(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->query_count; i++)
        if (bytes_equal(target->queries[i].name, text(name)))
            return target->queries[i].value;
    return (struct bytes){ 0 };
}
