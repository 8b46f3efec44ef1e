/* JSON that is taken comes back as the same msgpack; msgpack that is taken is JSON. */
#include "base/wrong.h"
#include "gateway/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void
there_and_back(struct bytes json)
{
    struct buffer packed = { 0 }, printed = { 0 }, again = { 0 };
    struct json_place place;
    struct fault fault;
    if (json_to_msgpack(json, &packed, &place, &fault) == ERR_NONE) {
        if (pack_check(buffer_bytes(&packed)) != ERR_NONE)
            WRONG("JSON became no msgpack");
        if (msgpack_to_json(buffer_bytes(&packed), &printed) != ERR_NONE)
            WRONG("what came from JSON does not go back");
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

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct buffer printed = { 0 };
    there_and_back(bytes_of(input, size));
    if (msgpack_to_json(bytes_of(input, size), &printed) == ERR_NONE)
        there_and_back(buffer_bytes(&printed));
    buffer_free(&printed);
    return 0;
}
