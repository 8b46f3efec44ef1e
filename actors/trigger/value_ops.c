#include "actors/trigger/value_ops.h"

#include "actors/expression/value.h"
#include "base/map.h"
#include "base/put.h"

#include <assert.h>
#include <math.h>

struct op {
    const struct op_kind *kind;
    uint32_t index;
    struct bytes path[VALUE_PATH_MAX];
    size_t depth;
    bool too_deep;      /* the path has more than there is room for */
    struct bytes value; /* of those that add, `by`, which is: */
    struct number by;
};

/* The value as it is, and as it is being written. */
struct work {
    struct buffer now, next;
    struct buffer part; /* what is put into it */
    struct arena *arena;
    struct buffer mistakes;
    uint32_t done, failed;
};

struct op_kind {
    const char *name;
    void (*run)(struct work *w, const struct op *op);
};

/* ---- looking ---- */

static struct bytes
key_text(struct bytes key)
{
    struct cursor c = cursor_over(key);
    return cursor_type(&c) == PACK_TEXT ? cursor_text(&c) : (struct bytes){ 0 };
}

static struct bytes
member(struct bytes map, struct bytes name)
{
    struct cursor c = cursor_over(map);
    for (size_t left = cursor_map(&c); left > 0; left--) {
        struct bytes key = key_text(cursor_skip(&c)), value = cursor_skip(&c);
        if (key.data != NULL && bytes_equal(key, name))
            return value;
    }
    return (struct bytes){ 0 };
}

/* What is at the path, or nothing.  `blocked`: something on the way is there and is no
 * map; that. */
static struct bytes
look(const struct work *w, const struct op *op, struct bytes *blocked)
{
    struct bytes at = buffer_bytes(&w->now);
    *blocked = (struct bytes){ 0 };
    for (size_t i = 0; i < op->depth && at.size > 0; i++) {
        if (type_of(at) != PACK_MAP) {
            *blocked = at;
            return (struct bytes){ 0 };
        }
        at = member(at, op->path[i]);
    }
    return at;
}

/* ---- writing ---- */

/* `in` with `put` at the path, or without what is there if `put` is nothing.  What is
 * on the way and is no map becomes one. */
static void
write_at(struct buffer *out, struct bytes in, const struct bytes *path, size_t depth,
    struct bytes put)
{
    if (depth == 0) {
        buffer_append_bytes(out, put);
        return;
    }
    bool map = in.size > 0 && type_of(in) == PACK_MAP,
         drop = depth == 1 && put.size == 0;
    struct bytes old = map ? member(in, path[0]) : (struct bytes){ 0 };
    struct cursor c = cursor_over(in);
    size_t count = map ? cursor_map(&c) : 0;
    assert(old.size > 0 || !drop); /* nobody drops what is not there */
    pack_map(out, count + (old.size == 0) - drop);
    for (size_t left = count; left > 0; left--) {
        struct bytes key = cursor_skip(&c), value = cursor_skip(&c);
        bool it = old.size > 0 && value.data == old.data;
        if (it && drop)
            continue;
        buffer_append_bytes(out, key);
        if (it)
            write_at(out, value, path + 1, depth - 1, put);
        else
            buffer_append_bytes(out, value);
    }
    if (old.size == 0) {
        pack_text(out, path[0]);
        write_at(out, old, path + 1, depth - 1, put);
    }
}

static void
place(struct work *w, const struct op *op, struct bytes value)
{
    buffer_clear(&w->next);
    write_at(&w->next, buffer_bytes(&w->now), op->path, op->depth, value);
    struct buffer now = w->now;
    w->now = w->next;
    w->next = now;
    w->done++;
}

/* ---- mistakes ---- */

static void
put_path(struct buffer *out, const struct op *op)
{
    for (size_t i = 0; i < op->depth; i++) {
        buffer_append(out, "/", i > 0);
        buffer_append_bytes(out, op->path[i]);
    }
    if (op->depth == 0)
        buffer_append_bytes(out, text("the value itself"));
}

/* `code` goes behind the operation's name; `found` is what is there, or nothing. */
static void
fail_op(struct work *w, const struct op *op, const char *code, const char *expected,
    struct bytes found)
{
    struct buffer said = { 0 };
    w->failed++;
    pack_map(&w->mistakes, 3);
    put_number(&w->mistakes, "op_index", op->index);
    pack_string(&w->mistakes, "code");
    buffer_print(&said, "%s.%s", op->kind->name, code);
    pack_text(&w->mistakes, buffer_bytes(&said));
    buffer_clear(&said);
    buffer_print(&said, "%s at ", op->kind->name);
    put_path(&said, op);
    buffer_print(&said, ": %s", expected);
    if (found.size > 0)
        buffer_print(&said, ", and there is %s", type_sentence(found));
    put_text(&w->mistakes, "message", buffer_bytes(&said));
    buffer_free(&said);
}

