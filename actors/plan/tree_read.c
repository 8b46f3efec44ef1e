/* libyaml is asked for events only: its document loader expands nothing but builds
 * without limit, and its scanner is quadratic in depth.  Events are counted and levels
 * limited as they come, so a hostile text is left early. */
#include "actors/plan/keys.h"
#include "actors/plan/mistakes.h"
#include "actors/plan/tree.h"
#include "base/pack.h"
#include "base/wrong.h"

#include <assert.h>
#include <yaml.h>

/* Bytes of a text per value that it may hold. */
enum { VALUE_BYTES = 16 };

/* A list or map that is being read; the outermost is the text itself, without a node.
 */
struct level {
    struct node *node, *last;
    struct bytes key; /* of the value that comes next */
    struct mark key_at;
    bool key_given, key_refused;
    uint32_t count;
};

struct builder {
    struct reading *reading;
    struct node *root;
    size_t values_left;
    unsigned depth;
    struct level levels[TREE_DEPTH_MAX + 1];
    bool ended;   /* the stream has */
    bool stopped; /* read no further */
    unsigned documents;
};

static struct mark
mark_of(yaml_mark_t mark)
{
    return (struct mark){ (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

static struct level *
top_of(struct builder *b)
{
    return &b->levels[b->depth];
}

static bool
key_comes(struct builder *b)
{
    struct level *level = top_of(b);
    return level->node != NULL && level->node->type == NODE_MAP && !level->key_given;
}

/* Where `event` stands: the place of the value that comes, or the map that it is a key
 * of. */
static struct node
here(struct builder *b, const yaml_event_t *event)
{
    struct level *level = top_of(b);
    struct node node = { 0 };
    if (key_comes(b))
        node = *level->node;
    else
        node = (struct node){
            .parent = level->node,
            .key = level->key,
            .key_at = level->key_at,
            .index = level->count,
        };
    node.at = mark_of(event->start_mark);
    return node;
}

static struct node *
node_new(struct builder *b, enum node_type type, const yaml_event_t *event)
{
    struct node *node = arena_take(b->reading->arena, sizeof *node);
    *node = here(b, event);
    node->first = node->next = NULL;
    node->type = (uint8_t)type;
    return node;
}

/* Give `node` its place; a value whose key was refused has none. */
static void
attach(struct builder *b, struct node *node)
{
    struct level *level = top_of(b);
    bool refused = level->key_refused;
    level->key_given = level->key_refused = false;
    level->key = (struct bytes){ 0 };
    if (refused)
        return;
    if (level->node == NULL)
        b->root = node;
    else if (level->last == NULL)
        level->node->first = node;
    else
        level->last->next = node;
    level->last = node;
    level->count++;
}

/* The key that was just read has a mistake: its value will be dropped. */
static void
key_refuse(struct builder *b, const yaml_event_t *event, const char *why)
{
    struct node at = here(b, event);
    mistake_at(b->reading, &at, "%s", why);
    top_of(b)->key_given = top_of(b)->key_refused = true;
}

static void
key_give(struct builder *b, const yaml_event_t *event)
{
    struct level *level = top_of(b);
    struct bytes key = bytes_of(event->data.scalar.value, event->data.scalar.length);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && key.size == 0) {
        key_refuse(b, event, "a key is missing before the colon");
    } else if (plain && bytes_equal(key, text("<<"))) {
        key_refuse(b, event, "merge keys are not accepted, write it out");
    } else {
        level->key_given = true;
        level->key_at = mark_of(event->start_mark);
        level->key = arena_copy(b->reading->arena, key);
    }
}

/* Anchors and tags are mistakes; what they stand on is read as if they were not there.
 */
static void
properties_refuse(struct builder *b, const yaml_event_t *event,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct node at = here(b, event);
    if (anchor != NULL)
        mistake_at(b->reading, &at,
            "the anchor &%.40s: anchors and aliases are not accepted, write it out",
            (const char *)anchor);
    if (tag != NULL)
        mistake_at(b->reading, &at,
            "the tag %s: tags are not accepted, quote what is text",
            quoted(text((const char *)tag)).text);
}

static void
stop(struct builder *b, const yaml_event_t *event, const char *what, size_t most)
{
    struct node at = here(b, event);
    mistake_at(b->reading, &at, "%s: expected at most %zu", what, most);
    b->stopped = true;
}

static bool
value_count(struct builder *b, const yaml_event_t *event)
{
    if (b->values_left == 0) {
        stop(b, event, "too many values", b->reading->limits->text_max / VALUE_BYTES);
        return false;
    }
    b->values_left--;
    return true;
}

static void
on_alias(struct builder *b, const yaml_event_t *event)
{
    struct node at = here(b, event);
    mistake_at(b->reading, &at,
        "the alias *%.40s: anchors and aliases are not accepted, write it out",
        (const char *)event->data.alias.anchor);
    if (key_comes(b))
        top_of(b)->key_given = top_of(b)->key_refused = true;
    else if (value_count(b, event))
        attach(b, node_new(b, NODE_REFUSED, event));
}

static enum node_style
style_of(yaml_scalar_style_t style)
{
    switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: return STYLE_SINGLE;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: return STYLE_DOUBLE;
    case YAML_LITERAL_SCALAR_STYLE: return STYLE_LITERAL;
    case YAML_FOLDED_SCALAR_STYLE: return STYLE_FOLDED;
    case YAML_PLAIN_SCALAR_STYLE: return STYLE_PLAIN;
    case YAML_ANY_SCALAR_STYLE: break; /* never: it is for who writes */
    }
    WRONG("libyaml reads no such style");
}

static void
on_scalar(struct builder *b, const yaml_event_t *event)
{
    properties_refuse(b, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (key_comes(b)) {
        key_give(b, event);
        return;
    }
    if (!value_count(b, event))
        return;
    struct node *node = node_new(b, NODE_SCALAR, event);
    struct bytes text = bytes_of(event->data.scalar.value, event->data.scalar.length);
    node->text = arena_copy(b->reading->arena, text);
    node->style = (uint8_t)style_of(event->data.scalar.style);
    node->plain = node->style == STYLE_PLAIN;
    attach(b, node);
}

static void
collection_open(struct builder *b, const yaml_event_t *event, enum node_type type)
{
    if (b->depth == TREE_DEPTH_MAX) {
        stop(b, event, "too many levels of nesting", TREE_DEPTH_MAX);
        return;
    }
    if (!value_count(b, event))
        return;
    struct node *node = node_new(b, type, event);
    if (key_comes(b))
        key_refuse(b, event,
            type == NODE_LIST ? "a list as a key: expected text"
                              : "a map as a key: expected text; quote what begins "
                                "with {{");
    else
        attach(b, node);
    b->levels[++b->depth] = (struct level){ .node = node };
}

static void
on_list(struct builder *b, const yaml_event_t *event)
{
    properties_refuse(
        b, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    collection_open(b, event, NODE_LIST);
}

static void
on_map(struct builder *b, const yaml_event_t *event)
{
    properties_refuse(
        b, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    collection_open(b, event, NODE_MAP);
}

static void
on_end(struct builder *b, const yaml_event_t *event)
{
    (void)event;
    assert(b->depth > 0);
    b->depth--;
}

/* Unlink what `repeated` marks. */
static void
entries_drop(struct node *map, const bool *repeated)
{
    size_t i = 0;
    for (struct node **at = &map->first; *at != NULL; i++) {
        if (repeated[i])
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

/* Only the first of equal keys is kept: the others are mistakes. */
static void
on_map_end(struct builder *b, const yaml_event_t *event)
{
    struct level *level = top_of(b);
    struct node *map = level->node;
    size_t count = level->count, i = 0;
    on_end(b, event);
    if (count < 2)
        return;
    struct arena *arena = b->reading->arena;
    struct keyed *keys = arena_take(arena, count * sizeof *keys);
    struct node **nodes = arena_take(arena, count * sizeof *nodes);
    bool *repeated = arena_take(arena, count);
    for (struct node *node = map->first; node != NULL; node = node->next, i++) {
        keys[i] = (struct keyed){ node->key, (uint32_t)i };
        nodes[i] = node;
    }
    keys_sort(keys, count, arena);
    size_t first = 0;
    for (i = 1; i < count; i++) {
        if (!bytes_equal(keys[i].key, keys[first].key)) {
            first = i;
            continue;
        }
        repeated[keys[i].index] = true;
        mistake_at_key(b->reading, nodes[keys[i].index],
            "the key %s is already given on line %u", quoted(keys[i].key).text,
            nodes[keys[first].index]->key_at.line);
    }
    entries_drop(map, repeated);
}

static void
on_document(struct builder *b, const yaml_event_t *event)
{
    if (b->documents++ == 0)
        return;
    mistake_mark(b->reading, mark_of(event->start_mark),
        "a second document: expected one per text");
    b->ended = true;
}

static void
on_stream_end(struct builder *b, const yaml_event_t *event)
{
    (void)event;
    b->ended = true;
}

static void
on_nothing(struct builder *b, const yaml_event_t *event)
{
    (void)b;
    (void)event;
}

static void (*const on_event[])(struct builder *b, const yaml_event_t *event) = {
    [YAML_NO_EVENT] = on_nothing,
    [YAML_STREAM_START_EVENT] = on_nothing,
    [YAML_STREAM_END_EVENT] = on_stream_end,
    [YAML_DOCUMENT_START_EVENT] = on_document,
    [YAML_DOCUMENT_END_EVENT] = on_nothing,
    [YAML_ALIAS_EVENT] = on_alias,
    [YAML_SCALAR_EVENT] = on_scalar,
    [YAML_SEQUENCE_START_EVENT] = on_list,
    [YAML_SEQUENCE_END_EVENT] = on_end,
    [YAML_MAPPING_START_EVENT] = on_map,
    [YAML_MAPPING_END_EVENT] = on_map_end,
};

/* The place of byte `offset`, counted as libyaml counts. */
static struct mark
mark_of_offset(struct bytes text, size_t offset)
{
    struct mark mark = { 1, 1 };
    /* never: what is wrong stands in the text */
    for (size_t i = 0; i < offset && i < text.size; i++) {
        uint8_t b = text.data[i];
        if (b == '\n'
            /* never: and so there is more behind what stands before it */
            || (b == '\r' && (i + 1 == text.size || text.data[i + 1] != '\n')))
            mark = (struct mark){ mark.line + 1, 1 };
        else if (b != '\r' && (b & 0xc0) != 0x80)
            mark.column++;
    }
    return mark;
}

/* The byte that begins character `index`, or 0 at the end. */
static uint8_t
character(struct bytes text, size_t index)
{
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] & 0xc0) != 0x80 && index-- == 0)
            return text.data[i];
    return 0;
}

/* What is mostly meant by a text that YAML reads as something else. */
static const char *
remedy(const char *problem, const char *context)
{
    static const struct {
        const char *said, *remedy;
    } remedies[] = {
        { "scanning an alias", ": quote what begins with *" },
        { "scanning an anchor", ": quote what begins with &" },
        { "mapping values are not", ": quote a text with a colon in it" },
        { "cannot start any token", ": quote what begins with @, % or `" },
    };
    for (size_t i = 0; i < COUNT(remedies); i++)
        if (strstr(problem, remedies[i].said) != NULL
            || strstr(context, remedies[i].said) != NULL)
            return remedies[i].remedy;
    return "";
}

static enum err
malformed(struct reading *r, struct bytes text, const yaml_parser_t *parser)
{
    mistakes_clear(r);
    /* never: libyaml names a problem, but when memory is out */
    const char *problem = parser->problem == NULL ? "unknown" : parser->problem;
    const char *context = parser->context == NULL ? "" : parser->context;
    if (parser->error == YAML_MEMORY_ERROR)
        WRONG("out of memory");
    if (parser->error == YAML_READER_ERROR)
        mistake_mark(
            r, mark_of_offset(text, parser->problem_offset), "not YAML: %s", problem);
    else if (strstr(problem, "Unicode character escape") != NULL)
        mistake_mark(r, mark_of(parser->problem_mark),
            "half of a surrogate pair: expected the character itself, or \\U and 8 "
            "digits");
    else if (character(text, parser->problem_mark.index) == '\t')
        mistake_mark(
            r, mark_of(parser->problem_mark), "a tab: YAML is indented with spaces");
    else if (context[0] != '\0')
        mistake_mark(r, mark_of(parser->problem_mark), "not YAML: %s (%s, line %zu)%s",
            problem, context, parser->context_mark.line + 1, remedy(problem, context));
    else
        mistake_mark(r, mark_of(parser->problem_mark), "not YAML: %s%s", problem,
            remedy(problem, context));
    return ERR_MALFORMED;
}

static bool
line_begins(struct bytes text, size_t i)
{
    static const char order_mark[] = { '\xef', '\xbb', '\xbf' };
    size_t size = sizeof order_mark;
    return i == 0 || text.data[i - 1] == '\n' || text.data[i - 1] == '\r'
           || (i >= size && memcmp(text.data + i - size, order_mark, size) == 0);
}

/* What ends a line in YAML 1.1, which libyaml reads, and is a character like others in
 * YAML 1.2 and in JSON; NULL: `in` begins with none. */
static const char *
old_line_end(struct bytes in)
{
    static const struct {
        const char *bytes, *name;
    } ends[] = {
        { "\xc2\x85", "u0085" },
        { "\xe2\x80\xa8", "u2028" },
        { "\xe2\x80\xa9", "u2029" },
    };
    for (size_t i = 0; in.data[0] >= 0x80 && i < COUNT(ends); i++)
        if (bytes_begin(in, text(ends[i].bytes)))
            return ends[i].name;
    return NULL;
}

/* What must be refused before libyaml sees it: it takes its own view of UTF-8 and of
 * line ends, and the square of the number of %TAG lines. */
static enum err
text_refuse(struct reading *r, struct bytes text)
{
    struct bytes good = utf8_beginning(text);
    if (good.size < text.size) {
        mistake_mark(r, mark_of_offset(text, good.size), "not UTF-8");
        return ERR_MALFORMED;
    }
    struct bytes tag = bytes_of("%TAG", 4);
    for (size_t i = 0; i < text.size; i++) {
        struct bytes rest = bytes_of(text.data + i, text.size - i);
        const char *old = old_line_end(rest);
        if (old != NULL) {
            mistake_mark(r, mark_of_offset(text, i),
                "a line separator: not all readers of YAML end a line here, write \\%s "
                "in double quotes",
                old);
            return ERR_MALFORMED;
        }
        if (text.data[i] == '%' && bytes_begin(rest, tag) && line_begins(text, i)) {
            mistake_mark(r, mark_of_offset(text, i), "%%TAG: tags are not accepted");
            return ERR_MALFORMED;
        }
    }
    return ERR_NONE;
}

static enum err
events_read(struct builder *b, struct bytes text, yaml_parser_t *parser)
{
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, text.data, text.size);
    while (!b->ended && !b->stopped) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return malformed(b->reading, text, parser);
        assert((size_t)event.type < COUNT(on_event));
        on_event[event.type](b, &event);
        yaml_event_delete(&event);
    }
    return ERR_NONE;
}

enum err
tree_read(struct reading *r, struct bytes text, struct node **root)
{
    yaml_parser_t parser;
    struct builder b = {
        .reading = r,
        .values_left = r->limits->text_max / VALUE_BYTES,
    };
    struct bytes order_mark = bytes_of("\xef\xbb\xbf", 3);
    *root = NULL;
    if (bytes_begin(text, order_mark))
        text = bytes_of(text.data + order_mark.size, text.size - order_mark.size);
    r->text = text;
    enum err e = text_refuse(r, text);
    if (e != ERR_NONE)
        return e;
    if (!yaml_parser_initialize(&parser))
        WRONG("out of memory");
    e = events_read(&b, text, &parser);
    yaml_parser_delete(&parser);
    if (e != ERR_NONE)
        return e;
    if (b.root == NULL && !b.stopped)
        mistake_mark(r, (struct mark){ 1, 1 }, "nothing: expected a map");
    *root = b.stopped ? NULL : b.root;
    return r->mistakes->count == 0 ? ERR_NONE : ERR_INVALID;
}
