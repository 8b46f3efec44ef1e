/* A frame of iii is refused with a sentence, or holds what its verb promises; what is
 * written of it is JSON that reads back the same. */
#include "base/pack.h"
#include "base/wrong.h"
#include "gateway/iii/frame.h"
#include "tests/fuzz/bounds.h"

static void
check_call(const struct iii_frame *said)
{
    struct buffer data = { 0 }, page = { 0 }, scratch = { 0 };
    struct iii_frame again;
    struct fault fault;
    iii_pack_call(&data, said->data, text("w"));
    iii_begin(&page, "invokefunction");
    iii_put(&page, "function_id", said->function_id);
    iii_put_value(&page, "data", buffer_bytes(&data));
    iii_put_value(&page, "metadata", said->metadata);
    iii_end(&page);
    if (iii_frame_parse(buffer_bytes(&page), &scratch, &again, &fault) != ERR_NONE
        || again.verb != III_INVOKE
        || !bytes_equal(again.function_id, said->function_id)
        || !bytes_equal(again.metadata, said->metadata))
        WRONG("an invocation that is not what was said");
    buffer_free(&data);
    buffer_free(&page);
    buffer_free(&scratch);
}

void
fuzz_one(struct bytes in)
{
    struct buffer scratch = { 0 };
    struct iii_frame said;
    struct fault fault = { 0 };
    bounds_begin();
    enum err e = iii_frame_parse(in, &scratch, &said, &fault);
    bounds_end();
    if (planted("iii") && e == ERR_NONE && said.verb == III_INVOKE)
        said.function_id.size--;
    if (e != ERR_NONE && fault.detail[0] == '\0')
        WRONG("refused without a sentence");
    if (e == ERR_NONE && said.verb == III_INVOKE) {
        if (said.function_id.size == 0 || said.function_id.size > III_NAME_MAX)
            WRONG("a function without a name");
        if (said.data.size > 0 && pack_check(said.data) != ERR_NONE)
            WRONG("data that is no msgpack");
        check_call(&said);
    }
    if (e != ERR_NONE)
        e = iii_frame_parse_head(in, &scratch, &said, &fault);
    if (e == ERR_NONE && said.verb == III_RESULT && said.invocation_id.size == 0)
        WRONG("a result of nothing");
    buffer_free(&scratch);
}