static bool
is_blocked(struct work *w, const struct op *op, struct bytes blocked)
{
    if (blocked.size == 0)
        return false;
    fail_op(w, op, "target_not_object", "a map was expected on the way", blocked);
    return true;
}

/* ---- operations ---- */

static void
run_set(struct work *w, const struct op *op)
{
    struct bytes blocked;
    (void)look(w, op, &blocked);
    if (!is_blocked(w, op, blocked))
        place(w, op, op->value);
}

/* A value is not taken away but becomes null. */
static void
run_remove(struct work *w, const struct op *op)
{
    struct bytes blocked, found = look(w, op, &blocked);
    if (is_blocked(w, op, blocked))
        return;
    if (op->depth == 0)
        place(w, op, pack_or_nil((struct bytes){ 0 }));
    else if (found.size > 0)
        place(w, op, (struct bytes){ 0 });
    else
        w->done++;
}

/* False: it is a whole number of more than 64 bits, or no number any more. */
static bool
write_sum(struct buffer *out, const struct number *a, const struct number *b, int sign)
{
    if (!a->whole || !b->whole) {
        double sum = number_real(a) + sign * number_real(b);
        pack_double(out, sum);
        return isfinite(sum);
    }
    wide sum = a->integer + sign * b->integer;
    if (sum < INT64_MIN || sum > UINT64_MAX)
        return false;
    if (sum < 0)
        pack_i64(out, (int64_t)sum);
    else
        pack_u64(out, (uint64_t)sum);
    return true;
}

static void
add(struct work *w, const struct op *op, int sign)
{
    struct bytes blocked, found = look(w, op, &blocked);
    struct number there = { .whole = true };
    if (is_blocked(w, op, blocked))
        return;
    if (found.size > 0 && !number_of(found, &there)) {
        fail_op(w, op, "not_number", "a number was expected", found);
        return;
    }
    buffer_clear(&w->part);
    if (write_sum(&w->part, &there, &op->by, sign))
        place(w, op, buffer_bytes(&w->part));
    else
        fail_op(w, op, "out_of_range", "the sum must fit into 64 bits", found);
}

static void
run_increment(struct work *w, const struct op *op)
{
    add(w, op, 1);
}

static void
run_decrement(struct work *w, const struct op *op)
{
    add(w, op, -1);
}

static void
append_item(struct work *w, const struct op *op, struct bytes list)
{
    struct cursor c = cursor_over(list);
    size_t count = list.size > 0 ? cursor_array(&c) : 0;
    pack_array(&w->part, count + 1);
    buffer_append(&w->part, c.at, (size_t)(c.end - c.at));
    buffer_append_bytes(&w->part, op->value);
    place(w, op, buffer_bytes(&w->part));
}

/* A text begins a text, but not inside: there everything begins a list. */
static void
run_append(struct work *w, const struct op *op)
{
    struct bytes blocked, found = look(w, op, &blocked);
    bool is_text = type_of(op->value) == PACK_TEXT;
    bool nothing = found.size == 0 || is_nil(found);
    if (is_blocked(w, op, blocked))
        return;
    buffer_clear(&w->part);
    if (nothing && is_text && (op->depth < 2 || found.size > 0)) {
        place(w, op, op->value);
    } else if (nothing || type_of(found) == PACK_ARRAY) {
        append_item(w, op, nothing ? (struct bytes){ 0 } : found);
    } else if (type_of(found) == PACK_TEXT && is_text) {
        struct bytes a = text_of(found), b = text_of(op->value);
        struct buffer both = { 0 };
        buffer_append_bytes(&both, a);
        buffer_append_bytes(&both, b);
        pack_text(&w->part, buffer_bytes(&both));
        buffer_free(&both);
        place(w, op, buffer_bytes(&w->part));
    } else {
        fail_op(w, op, "type_mismatch",
            type_of(found) == PACK_TEXT ? "only a text can be appended to a text"
                                        : "a list, a text or nothing was expected",
            found);
    }
}

