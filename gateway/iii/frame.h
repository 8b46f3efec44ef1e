/* frame - the JSON frames of iii: {"type": "<lowercase>", …}.
 *
 * docs/protocols/iii.md lists them.  Values of users are msgpack inside; what JSON
 * calls null is the same as what is not there.  Pure.
 */
#ifndef GATEWAY_III_FRAME_H
#define GATEWAY_III_FRAME_H
#include "base/buffer.h"
#include "base/err.h"

enum iii_verb {
    III_REATTACH,
    III_REGISTER_FUNCTION,
    III_UNREGISTER_FUNCTION,
    III_REGISTER_TYPE,
    III_UNREGISTER_TYPE,
    III_REGISTER_TRIGGER,
    III_UNREGISTER_TRIGGER,
    III_TRIGGER_RESULT,
    III_INVOKE,
    III_RESULT,
    III_PING,
    III_NOTHING, /* that we have to know: newer clients say more than we do */
};

enum {
    III_UUID_SIZE = 36,
    III_NAME_MAX = 256 /* bytes of an id that clients choose */
};

/* What a frame said, and nothing (size 0) for what it did not.  Borrows from it. */
struct iii_frame {
    enum iii_verb verb;
    struct bytes id, function_id, invocation_id, trigger_type, namespace; /* texts */
    struct bytes description, traceparent, baggage, worker_id, token;
    struct bytes data, metadata, config, action, result, error; /* msgpack */
    struct bytes request_format, response_format;
    struct bytes trigger_request_format, call_request_format;
};

/* Read a frame that is msgpack already.
 *
 * ERR_MALFORMED  it is no map with a type, or a part that its verb cannot do without is
 *                not there or not what it must be: `fault` says which
 */
MUST_CHECK enum err
iii_frame_read(struct bytes msgpack, struct iii_frame *said, struct fault *fault);
/* The same of JSON, whose msgpack becomes `scratch`, from which `said` borrows. */
MUST_CHECK enum err iii_frame_parse(struct bytes json, struct buffer *scratch,
    struct iii_frame *said, struct fault *fault);
/* Of a frame that cannot be read, only what says whom it is about: its ids and its
 * action.  As iii_frame_parse, but for the rest, which may be anything. */
MUST_CHECK enum err iii_frame_parse_head(struct bytes json, struct buffer *scratch,
    struct iii_frame *said, struct fault *fault);

/* Is it 8-4-4-4-12 hexadecimal digits in lower case? */
bool iii_uuid(struct bytes in);
/* Write 16 bytes as such, and a NUL. */
void iii_uuid_print(const uint8_t bytes[16], char out[III_UUID_SIZE + 1]);

/* Frames are written part by part: what is nothing is left out. */
void iii_begin(struct buffer *out, const char *type);
void iii_put(struct buffer *out, const char *name, struct bytes text);
void iii_put_value(struct buffer *out, const char *name, struct bytes msgpack);
void iii_put_error(struct buffer *out, const char *code, struct bytes message);
void iii_end(struct buffer *out);

/* Is what a condition answered a no?  Only an explicit false is. */
bool iii_says_no(const struct iii_frame *result);

/* Append the msgpack of `data` as a function gets it: a map also says who calls, and
 * nobody can say it of another. */
void iii_pack_call(struct buffer *out, struct bytes data, struct bytes worker_id);
#endif
