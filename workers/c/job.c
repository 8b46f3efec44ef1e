/* job - what an action sees of its job, and the report that is made of what it did. */
#include "workers/c/job.h"

#include "base/wrong.h"
#include "workers/c/clean.h"
#include "workers/c/pool.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    KEEP_MAX = 65536,              /* bytes that a buffer may keep between jobs */
    RETRY_AFTER_MAX_MS = 86400000, /* that a report may say */
};

struct capstan_job *
job_new(void)
{
    struct capstan_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        WRONG("out of memory");
    list_open(&job->link);
    list_open(&job->all);
    return job;
}

void
job_free(struct capstan_job **job)
{
    if (*job == NULL)
        return;
    buffer_free(&(*job)->frame);
    buffer_free(&(*job)->texts);
    buffer_free(&(*job)->output);
    buffer_free(&(*job)->report);
    arena_free(&(*job)->memory);
    free(*job);
    *job = NULL;
}

static void
recycle(struct buffer *b)
{
    if (b->capacity > KEEP_MAX)
        buffer_free(b);
    buffer_clear(b);
}

void
job_shut(struct capstan_job *job)
{
    recycle(&job->frame);
    recycle(&job->texts);
    recycle(&job->output);
    recycle(&job->report);
    if (job->memory.blocks != NULL)
        arena_reset(&job->memory);
    list_remove(&job->link);
    list_remove(&job->all);
}

static size_t
keep_text(struct capstan_job *job, struct bytes t)
{
    size_t at = job->texts.size;
    buffer_append_bytes(&job->texts, t);
    buffer_append(&job->texts, "", 1);
    return at;
}

enum err
job_open(struct capstan_job *job, struct bytes frame, const struct heard *heard)
{
    if (heard->token.size == 0 || heard->token.size > TOKEN_MAX)
        return ERR_MALFORMED;
    job->state = JOB_OPEN;
    memcpy(job->token, heard->token.data, heard->token.size);
    job->token_size = heard->token.size;
    buffer_append_bytes(&job->frame, frame);
    job->parameters = (struct bytes){ 0 };
    if (heard->parameters.size > 0)
        job->parameters =
            bytes_of(job->frame.data + (heard->parameters.data - frame.data),
                heard->parameters.size);
    job->id = keep_text(job, heard->job);
    job->run = keep_text(job, heard->run);
    job->step = keep_text(job, heard->step);
    job->action_name = keep_text(job, heard->action);
    job->queue = keep_text(job, heard->queue);
    job->automation = keep_text(job, heard->automation);
    job->attempt = heard->attempt > UINT32_MAX ? UINT32_MAX : (unsigned)heard->attempt;
    job->deadline_ms = heard->deadline_ms;
    job->action = NULL;
    job->in_thread = false;
    job->outcome = OUTCOME_NONE;
    job->error_type = (struct bytes){ 0 };
    job->error_message = (struct bytes){ 0 };
    job->retry_after_ms = 0;
    atomic_store(&job->cancelled, false);
    job->begun = false;
    job->resend_ms = 0;
    job->resends = 0;
    job->replaced = false;
    return ERR_NONE;
}

/* The report. */

static void
report_head(struct capstan_job *job, size_t pairs, const char *outcome)
{
    struct buffer *out = &job->report;
    buffer_clear(out);
    pack_map(out, pairs);
    pack_string(out, "type");
    pack_string(out, "report");
    pack_string(out, "token");
    pack_blob(out, job_token(job));
    pack_string(out, "outcome");
    pack_string(out, outcome);
}

static void
report_failed(struct capstan_job *job)
{
    report_head(job, job->retry_after_ms > 0 ? 6 : 5, "failed");
    pack_string(&job->report, "error_type");
    clean_pack(&job->report, job->error_type);
    pack_string(&job->report, "error_message");
    clean_pack(&job->report, job->error_message);
    if (job->retry_after_ms == 0)
        return;
    pack_string(&job->report, "retry_after_ms");
    pack_u64(&job->report, job->retry_after_ms);
}

static void
report_completed(struct capstan_job *job)
{
    report_head(job, 4, "completed");
    pack_string(&job->report, "output");
    pack_raw(&job->report, buffer_bytes(&job->output));
}

