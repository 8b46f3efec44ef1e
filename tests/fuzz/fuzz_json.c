/* JSON that is taken comes back as the same msgpack; msgpack that is taken is JSON; and
 * Jansson, whom others trust, takes the same texts. */
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"

#include <jansson.h>

/* Brackets within brackets, in a text that is JSON. */
static unsigned
depth_of(struct bytes json)
{
    unsigned depth = 0, most = 0;
    bool quoted = false;
    for (size_t i = 0; i < json.size; i++) {
        uint8_t c = json.data[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{'))
            most = ++depth > most ? depth : most;
        else if (!quoted && (c == ']' || c == '}'))
            depth--;
    }
    return most;
}

static void
compare(struct bytes json, enum err e)
{
    json_error_t wrong;
    json_t *theirs = json_loadb((const char *)json.data, json.size,
        JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &wrong);
    /* It takes a NUL for the end. */
    bool ends_early = json.size > 0 && memchr(json.data, 0, json.size) != NULL;
    if (theirs != NULL && e != ERR_NONE && !ends_early
        && depth_of(json) <= PACK_DEPTH_MAX)
        WRONG("we refuse what Jansson takes");
    /* It has no whole numbers above those with a sign. */
    bool too_big =
        theirs == NULL && json_error_code(&wrong) == json_error_numeric_overflow;
    if (theirs == NULL && e == ERR_NONE && !too_big)
        WRONG("we take what Jansson refuses");
    json_decref(theirs);
}

static void
there_and_back(struct bytes json)
{
    struct buffer packed = { 0 }, printed = { 0 }, again = { 0 };
    struct json_place place;
    struct fault fault;
    bounds_begin();
    enum err e = json_to_msgpack(json, &packed, &place, &fault);
    bounds_end();
    compare(json, e);
    if (e == ERR_NONE) {
        if (pack_check(buffer_bytes(&packed)) != ERR_NONE)
            WRONG("JSON became no msgpack");
        if (msgpack_to_json(buffer_bytes(&packed), &printed) != ERR_NONE)
            WRONG("what came from JSON does not go back");
        if (planted("json") && memchr(json.data, '\\', json.size) != NULL)
            printed.size--;
        if (json_to_msgpack(buffer_bytes(&printed), &again, &place, &fault) != ERR_NONE
            || !bytes_equal(buffer_bytes(&packed), buffer_bytes(&again)))
            WRONG("it came back as another value");
    } else if (packed.size != 0) {
        WRONG("a refusal left something behind");
    }
    buffer_free(&packed);
    buffer_free(&printed);
    buffer_free(&again);
}

void
fuzz_one(struct bytes in)
{
    struct buffer printed = { 0 };
    there_and_back(in);
    bounds_begin();
    enum err e = msgpack_to_json(in, &printed);
    bounds_end();
    if (e == ERR_NONE)
        there_and_back(buffer_bytes(&printed));
    buffer_free(&printed);
}
