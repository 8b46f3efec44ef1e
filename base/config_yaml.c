#include "base/config.h"
#include "base/hash.h"

#include <stdlib.h>
#include <yaml.h>

/* The file is a map of scalars and lists of scalars.  Events come one by one, and the
 * first that does not belong ends the reading, so that neither depth nor repetition can
 * cost anything. */
enum { YAML_SIZE_MAX = 1024 * 1024, KEYS_MAX = 256 };

struct reading {
    yaml_parser_t parser;
    yaml_event_t event;
    struct config config;
    uint64_t seen[KEYS_MAX]; /* hashes of the keys so far */
    size_t seen_count;
    struct fault *fault;
};

static enum err
refuse_at(struct reading *r, const yaml_mark_t *mark, const char *why)
{
    return fault_set(r->fault, ERR_MALFORMED, "line %zu, column %zu: %s",
        mark->line + 1, mark->column + 1, why);
}

static enum err
refuse(struct reading *r, const char *why)
{
    return refuse_at(r, &r->event.start_mark, why);
}

static enum err
next(struct reading *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return ERR_NONE;
    memset(&r->event, 0, sizeof r->event);
    /* never: libyaml names its problem, unless it has no memory */
    const char *why = r->parser.problem != NULL ? r->parser.problem : "not YAML";
    const yaml_mark_t *mark = r->parser.error == YAML_READER_ERROR
                                  ? &r->parser.mark
                                  : &r->parser.problem_mark;
    return refuse_at(r, mark, why);
}

static struct bytes
scalar(const yaml_event_t *event)
{
    return bytes_of(event->data.scalar.value, event->data.scalar.length);
}

static bool
is_null(const yaml_event_t *event)
{
    struct bytes value = scalar(event);
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
           && (value.size == 0 || bytes_equal(value, text("~"))
               || bytes_equal(value, text("null")));
}

static enum err
see(struct reading *r, struct bytes key)
{
    uint64_t hash = hash_table(key);
    for (size_t i = 0; i < r->seen_count; i++)
        if (r->seen[i] == hash)
            return refuse(r, "this setting was given before");
    if (r->seen_count == KEYS_MAX) /* never: they are known, and there are fewer */
        return refuse(r, "more settings than there are");
    r->seen[r->seen_count++] = hash;
    return ERR_NONE;
}

/* Say where: the key if it is not known, else the value. */
static enum err
place(struct reading *r, const yaml_mark_t *mark)
{
    char why[sizeof r->fault->detail];
    memcpy(why, r->fault->detail, sizeof why);
    return refuse_at(r, mark, why);
}

/* The items of a list, with : between. */
static enum err
read_items(struct reading *r, char out[CONFIG_TEXT_MAX + 1])
{
    size_t size = 0;
    for (enum err e; (e = next(r)) == ERR_NONE;) {
        if (r->event.type == YAML_SEQUENCE_END_EVENT) {
            out[size] = '\0';
            return ERR_NONE;
        }
        if (r->event.type != YAML_SCALAR_EVENT || is_null(&r->event))
            return refuse(r, "expected text, an item of the list");
        struct bytes item = scalar(&r->event);
        if (item.size == 0 || memchr(item.data, ':', item.size) != NULL)
            return refuse(r, "expected an item without ':'");
        if (size + 1 + item.size > CONFIG_TEXT_MAX)
            return refuse(r, "the list is too long");
        if (size > 0)
            out[size++] = ':';
        memcpy(out + size, item.data, item.size);
        size += item.size;
    }
    return ERR_MALFORMED;
}

static enum err
read_pair(struct reading *r)
{
    struct config probe;
    char key[64 + 1], items[CONFIG_TEXT_MAX + 1];
    yaml_mark_t at = r->event.start_mark;
    if (r->event.type != YAML_SCALAR_EVENT)
        return refuse(r, "expected the name of a setting");
    struct bytes name = scalar(&r->event);
    if (!config_known(name)) {
        (void)!config_set(&probe, name, text(""), r->fault);
        return place(r, &at);
    }
    enum err e = see(r, name);
    if (e != ERR_NONE)
        return e;
    memcpy(key, name.data, name.size);
    size_t key_size = name.size;
    if ((e = next(r)) != ERR_NONE)
        return e;
    at = r->event.start_mark;
    name = bytes_of(key, key_size);
    if (r->event.type == YAML_SEQUENCE_START_EVENT && config_is_list(name)) {
        if ((e = read_items(r, items)) != ERR_NONE)
            return e;
        e = config_set(&r->config, name, text(items), r->fault);
        return e == ERR_NONE ? e : place(r, &at);
    }
    if (r->event.type != YAML_SCALAR_EVENT || is_null(&r->event))
        return refuse(r, "expected one value: a number, true, false or text");
    e = config_set(&r->config, name, scalar(&r->event), r->fault);
    return e == ERR_NONE ? e : place(r, &at);
}

static enum err
read_map(struct reading *r)
{
    for (;;) {
        enum err e = next(r);
        if (e != ERR_NONE)
            return e;
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return ERR_NONE;
        if ((e = read_pair(r)) != ERR_NONE)
            return e;
    }
}

/* Whatever follows the one document. */
static enum err
read_end(struct reading *r)
{
    do {
        enum err e = next(r);
        if (e != ERR_NONE)
            return e;
        if (r->event.type == YAML_DOCUMENT_START_EVENT)
            return refuse(r, "expected one document");
    } while (r->event.type != YAML_STREAM_END_EVENT);
    return ERR_NONE;
}

static enum err
read_stream(struct reading *r)
{
    for (;;) {
        enum err e = next(r);
        if (e != ERR_NONE)
            return e;
        switch ((int)r->event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_START_EVENT: continue;
        case YAML_STREAM_END_EVENT: return ERR_NONE; /* comments only */
        case YAML_SCALAR_EVENT:
            if (!is_null(&r->event))
                return refuse(r, "expected a map of settings");
            return read_end(r);
        case YAML_MAPPING_START_EVENT: e = read_map(r); break;
        default: return refuse(r, "expected a map of settings");
        }
        return e == ERR_NONE ? read_end(r) : e;
    }
}

enum err
config_read_yaml(struct bytes yaml, struct config *config, struct fault *fault)
{
    struct reading r = { .config = *config, .fault = fault };
    if (yaml.size > YAML_SIZE_MAX)
        return fault_set(
            fault, ERR_MALFORMED, "line 1, column 1: the file is larger than 1 MiB");
    if (!yaml_parser_initialize(&r.parser)) /* never: it fails without memory only */
        return fault_set(fault, ERR_IO, "out of memory");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &r.parser, yaml.size > 0 ? yaml.data : (const uint8_t *)"", yaml.size);
    enum err e = read_stream(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    if (e == ERR_NONE)
        *config = r.config;
    return e;
}