void
job_refuse(struct capstan_job *job, const char *type, struct bytes message)
{
    job->error_type = text(type);
    job->error_message = message;
    report_failed(job);
}

void
job_drop(struct capstan_job *job)
{
    report_head(job, 3, "cancelled");
}

static void
settle(struct capstan_job *job, int result)
{
    char sentence[96];
    if (job->outcome != OUTCOME_COMPLETED && atomic_load(&job->cancelled)) {
        job_drop(job);
    } else if (job->outcome == OUTCOME_FAILED) {
        report_failed(job);
    } else if (job->outcome == OUTCOME_NONE && result != 0) {
        snprintf(sentence, sizeof sentence, "the action returned %d", result);
        job_refuse(job, "ActionError", text(sentence));
    } else if (job->output.size > job->output_max) {
        snprintf(sentence, sizeof sentence, "%zu bytes; the engine takes %zu",
            job->output.size, job->output_max);
        job_refuse(job, "OutputTooLarge", text(sentence));
    } else if (job->output.size > 0
               && pack_check_payload(buffer_bytes(&job->output)) != ERR_NONE) {
        job_refuse(job, "InvalidOutput",
            text("the output is not one msgpack value of at most 31 levels, or has "
                 "texts that are not UTF-8"));
    } else {
        report_completed(job);
    }
}

bool
job_work(struct capstan_job *job)
{
    int result = job->action->run(job, job->action->context);
    if (result == CAPSTAN_BLOCKS && !job->in_thread && job->outcome == OUTCOME_NONE) {
        buffer_clear(&job->output);
        return false;
    }
    settle(job, result);
    return true;
}

/* What it is. */

static const char *
text_at(const struct capstan_job *job, size_t at)
{
    return (const char *)job->texts.data + at;
}

const char *
capstan_job_id(const struct capstan_job *job)
{
    return text_at(job, job->id);
}

const char *
capstan_job_run(const struct capstan_job *job)
{
    return text_at(job, job->run);
}

const char *
capstan_job_step(const struct capstan_job *job)
{
    return text_at(job, job->step);
}

const char *
capstan_job_action(const struct capstan_job *job)
{
    return text_at(job, job->action_name);
}

const char *
capstan_job_queue(const struct capstan_job *job)
{
    return text_at(job, job->queue);
}

const char *
capstan_job_automation(const struct capstan_job *job)
{
    return text_at(job, job->automation);
}

unsigned
capstan_job_attempt(const struct capstan_job *job)
{
    return job->attempt;
}

uint64_t
capstan_job_deadline_ms(const struct capstan_job *job)
{
    return job->deadline_ms;
}

/* Its parameters. */

const void *
capstan_job_raw(const struct capstan_job *job, const char *name, size_t *size)
{
    struct bytes found =
        name == NULL ? job->parameters : pack_find(job->parameters, name);
    *size = found.size;
    return found.size == 0 ? NULL : found.data;
}

/* The parameter if it is of that type, or nothing. */
static bool
parameter(const struct capstan_job *job, const char *name, struct cursor *c)
{
    struct bytes found = pack_find(job->parameters, name);
    *c = cursor_over(found);
    return found.size > 0;
}

const char *
capstan_job_text(struct capstan_job *job, const char *name)
{
    struct cursor c;
    if (!parameter(job, name, &c) || cursor_type(&c) != PACK_TEXT)
        return NULL;
    struct bytes found = cursor_text(&c);
    char *kept = arena_take(&job->memory, found.size + 1);
    memcpy(kept, found.data, found.size);
    return kept;
}

int64_t
capstan_job_int(struct capstan_job *job, const char *name, int64_t absent)
{
    struct cursor c;
    if (!parameter(job, name, &c))
        return absent;
    int64_t found = cursor_i64(&c);
    return c.bad ? absent : found;
}

double
capstan_job_double(struct capstan_job *job, const char *name, double absent)
{
    struct cursor c;
    if (!parameter(job, name, &c))
        return absent;
    double found = cursor_double(&c);
    return c.bad ? absent : found;
}

