#include "actors/trigger/listeners.h"

#include "base/hash.h"
#include "base/wrong.h"

#include <assert.h>

/* Pairs of a match that the index knows; the others are compared one by one. */
enum { PAIRS_MAX = 16, SORTED_MAX = 64 };

static bool
name_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || c == '_' || c == '-' || c == ':';
}

bool
event_type_right(struct bytes type)
{
    size_t names = 1;
    if (type.size == 0 || type.size > EVENT_TYPE_MAX)
        return false;
    for (size_t i = 0; i < type.size; i++) {
        bool edge = i == 0 || i + 1 == type.size || type.data[i - 1] == '.';
        bool dot = type.data[i] == '.';
        names += dot;
        if (dot ? edge : !name_character(type.data[i]))
            return false;
    }
    return names <= EVENT_NAMES_MAX;
}

bool
type_fits(struct bytes pattern, struct bytes type)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < type.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.size && pattern.data[p] == type.data[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*')
        p++;
    return p == pattern.size;
}

bool
pattern_is_literal(struct bytes pattern)
{
    return pattern.size == 0 || memchr(pattern.data, '*', pattern.size) == NULL;
}

/* ---- values ---- */

static struct bytes
member_of(struct bytes value, struct bytes name)
{
    struct cursor c = cursor_over(value);
    if (cursor_type(&c) == PACK_MAP) {
        for (size_t count = cursor_map(&c); count > 0; count--) {
            bool named = cursor_type(&c) == PACK_TEXT;
            struct bytes key = named ? cursor_text(&c) : cursor_skip(&c);
            struct bytes member = cursor_skip(&c);
            if (named && bytes_equal(key, name))
                return member;
        }
    } else if (cursor_type(&c) == PACK_ARRAY && name.size > 0 && name.size <= 6) {
        size_t count = cursor_array(&c), index = 0;
        for (size_t i = 0; i < name.size; i++) {
            if (name.data[i] < '0' || name.data[i] > '9')
                return (struct bytes){ 0 };
            index = index * 10 + (size_t)(name.data[i] - '0');
        }
        for (size_t i = 0; i < count; i++) {
            struct bytes item = cursor_skip(&c);
            if (i == index)
                return item;
        }
    }
    return (struct bytes){ 0 };
}

struct bytes
value_in(struct bytes data, struct bytes path)
{
    while (data.size > 0) {
        const uint8_t *dot = path.size == 0 ? NULL : memchr(path.data, '.', path.size);
        size_t size = dot == NULL ? path.size : (size_t)(dot - path.data);
        data = member_of(data, bytes_of(path.data, size));
        if (dot == NULL)
            break;
        path = bytes_of(dot + 1, path.size - size - 1);
    }
    return data;
}

static void put_plain(struct buffer *out, struct cursor *c);

struct pair {
    struct bytes key, value;
};

/* Sorted by their keys, as far as that is no great work. */
static size_t
take_pairs(struct cursor *c, size_t count, struct pair pairs[SORTED_MAX])
{
    for (size_t i = 0; i < count; i++) {
        struct pair pair;
        size_t at = i;
        pair.key = cursor_skip(c);
        pair.value = cursor_skip(c);
        for (; at > 0 && bytes_order(pair.key, pairs[at - 1].key) < 0; at--)
            pairs[at] = pairs[at - 1];
        pairs[at] = pair;
    }
    return count;
}

static void
put_plain_map(struct buffer *out, struct cursor *c)
{
    struct pair pairs[SORTED_MAX];
    size_t count = cursor_map(c);
    pack_map(out, count);
    if (count > SORTED_MAX) {
        for (size_t i = 0; i < 2 * count; i++)
            put_plain(out, c);
        return;
    }
    take_pairs(c, count, pairs);
    for (size_t i = 0; i < count; i++) {
        struct cursor value = cursor_over(pairs[i].value);
        buffer_append_bytes(out, pairs[i].key);
        put_plain(out, &value);
    }
}

