/* A frame of Mobius' worker socket is refused with a sentence, or holds what its verb
 * promises; and what is written for a job is JSON again. */
#include "base/json_read.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "gateway/json_head.h"
#include "gateway/mobius/frame.h"
#include "tests/fuzz/bounds.h"

enum { PAYLOAD_MAX = 4096 };

static void
check_report(const struct mobius_frame *said)
{
    if (said->outcome < OUTCOME_COMPLETED || said->outcome > OUTCOME_RETURNED)
        WRONG("a report without an outcome");
    if (said->result.size > PAYLOAD_MAX)
        WRONG("a result above its limit");
    if (said->result.size > 0 && pack_check(said->result) != ERR_NONE)
        WRONG("a result that is no msgpack");
}

/* What is taken out of anything is an object that can be read. */
static void
check_head(struct bytes in)
{
    static const char *const names[] = { "\"type\"", "\"message_id\"", "\"job_id\"" };
    struct buffer head = { 0 }, packed = { 0 };
    struct fault fault;
    json_head(&head, in, names, COUNT(names));
    if (json_to_msgpack(buffer_bytes(&head), &packed, NULL, &fault) != ERR_NONE)
        WRONG("a head that is no JSON");
    buffer_free(&head);
    buffer_free(&packed);
}

/* Whatever a worker calls its job and its message, the answer is one JSON object. */
static void
check_answer(const struct mobius_frame *said)
{
    struct buffer json = { 0 }, back = { 0 };
    struct fault fault;
    mobius_write_heartbeat_ack(&json, said->message_id, said->job, text("why"), 0);
    if (json_to_msgpack(buffer_bytes(&json), &back, NULL, &fault) != ERR_NONE)
        WRONG("an answer that is no JSON");
    buffer_free(&json);
    buffer_free(&back);
}

void
fuzz_one(struct bytes in)
{
    struct mobius_frame said;
    struct buffer scratch = { 0 };
    struct fault fault = { 0 };
    uint8_t token[TOKEN_SIZE];
    check_head(in);
    bounds_begin();
    enum err e = mobius_frame_read(in, PAYLOAD_MAX, &scratch, &said, &fault);
    bounds_end();
    if (planted("mobius") && e == ERR_NONE && said.verb == MOBIUS_SAYS_REPORT)
        said.outcome = 0;
    if (e != ERR_NONE && fault.detail[0] == '\0')
        WRONG("refused without a sentence");
    if (e == ERR_NONE && said.verb == MOBIUS_SAYS_REPORT)
        check_report(&said);
    if (e == ERR_NONE && said.verb == MOBIUS_SAYS_HEARTBEAT)
        check_answer(&said);
    if (said.lease.size > 0 && mobius_token_read(said.lease, token)
        && said.lease.size != MOBIUS_TOKEN_TEXT)
        WRONG("a lease of another length");
    buffer_free(&scratch);
}
