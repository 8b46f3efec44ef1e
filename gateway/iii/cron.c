#include "gateway/iii/cron.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/pack.h"
#include "base/quoted.h"
#include "base/stamp.h"
#include "base/wrong.h"
#include "gateway/iii/condition.h"
#include "gateway/iii/invoke.h"
#include "gateway/iii/timetable.h"
#include "gateway/said.h"

#include <stdlib.h>

/*          its time comes                 does not say no        answered, gone
 *  IDLE ------------------> CONDITION ----------------> CALL ------------------> IDLE
 *     \_______ it has no condition _____________________/
 */
struct cron_job {
    struct iii_entry *trigger;
    struct timetable times;
    struct alarm alarm;
    uint64_t due_ms; /* unix */
    struct iii_call *call;
    bool judging; /* the call is that of its condition, */
    bool late;    /* and was not answered at the next time */
    struct buffer data;
};

static void
wait_until_due(struct cron_job *job, uint64_t unix_ms)
{
    struct gateway *g = job->trigger->worker->hub->gateway;
    if (job->due_ms != UINT64_MAX)
        alarm_set(&g->alarms, &job->alarm, g->now_ms + (job->due_ms - unix_ms));
}

static void
set_next(struct cron_job *job)
{
    uint64_t unix_ms = clock_unix_ms();
    uint64_t after_ms = job->due_ms > unix_ms ? job->due_ms : unix_ms;
    job->due_ms = timetable_next(&job->times, after_ms);
    wait_until_due(job, unix_ms);
}

static void
write_data(struct cron_job *job)
{
    char stamp[STAMP_SIZE];
    struct buffer *out = &job->data;
    buffer_clear(out);
    pack_map(out, 4);
    pack_string(out, "trigger");
    pack_string(out, "cron");
    pack_string(out, "job_id");
    pack_text(out, job->trigger->said.id);
    pack_string(out, "scheduled_time");
    pack_string(out, stamp_print(job->due_ms, stamp));
    pack_string(out, "actual_time");
    pack_string(out, stamp_print(clock_unix_ms(), stamp));
}

static void ask(struct cron_job *job, bool judge);

static void
asked(void *self, const struct iii_frame *result)
{
    struct cron_job *job = self;
    bool failed = result == NULL || result->error.size > 0;
    job->call = NULL;
    if (failed)
        log_line(LOG_UNUSUAL, "iii_cron_failed", "job=%s %s=%s why=%s",
            quoted(job->trigger->said.id).text, job->judging ? "condition" : "function",
            quoted(job->trigger->said.function_id).text,
            quoted(result == NULL ? text("its worker left")
                                  : said_text(result->error, "message"))
                .text);
    else if (job->judging && !iii_says_no(result))
        ask(job, false);
}

/* Who has the function, if anybody, is called. */
static void
ask(struct cron_job *job, bool judge)
{
    const struct iii_frame *said = &job->trigger->said;
    struct bytes condition = said_text(said->config, "condition_function_id");
    struct iii_frame call = {
        .function_id = judge ? condition : said->function_id,
        .data = buffer_bytes(&job->data),
    };
    if (!judge)
        call.metadata = said->metadata;
    job->judging = judge;
    job->late = false;
    job->call = iii_ask_for(job->trigger->worker->hub, &call, asked, job);
}

static void
due(struct alarm *alarm)
{
    struct cron_job *job = LIST_OF(alarm, struct cron_job, alarm);
    uint64_t unix_ms = clock_unix_ms();
    bool judged =
        said_text(job->trigger->said.config, "condition_function_id").size > 0;
    /* Alarms go by another clock, which may be a little ahead of this one. */
    if (unix_ms < job->due_ms) {
        wait_until_due(job, unix_ms);
        return;
    }
    if (job->call == NULL && !job->trigger->worker->hub->gateway->draining) {
        write_data(job);
        ask(job, judged);
    } else if (job->call != NULL && !job->late) {
        /* It may never be: nothing else would tell. */
        job->late = true;
        log_line(LOG_UNUSUAL, "iii_cron_left_out", "job=%s function=%s",
            quoted(job->trigger->said.id).text,
            quoted(buffer_bytes(&job->call->function)).text);
    }
    set_next(job);
}

static void
unbind(struct iii_entry *trigger)
{
    struct cron_job *job = trigger->own;
    alarm_clear(&trigger->worker->hub->gateway->alarms, &job->alarm);
    iii_ask_forget(&job->call);
    buffer_free(&job->data);
    free(job);
    trigger->own = NULL;
}

static struct cron_job *
cron_job_new(struct iii_entry *trigger)
{
    struct cron_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        WRONG("out of memory");
    job->trigger = trigger;
    job->alarm.ring = due;
    return job;
}

bool
iii_cron_bind(struct iii_entry *trigger, struct fault *fault)
{
    struct timetable times;
    struct bytes expression = said_text(trigger->said.config, "expression");
    if (timetable_read(expression, &times, fault) != ERR_NONE
        || !iii_condition_fits(trigger->said.config, fault))
        return false;
    struct cron_job *job = cron_job_new(trigger);
    job->times = times;
    trigger->own = job;
    trigger->unbind = unbind;
    set_next(job);
    return true;
}