static void
put_plain_number(struct buffer *out, double number)
{
    static const double limit = 9007199254740992.0; /* 2^53 */
    bool whole =
        number >= -limit && number <= limit && number == (double)(int64_t)number;
    if (whole)
        pack_i64(out, (int64_t)number);
    else
        pack_double(out, number);
}

/* Values that are equal become the same bytes.  Nesting was checked at the door. */
static void
put_plain(struct buffer *out, struct cursor *c)
{
    switch (cursor_type(c)) {
    case PACK_UNSIGNED: pack_u64(out, cursor_u64(c)); return;
    case PACK_NEGATIVE: pack_i64(out, cursor_i64(c)); return;
    case PACK_DOUBLE: put_plain_number(out, cursor_double(c)); return;
    case PACK_TEXT: pack_text(out, cursor_text(c)); return;
    case PACK_MAP: put_plain_map(out, c); return;
    case PACK_ARRAY: {
        size_t count = cursor_array(c);
        pack_array(out, count);
        for (size_t i = 0; i < count; i++)
            put_plain(out, c);
        return;
    }
    default: buffer_append_bytes(out, cursor_skip(c)); return;
    }
}

static struct hash
add_value(const struct hash *before, struct bytes value)
{
    struct buffer plain = { 0 };
    struct cursor c = cursor_over(value);
    put_plain(&plain, &c);
    struct hash hash = hash_chain(before, buffer_bytes(&plain));
    buffer_free(&plain);
    return hash;
}

bool
match_holds(struct bytes match, struct bytes data)
{
    static const struct hash none;
    struct cursor c = cursor_over(match);
    if (match.size == 0 || cursor_type(&c) != PACK_MAP)
        return true;
    for (size_t count = cursor_map(&c); count > 0; count--) {
        struct bytes path = cursor_text(&c), wanted = cursor_skip(&c);
        struct bytes found = value_in(data, path);
        struct hash a = add_value(&none, wanted), b;
        if (c.bad || found.size == 0)
            return false;
        b = add_value(&none, found);
        if (memcmp(a.bytes, b.bytes, HASH_SIZE) != 0)
            return false;
    }
    return true;
}

/* ---- places in the index ---- */

static struct id
half(const struct hash *hash)
{
    struct id id;
    memcpy(id.bytes, hash->bytes, ID_SIZE);
    return id;
}

/* A literal type, or what the types that fit have before their last known dot. */
static struct id
class_of(char sort, struct bytes name)
{
    struct hash hash = hash_of(bytes_of(&sort, 1));
    hash = hash_chain(&hash, name);
    return half(&hash);
}

static struct id
class_of_pattern(struct bytes pattern)
{
    size_t size = 0, dot = 0;
    if (pattern_is_literal(pattern))
        return class_of('=', pattern);
    for (; pattern.data[size] != '*'; size++)
        if (pattern.data[size] == '.')
            dot = size;
    return class_of('<', bytes_of(pattern.data, dot));
}

/* The class number `n` of those in which an event of this type looks; false: there are
 * no more. */
static bool
class_of_event(struct bytes type, unsigned n, struct id *class)
{
    if (n == 0) {
        *class = class_of('=', type);
        return true;
    }
    for (size_t i = type.size; i > 0; i--)
        if (type.data[i - 1] == '.' && --n == 0) {
            *class = class_of('<', bytes_of(type.data, i - 1));
            return true;
        }
    *class = class_of('<', (struct bytes){ 0 });
    return n == 1;
}

struct place {
    struct id class, paths, values;
    struct buffer list; /* msgpack array of the paths */
};