static bool
is_polluting(struct bytes name)
{
    static const char *const names[] = { "__proto__", "constructor", "prototype" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (bytes_equal(name, text(names[i])))
            return true;
    return false;
}

static unsigned
depth_of(struct cursor *c)
{
    enum pack_type type = cursor_type(c);
    unsigned deepest = 0;
    if (type != PACK_MAP && type != PACK_ARRAY) {
        cursor_skip(c);
        return 0;
    }
    size_t left = type == PACK_MAP ? 2 * cursor_map(c) : cursor_array(c);
    for (; left > 0; left--) {
        unsigned depth = depth_of(c);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

static bool
may_merge(struct work *w, const struct op *op)
{
    struct cursor whole = cursor_over(op->value), c = whole;
    if (type_of(op->value) != PACK_MAP) {
        fail_op(w, op, "value.not_an_object", "only a map can be merged", op->value);
        return false;
    }
    size_t count = cursor_map(&c);
    if (count > VALUE_MERGED_MAX) {
        fail_op(w, op, "value.too_many_keys", "the map has more than 1024 members",
            (struct bytes){ 0 });
        return false;
    }
    for (; count > 0; count--) {
        struct bytes key = key_text(cursor_skip(&c));
        cursor_skip(&c);
        if (is_polluting(key)) {
            fail_op(w, op, "value.proto_polluted",
                "__proto__, constructor and prototype cannot be merged",
                (struct bytes){ 0 });
            return false;
        }
    }
    if (depth_of(&whole) > VALUE_MERGED_DEPTH_MAX) {
        fail_op(w, op, "value.too_deep", "the map is nested deeper than 16",
            (struct bytes){ 0 });
        return false;
    }
    return true;
}

struct merged {
    struct bytes key, value; /* key: as msgpack */
    bool used;
};

static size_t
read_merged(struct work *w, struct bytes value, struct map *by_key, struct merged **all)
{
    struct cursor c = cursor_over(value);
    size_t count = cursor_map(&c);
    *all = arena_take(w->arena, (count + 1) * sizeof **all);
    for (size_t i = 0; i < count; i++) {
        struct merged *m = &(*all)[i];
        m->key = cursor_skip(&c);
        m->value = cursor_skip(&c);
        map_put(by_key, m->key, m);
    }
    return count;
}

/* The members of `into`, which is a map or nothing, in their order, then the new ones.
 */
static void
write_merged(struct work *w, struct bytes into, struct bytes value)
{
    struct map by_key = { 0 };
    struct merged *all;
    struct buffer members = { 0 };
    size_t merged = read_merged(w, value, &by_key, &all), count = 0;
    struct cursor c = cursor_over(into);
    for (size_t left = into.size > 0 ? cursor_map(&c) : 0; left > 0; left--, count++) {
        struct bytes key = cursor_skip(&c), old = cursor_skip(&c);
        struct merged *m = map_get(&by_key, key);
        buffer_append_bytes(&members, key);
        buffer_append_bytes(&members, m == NULL ? old : m->value);
        if (m != NULL)
            m->used = true;
    }
    for (size_t i = 0; i < merged; i++) {
        if (all[i].used || map_get(&by_key, all[i].key) != &all[i])
            continue;
        buffer_append_bytes(&members, all[i].key);
        buffer_append_bytes(&members, all[i].value);
        count++;
    }
    buffer_clear(&w->part);
    pack_map(&w->part, count);
    buffer_append_bytes(&w->part, buffer_bytes(&members));
    buffer_free(&members);
    map_free(&by_key);
}

/* As RFC 7396 has it, what is on the way and is no map becomes one; the value itself
 * does not. */
static void
run_merge(struct work *w, const struct op *op)
{
    struct bytes blocked, found = look(w, op, &blocked);
    bool map = found.size > 0 && type_of(found) == PACK_MAP;
    if (!may_merge(w, op))
        return;
    if (op->depth == 0 && found.size > 0 && !map) {
        fail_op(w, op, "target_not_object", "a map was expected", found);
        return;
    }
    write_merged(w, map ? found : (struct bytes){ 0 }, op->value);
    place(w, op, buffer_bytes(&w->part));
}

static const struct op_kind kinds[] = {
    { "set", run_set },
    { "merge", run_merge },
    { "increment", run_increment },
    { "decrement", run_decrement },
    { "append", run_append },
    { "remove", run_remove },
};

/* ---- reading ---- */

static const struct op_kind *
kind_of(struct bytes name)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (bytes_equal(name, text(kinds[i].name)))
            return &kinds[i];
    return NULL;
}

/* A text is one segment, however many dots it has. */
static bool
read_path(struct bytes said, struct op *op)
{
    struct cursor c = cursor_over(said);
    if (said.size == 0 || cursor_type(&c) == PACK_NIL)
        return true;
    if (cursor_type(&c) == PACK_TEXT) {
        op->path[0] = cursor_text(&c);
        op->depth = op->path[0].size > 0;
        return true;
    }
    if (cursor_type(&c) != PACK_ARRAY)
        return false;
    for (size_t left = cursor_array(&c); left > 0; left--) {
        struct bytes segment = cursor_skip(&c);
        if (type_of(segment) != PACK_TEXT)
            return false;
        if (op->depth < VALUE_PATH_MAX)
            op->path[op->depth++] = text_of(segment);
        else
            op->too_deep = true;
    }
    return true;
}

/* Why it is no operation; NULL: it is one. */
static const char *
read_op(struct bytes said, struct op *op)
{
    if (type_of(said) != PACK_MAP)
        return "it must be an object";
    struct bytes type = pack_find(said, "type");
    op->kind = type.size > 0 ? kind_of(key_text(type)) : NULL;
    if (op->kind == NULL)
        return "type must be set, merge, increment, decrement, append or remove";
    if (!read_path(pack_find(said, "path"), op))
        return "path must be a text or a list of texts";
    bool adds = op->kind->run == run_increment || op->kind->run == run_decrement;
    op->value = pack_or_nil(pack_find(said, adds ? "by" : "value"));
    return adds && !number_of(op->value, &op->by) ? "by must be a number" : NULL;
}

static bool
path_right(struct work *w, const struct op *op)
{
    static const struct bytes nothing = { 0 };
    if (op->too_deep) {
        fail_op(w, op, "path.too_deep", "the path has more than 32 segments", nothing);
        return false;
    }
    for (size_t i = 0; i < op->depth; i++) {
        struct bytes segment = op->path[i];
        const char *wrong = segment.size == 0                  ? "path.empty_segment"
                            : segment.size > VALUE_SEGMENT_MAX ? "path.segment_too_long"
                            : is_polluting(segment)            ? "path.proto_polluted"
                                                               : NULL;
        if (wrong != NULL) {
            fail_op(w, op, wrong,
                "a segment is 1 to 256 bytes, and not __proto__, constructor or "
                "prototype",
                nothing);
            return false;
        }
    }
    return true;
}

/* ---- the list ---- */

static enum err
run_ops(struct work *w, struct bytes ops, size_t max, struct fault *fault)
{
    struct cursor c = cursor_over(ops);
    size_t work = 0;
    if (pack_check(ops) != ERR_NONE || cursor_type(&c) != PACK_ARRAY)
        return fault_set(fault, ERR_INVALID, "ops must be a list of operations");
    size_t count = cursor_array(&c);
    if (count > VALUE_OPS_MAX)
        return fault_set(
            fault, ERR_TOO_LARGE, "ops has more than %d operations", VALUE_OPS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct op op = { .index = i };
        const char *wrong = read_op(cursor_skip(&c), &op);
        if (wrong != NULL)
            return fault_set(fault, ERR_INVALID, "ops[%u]: %s", i, wrong);
        if (!path_right(w, &op))
            continue;
        work += w->now.size + op.value.size;
        if (work > VALUE_WORK_MAX)
            return fault_set(fault, ERR_TOO_LARGE,
                "ops[%u]: so many operations are too much for a value of %zu bytes", i,
                w->now.size);
        op.kind->run(w, &op);
        if (w->now.size > max)
            return fault_set(fault, ERR_TOO_LARGE,
                "ops[%u]: the value grows beyond %zu bytes", i, max);
    }
    if (w->now.size > 0 && pack_check(buffer_bytes(&w->now)) != ERR_NONE)
        return fault_set(fault, ERR_TOO_LARGE,
            "the value would be nested deeper than %d", PACK_DEPTH_MAX);
    return ERR_NONE;
}

enum err
value_change(struct bytes value, struct bytes ops, size_t max, struct arena *arena,
    struct value_change *change, struct fault *fault)
{
    struct work w = { .arena = arena };
    struct buffer mistakes = { 0 };
    buffer_append_bytes(&w.now, value);
    enum err err = run_ops(&w, ops, max, fault);
    pack_array(&mistakes, w.failed);
    buffer_append_bytes(&mistakes, buffer_bytes(&w.mistakes));
    *change = (struct value_change){ .done = w.done, .failed = w.failed };
    if (err == ERR_NONE) {
        /* What was only removed from nothing is an empty map. */
        struct bytes now = buffer_bytes(&w.now);
        change->value = w.done > 0 ? arena_copy(arena, pack_or_map(now)) : value;
        change->mistakes = arena_copy(arena, buffer_bytes(&mistakes));
    }
    buffer_free(&mistakes);
    buffer_free(&w.mistakes);
    buffer_free(&w.part);
    buffer_free(&w.next);
    buffer_free(&w.now);
    return err;
}
