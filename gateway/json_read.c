#include "gateway/json.h"

#include <jansson.h>

/* jansson itself would follow 2048 levels, and msgpack readers only 32. */
static bool
shallow(struct bytes json, struct json_place *place)
{
    unsigned depth = 0;
    bool quoted = false;
    *place = (struct json_place){ 1, 0 };
    for (size_t i = 0; i < json.size; i++) {
        uint8_t c = json.data[i];
        place->column++;
        if (c == '\n')
            *place = (struct json_place){ place->line + 1, 0 };
        else if (quoted && c == '\\')
            i++, place->column++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > PACK_DEPTH_MAX)
            return false;
        else if (!quoted && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return true;
}

static void write_json(struct buffer *out, json_t *value);

static void
write_object(struct buffer *out, json_t *object)
{
    const char *key;
    json_t *value;
    pack_map(out, json_object_size(object));
    json_object_foreach(object, key, value)
    {
        pack_string(out, key);
        write_json(out, value);
    }
}

static void
write_array(struct buffer *out, const json_t *array)
{
    size_t size = json_array_size(array);
    pack_array(out, size);
    for (size_t i = 0; i < size; i++)
        write_json(out, json_array_get(array, i));
}

static void
write_json(struct buffer *out, json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: write_object(out, value); return;
    case JSON_ARRAY: write_array(out, value); return;
    case JSON_STRING:
        pack_text(out, bytes_of(json_string_value(value), json_string_length(value)));
        return;
    case JSON_INTEGER: {
        json_int_t number = json_integer_value(value);
        if (number >= 0)
            pack_u64(out, (uint64_t)number);
        else
            pack_i64(out, number);
        return;
    }
    case JSON_REAL: pack_double(out, json_real_value(value)); return;
    case JSON_TRUE: pack_bool(out, true); return;
    case JSON_FALSE: pack_bool(out, false); return;
    case JSON_NULL: pack_nil(out); return;
    }
}

enum err
json_to_msgpack(struct bytes json, struct buffer *out, struct json_place *place,
    struct fault *fault)
{
    json_error_t error;
    if (!shallow(json, place))
        return fault_set(fault, ERR_MALFORMED, "JSON nested deeper than %d levels",
            (int)PACK_DEPTH_MAX);
    json_t *value = json_loadb((const char *)json.data, json.size,
        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (value == NULL) {
        place->line = error.line > 0 ? (unsigned)error.line : 0;
        place->column = error.column > 0 ? (unsigned)error.column : 0;
        return fault_set(fault, ERR_MALFORMED, "not JSON: %s", error.text);
    }
    write_json(out, value);
    json_decref(value);
    return ERR_NONE;
}