static struct place
place_of(struct bytes pattern, struct bytes match)
{
    struct place place = { .class = class_of_pattern(pattern) };
    struct pair pairs[SORTED_MAX];
    struct cursor c = cursor_over(match);
    struct hash values = hash_of((struct bytes){ 0 });
    size_t count = 0;
    if (match.size > 0 && cursor_type(&c) == PACK_MAP)
        count = cursor_map(&c);
    count = take_pairs(&c, count < SORTED_MAX ? count : SORTED_MAX, pairs);
    count = count < PAIRS_MAX ? count : PAIRS_MAX;
    pack_array(&place.list, count);
    for (size_t i = 0; i < count; i++) {
        buffer_append_bytes(&place.list, pairs[i].key);
        values = add_value(&values, pairs[i].value);
    }
    struct hash paths = hash_of(buffer_bytes(&place.list));
    place.paths = half(&paths);
    place.values = half(&values);
    return place;
}

static struct row_key
key_of_paths(const struct id *project, const struct id *class, const struct id *paths)
{
    struct row_key key = row_key_run('Y', project, class);
    if (paths != NULL)
        row_key_id(&key, paths);
    return key;
}

static struct row_key
key_of_values(const struct id *project, const struct id *class, const struct id *paths,
    const struct id *values)
{
    struct row_key key = row_key_run('X', project, class);
    row_key_id(&key, paths);
    row_key_id(&key, values);
    return key;
}

static struct row_key
key_of_listener(const struct id *project, const struct place *place,
    const struct listener *listener)
{
    struct row_key key =
        key_of_values(project, &place->class, &place->paths, &place->values);
    struct hash trigger = hash_of(listener->trigger_key);
    row_key_u8(&key, (uint8_t)listener->kind);
    row_key_id(&key, &listener->id);
    row_key_u32(&key, listener->first);
    row_key_u32(&key, listener->second);
    /* Of two triggers of one automation. */
    for (size_t i = 0; listener->kind == LISTENER_TRIGGER && i < ID_SIZE; i++)
        row_key_u8(&key, trigger.bytes[i]);
    return key;
}

/* One more, or one less, that compares these paths. */
static void
count_paths(struct journal *journal, const struct id *project,
    const struct place *place, int more)
{
    struct row_key key = key_of_paths(project, &place->class, &place->paths);
    struct paths_entry entry;
    kept_read(journal, &key, &paths_entry_shape, NULL, &entry);
    entry.paths = buffer_bytes(&place->list);
    entry.count = more > 0 ? entry.count + 1 : entry.count - 1;
    if (entry.count == 0)
        kept_drop(journal, &key);
    else
        kept_write(journal, &key, &paths_entry_shape, &entry);
}

void
listener_add(struct journal *journal, const struct id *project, struct bytes pattern,
    struct bytes match, const struct listener *listener)
{
    struct place place = place_of(pattern, match);
    struct row_key key = key_of_listener(project, &place, listener);
    if (!kept_exists(journal, &key))
        count_paths(journal, project, &place, 1);
    if (listener->kind == LISTENER_TRIGGER)
        journal_put(journal, row_key_bytes(&key), listener->trigger_key);
    else
        kept_mark(journal, &key);
    buffer_free(&place.list);
}

void
listener_drop(struct journal *journal, const struct id *project, struct bytes pattern,
    struct bytes match, const struct listener *listener)
{
    struct place place = place_of(pattern, match);
    struct row_key key = key_of_listener(project, &place, listener);
    if (kept_exists(journal, &key)) {
        kept_drop(journal, &key);
        count_paths(journal, project, &place, -1);
    }
    buffer_free(&place.list);
}

/* ---- a walk ---- */

/* A place: the number of the class, and the key of the listener. */
struct step {
    struct walk *walk;
    unsigned number;
    struct id class;
    struct bytes after; /* key of a listener of this class, or nothing */
    bool stopped;
};