int
capstan_job_bool(struct capstan_job *job, const char *name, int absent)
{
    struct cursor c;
    if (!parameter(job, name, &c))
        return absent;
    bool found = cursor_bool(&c);
    return c.bad ? absent : found;
}

/* How it goes. */

int
capstan_job_is_cancelled(const struct capstan_job *job)
{
    return atomic_load_explicit(&job->cancelled, memory_order_acquire);
}

int
capstan_job_sleep(struct capstan_job *job, uint64_t ms)
{
    if (!job->in_thread)
        WRONG("capstan_job_sleep in a quick action");
    return pool_pause(job->pool, job, ms);
}

int
capstan_job_may_block(const struct capstan_job *job)
{
    return job->in_thread;
}

void
capstan_job_log(struct capstan_job *job, const char *stream, const char *chunk)
{
    while (chunk[0] != '\0') {
        struct bytes piece = clean_cut(chunk, LOG_CHUNK_MAX);
        pool_log(job->pool, job, clean_cut(stream, WORD_MAX), piece);
        chunk += piece.size;
    }
}

int
capstan_job_publish(struct capstan_job *job, const char *id, const char *type,
    const void *msgpack, size_t size)
{
    struct bytes data = bytes_of(msgpack, size);
    if (strlen(id) == 0 || strlen(id) > WORD_MAX || !utf8_valid(text(id))
        || strlen(type) > WORD_MAX || !utf8_valid(text(type))
        || (size > 0
            && (size > job->output_max || pack_check_payload(data) != ERR_NONE)))
        return -1;
    struct outgoing_event *event =
        event_new(text(id), text(type), text(capstan_job_automation(job)), data);
    return pool_publish(job->pool, event) ? 0 : -1;
}

/* What came of it. */

int
capstan_job_complete(struct capstan_job *job)
{
    if (job->outcome == OUTCOME_NONE)
        job->outcome = OUTCOME_COMPLETED;
    return 0;
}

int
capstan_job_complete_text(struct capstan_job *job, const char *value)
{
    if (job->outcome != OUTCOME_NONE)
        return 0;
    buffer_clear(&job->output);
    pack_string(&job->output, value);
    return capstan_job_complete(job);
}

int
capstan_job_complete_raw(struct capstan_job *job, const void *msgpack, size_t size)
{
    if (job->outcome != OUTCOME_NONE)
        return 0;
    buffer_clear(&job->output);
    buffer_append(&job->output, msgpack, size);
    return capstan_job_complete(job);
}

int
capstan_job_fail(struct capstan_job *job, const char *type, const char *message)
{
    if (job->outcome != OUTCOME_NONE)
        return 0;
    job->error_type = arena_copy(&job->memory, clean_cut(type, WORD_MAX));
    job->error_message =
        arena_copy(&job->memory, clean_cut(message, ERROR_MESSAGE_MAX));
    job->outcome = OUTCOME_FAILED;
    return 0;
}

void
capstan_job_retry_after(struct capstan_job *job, uint64_t ms)
{
    job->retry_after_ms = ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

void
capstan_write_nil(struct capstan_job *job)
{
    pack_nil(&job->output);
}

void
capstan_write_bool(struct capstan_job *job, int value)
{
    pack_bool(&job->output, value != 0);
}

void
capstan_write_int(struct capstan_job *job, int64_t value)
{
    pack_i64(&job->output, value);
}

void
capstan_write_double(struct capstan_job *job, double value)
{
    pack_double(&job->output, value);
}

void
capstan_write_text(struct capstan_job *job, const char *value)
{
    pack_string(&job->output, value);
}

void
capstan_write_blob(struct capstan_job *job, const void *value, size_t size)
{
    pack_blob(&job->output, bytes_of(value, size));
}

void
capstan_write_array(struct capstan_job *job, size_t count)
{
    pack_array(&job->output, count);
}

void
capstan_write_map(struct capstan_job *job, size_t pairs)
{
    pack_map(&job->output, pairs);
}

void
capstan_write_raw(struct capstan_job *job, const void *msgpack, size_t size)
{
    buffer_append(&job->output, msgpack, size);
}
