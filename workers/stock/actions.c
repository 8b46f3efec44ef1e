#include "workers/stock/actions.h"

#include "base/clock.h"
#include "base/nearest.h"
#include "workers/stock/chance.h"
#include "workers/stock/duration.h"
#include "workers/stock/json_text.h"
#include "workers/stock/printer.h"
#include "workers/stock/shell.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

enum { COUNT_MAX = 1000, LENGTH_MAX = 4096, LENGTH_DEFAULT = 16, NUMBER_MAX = 100 };

static const double EXACT_MAX = 9007199254740992.0; /* 2^53: all up to it are doubles */

/* The message, or what stands in its place, as a text. */
static const char *
message_of(struct capstan_job *job, struct buffer *room)
{
    size_t size;
    const char *message = capstan_job_text(job, "message");
    if (message != NULL)
        return message;
    const void *value = capstan_job_raw(job, "message", &size);
    if (value == NULL)
        value = capstan_job_raw(job, NULL, &size);
    json_text(room, bytes_of(value, size));
    buffer_append(room, "", 1);
    return (const char *)room->data;
}

static int
run_print(struct capstan_job *job, void *context)
{
    struct buffer room = { 0 };
    const char *message = message_of(job, &room);
    bool may_wait = capstan_job_may_block(job);
    (void)context;
    if (!printer_line(text(message), may_wait)) {
        buffer_free(&room);
        return CAPSTAN_BLOCKS;
    }
    if (may_wait)
        printer_flush();
    capstan_write_map(job, 1);
    capstan_write_text(job, "output");
    capstan_write_text(job, message);
    buffer_free(&room);
    return capstan_job_complete(job);
}

static int
run_json(struct capstan_job *job, void *context)
{
    size_t size;
    const void *all = capstan_job_raw(job, NULL, &size);
    (void)context;
    return capstan_job_complete_raw(job, all, size);
}

static int
run_time(struct capstan_job *job, void *context)
{
    char now[64], whole[80];
    uint64_t unix_ms = clock_unix_ms();
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm utc;
    (void)context;
    gmtime_r(&seconds, &utc);
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(whole, sizeof whole, "%s.%03uZ", now, (unsigned)(unix_ms % 1000));
    capstan_write_map(job, 2);
    capstan_write_text(job, "now");
    capstan_write_text(job, whole);
    capstan_write_text(job, "unix_ms");
    capstan_write_int(job, (int64_t)unix_ms);
    return capstan_job_complete(job);
}

static void
write_hex(struct capstan_job *job, size_t length)
{
    char hex[2 * LENGTH_MAX + 1];
    uint8_t bytes[LENGTH_MAX];
    chance_fill(bytes, length);
    for (size_t i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    hex[2 * length] = '\0';
    capstan_write_text(job, hex);
}

/* A bound of type number; one such as 5.0 is whole, too. */
static int64_t
bound(struct capstan_job *job, const char *name, int64_t absent, bool *whole)
{
    double given = capstan_job_double(job, name, (double)absent);
    int64_t value =
        capstan_job_int(job, name, fabs(given) <= EXACT_MAX ? (int64_t)given : absent);
    *whole &= (double)value == given;
    return value;
}

/* What is wrong with `min` and `max`; NULL: nothing. */
static const char *
bounds_fault(struct capstan_job *job, const char *type)
{
    bool whole = true, above = false;
    double span = 0;
    if (strcmp(type, "number") == 0)
        above = bound(job, "min", 0, &whole) > bound(job, "max", NUMBER_MAX, &whole);
    else if (strcmp(type, "float") == 0)
        span = capstan_job_double(job, "max", 1) - capstan_job_double(job, "min", 0);
    if (!whole)
        return "`min` and `max` of a number are whole; type float takes others";
    if (above || span < 0)
        return "`min` is above `max`";
    return isfinite(span) ? NULL : "`min` and `max` are too far from each other";
}

static void
write_number(struct capstan_job *job)
{
    bool whole = true;
    int64_t min = bound(job, "min", 0, &whole);
    capstan_write_int(job, chance_between(min, bound(job, "max", NUMBER_MAX, &whole)));
}

static void
write_float(struct capstan_job *job)
{
    double min = capstan_job_double(job, "min", 0);
    double max = capstan_job_double(job, "max", 1);
    capstan_write_double(job, min + chance_part() * (max - min));
}

/* false: there is no such type */
static bool
write_chance(struct capstan_job *job, const char *type, size_t length)
{
    char uuid[37];
    if (strcmp(type, "number") == 0)
        write_number(job);
    else if (strcmp(type, "float") == 0)
        write_float(job);
    else if (strcmp(type, "boolean") == 0)
        capstan_write_bool(job, chance_between(0, 1) == 1);
    else if (strcmp(type, "uuid") == 0)
        capstan_write_text(job, chance_uuid(uuid));
    else if (strcmp(type, "hex") == 0 || strcmp(type, "bytes") == 0)
        write_hex(job, length);
    else
        return false;
    return true;
}

static int
run_random(struct capstan_job *job, void *context)
{
    const char *type = capstan_job_text(job, "type");
    int64_t count = capstan_job_int(job, "count", 0);
    int64_t length = capstan_job_int(job, "length", LENGTH_DEFAULT);
    (void)context;
    if (count < 0 || count > COUNT_MAX || length < 0 || length > LENGTH_MAX)
        return capstan_job_fail(job, "InvalidInput",
            "`count` is at most 1000, `length` at most 4096 bytes");
    if (type == NULL)
        type = "number";
    const char *wrong = bounds_fault(job, type);
    if (wrong != NULL)
        return capstan_job_fail(job, "InvalidInput", wrong);
    capstan_write_map(job, 1);
    capstan_write_text(job, count == 0 ? "value" : "values");
    if (count > 0)
        capstan_write_array(job, (size_t)count);
    for (int64_t i = 0; i < (count == 0 ? 1 : count); i++)
        if (!write_chance(job, type, (size_t)length))
            return capstan_job_fail(
                job, "InvalidInput", "`type` is number, float, boolean, uuid or hex");
    return capstan_job_complete(job);
}

static int
run_fail(struct capstan_job *job, void *context)
{
    const char *type = capstan_job_text(job, "type");
    const char *message = capstan_job_text(job, "message");
    (void)context;
    return capstan_job_fail(job, type == NULL ? "ActionError" : type,
        message == NULL ? "failed on purpose" : message);
}

static bool
sleep_ms(struct capstan_job *job, uint64_t *ms)
{
    const char *duration = capstan_job_text(job, "duration");
    int64_t given_ms = capstan_job_int(job, "duration_ms", -1);
    if (duration != NULL)
        return duration_read(duration, ms);
    if (given_ms >= 0)
        return duration_seconds((double)given_ms / 1000, ms);
    return duration_seconds(capstan_job_double(job, "duration", -1), ms);
}

static int
run_sleep(struct capstan_job *job, void *context)
{
    uint64_t ms;
    (void)context;
    if (!sleep_ms(job, &ms))
        return capstan_job_fail(job, "InvalidInput",
            "`duration` is a text such as 1m30s or 250ms, or a number of seconds");
    if (capstan_job_sleep(job, ms))
        return 0;
    capstan_write_map(job, 1);
    capstan_write_text(job, "slept_ms");
    capstan_write_int(job, (int64_t)ms);
    return capstan_job_complete(job);
}

static int
run_shell(struct capstan_job *job, void *context)
{
    return shell_run(job, context);
}

static int
run_http(struct capstan_job *job, void *context)
{
    return http_run(job, context);
}

/* Is `name` one of the names in `list`, which has commas between? */
static bool
listed(const char *list, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        at += strspn(at, " ");
        if (strncmp(at, name, size) == 0 && strchr(", ", at[size]) != NULL)
            return true;
    }
    return false;
}