static bool
take_listener(void *self, struct bytes key, struct bytes value)
{
    struct step *step = self;
    struct walk *walk = step->walk;
    struct bytes left =
        bytes_of(key.data + 1 + 4 * ID_SIZE, key.size - 1 - 4 * ID_SIZE);
    struct listener listener = { .kind = (enum listener_kind)row_take_u8(&left) };
    listener.id = row_take_id(&left);
    listener.first = row_take_u32(&left);
    listener.second = row_take_u32(&left);
    if (listener.kind == LISTENER_TRIGGER)
        listener.trigger_key = value;
    if (!walk->each(walk->self, &listener)) {
        step->stopped = true;
        return false;
    }
    assert(key.size < LISTENER_AT_MAX);
    walk->at[0] = (uint8_t)step->number;
    memcpy(walk->at + 1, key.data, key.size);
    walk->at_size = 1 + key.size;
    return true;
}

/* The hash of the event's values at these paths; false: one of them is not there. */
static bool
values_of(struct bytes paths, struct bytes data, struct id *values)
{
    struct hash hash = hash_of((struct bytes){ 0 });
    struct cursor c = cursor_over(paths);
    for (size_t count = cursor_array(&c); count > 0; count--) {
        struct bytes value = value_in(data, cursor_text(&c));
        if (value.size == 0)
            return false;
        hash = add_value(&hash, value);
    }
    *values = half(&hash);
    return true;
}

static bool
take_paths(void *self, struct bytes key, struct bytes value)
{
    struct step *step = self;
    struct walk *walk = step->walk;
    struct bytes left = bytes_of(key.data + 1 + 2 * ID_SIZE, ID_SIZE);
    struct id paths = row_take_id(&left), values;
    struct paths_entry entry;
    kept_take(walk->journal, value, &paths_entry_shape, NULL, &entry);
    if (!values_of(entry.paths, walk->data, &values))
        return true;
    struct row_key from = key_of_values(&walk->project, &step->class, &paths, &values);
    struct row_key to = row_key_after(&from);
    if (bytes_begin(step->after, row_key_bytes(&from))) {
        from.size = 0;
        row_key_text(&from, step->after);
        row_key_u8(&from, 0); /* behind it */
    }
    journal_scan(walk->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        take_listener, step);
    return !step->stopped;
}

bool
listeners_walk(struct walk *walk)
{
    uint8_t kept[LISTENER_AT_MAX];
    struct step step = { .walk = walk };
    if (walk->at_size > 0) {
        memcpy(kept, walk->at, walk->at_size);
        step.number = kept[0];
        step.after = bytes_of(kept + 1, walk->at_size - 1);
    }
    for (; !step.stopped && class_of_event(walk->type, step.number, &step.class);
         step.number++) {
        struct row_key from = key_of_paths(&walk->project, &step.class, NULL);
        struct row_key to = row_key_after(&from);
        /* Sets of paths before that of the last listener are done with. */
        if (step.after.size > 0)
            for (size_t i = 0; i < ID_SIZE; i++)
                row_key_u8(&from, step.after.data[1 + 2 * ID_SIZE + i]);
        journal_scan(walk->journal, row_key_bytes(&from), row_key_bytes(&to), false,
            take_paths, &step);
        step.after = (struct bytes){ 0 };
    }
    return !step.stopped;
}

static bool
stop_at_once(void *self, const struct listener *listener)
{
    (void)self;
    (void)listener;
    return false;
}

bool
listeners_any(struct journal *journal, const struct id *project, struct bytes type,
    struct bytes data)
{
    struct walk walk = { .journal = journal,
        .project = *project,
        .type = type,
        .data = data,
        .each = stop_at_once };
    return !listeners_walk(&walk);
}

static bool
in_class(struct journal *journal, const struct id *project, const struct id *class)
{
    struct row_key rows = key_of_paths(project, class, NULL), key;
    return kept_first(journal, &rows, (struct bytes){ 0 }, &key);
}

bool
listeners_named(struct journal *journal, const struct id *project, struct bytes type)
{
    struct id class = class_of('=', type);
    return in_class(journal, project, &class);
}

bool
listeners_below(struct journal *journal, const struct id *project, struct bytes name)
{
    struct id class = class_of('<', name);
    return in_class(journal, project, &class);
}