/* Stands for all that are there without being named. */
static const char usual[] = "default";

const char *
actions_spelt(const char *named)
{
    enum { usual_quick = true, usual_thread = true, usual_named = false };
    enum { ALL_MAX = 200 };
    static const struct {
        const char *name;
        bool usual;
    } all[] = {
#define ACTION(function, name, how, sentence) { name, usual_##how },
#include "workers/stock/actions.def"
    };
    static char names[ALL_MAX];
    size_t used = 0;
    if (!listed(named, usual))
        return named;
    for (size_t i = 0; i < COUNT(all); i++)
        if (all[i].usual || listed(named, all[i].name))
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                used > 0 ? "," : "", all[i].name);
    return names;
}

void
actions_open(const char *named)
{
    if (listed(named, "shell"))
        shell_guard();
}

#define ADD_quick(function, name)                                                      \
    capstan_worker_quick(worker, name, run_##function, NULL)
#define ADD_thread(function, name)                                                     \
    capstan_worker_action(worker, name, run_##function, NULL)
#define ADD_named(function, name)                                                      \
    if (listed(named, name))                                                           \
    capstan_worker_action(worker, name, run_##function, policy)

void
actions_add(
    struct capstan_worker *worker, const char *named, struct http_policy *policy)
{
#define ACTION(function, name, how, sentence) ADD_##how(function, name);
#include "workers/stock/actions.def"
}

static bool
action_known(struct bytes name)
{
    static const char *const all[] = {
#define ACTION(function, name, how, sentence) name,
#include "workers/stock/actions.def"
    };
    struct nearest nearest = { 0 };
    if (bytes_equal(name, text(usual)))
        return true;
    for (size_t i = 0; i < COUNT(all); i++) {
        if (bytes_equal(name, text(all[i])))
            return true;
        nearest_try(&nearest, name, all[i]);
    }
    fprintf(stderr, "capstan worker: --actions: there is no action '%.*s'",
        (int)name.size, (const char *)name.data);
    if (nearest.word != NULL)
        fprintf(stderr, ": did you mean %s?\n", nearest.word);
    else
        fputs(": capstan worker --help says which there are\n", stderr);
    return false;
}

bool
actions_known(const char *named)
{
    for (const char *at = named; at != NULL && *at != '\0';) {
        at += strspn(at, " ,");
        size_t size = strcspn(at, ","), name = size;
        while (name > 0 && at[name - 1] == ' ')
            name--;
        if (name > 0 && !action_known(bytes_of(at, name)))
            return false;
        at += size;
    }
    return true;
}

void
actions_describe(void)
{
#define ACTION(function, name, how, sentence) printf("  %-12s %s\n", name, sentence);
#include "workers/stock/actions.def"
}
