/* capstan_worker - do the work of a Capstan engine, in C or C++.
 *
 *   static int
 *   greet(struct capstan_job *job, void *context)
 *   {
 *       const char *name = capstan_job_text(job, "name");
 *       (void)context;
 *       if (name == NULL)
 *           return capstan_job_fail(job, "InvalidInput", "there is no name");
 *       capstan_job_log(job, "stdout", "greeting\n");
 *       return capstan_job_complete_text(job, name);
 *   }
 *
 *   struct capstan_options options = { .concurrency = 8 };
 *   struct capstan_worker *worker = capstan_worker_new(&options);
 *   capstan_worker_action(worker, "greet", greet, NULL);
 *   int result = capstan_worker_run(worker);       // until capstan_worker_stop
 *   capstan_worker_free(&worker);
 *
 * Compile with `pkg-config --cflags --libs libcapstan`.  The protocol underneath is
 * docs/protocols/worker.md; examples/worker.c is a whole program.
 *
 * What you may rely on
 * - Actions run in threads of their own, as many at once as `concurrency` says.  The
 *   thread in capstan_worker_run does nothing but talk to the engine, so that an action
 *   may compute or block for hours without losing its job.
 * - An outcome is kept and said again until the engine has it on disk.
 * - A job may come twice: when this process was cut off for longer than the engine's
 *   lease, the job goes to another worker.  Then capstan_job_is_cancelled turns true
 *   here, and whatever this action returns is dropped.
 * - When the connection breaks it is made again, after 0.1 s first and 5 s at most.
 * - Texts that come back are UTF-8 and end in NUL; they live as long as the call of the
 *   action that asked.  Arguments are borrowed for the call.
 * - Running out of memory ends the process.
 */
#ifndef CAPSTAN_WORKER_H
#define CAPSTAN_WORKER_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
    #define CAPSTAN_API __attribute__((visibility("default")))
#else
    #define CAPSTAN_API
#endif

struct capstan_worker;
struct capstan_job;

enum capstan_result {
    CAPSTAN_OK = 0,
    CAPSTAN_INVALID = 1,    /* the options or the actions make no sense */
    CAPSTAN_REFUSED = 2,    /* the engine does not let this worker in: see its key */
    CAPSTAN_UNFINISHED = 3, /* stopped with jobs under way; they go to other workers */
    CAPSTAN_BLOCKS = 100    /* what a quick action returns that cannot be quick now */
};

/* Zero means the default, everywhere.  Lists are names with commas between; spaces
 * beside them do not count. */
struct capstan_options {
    const char *url; /* tcp://HOST:PORT; default: $CAPSTAN_WORKER_URL, else
                      * $CAPSTAN_URL's host and port 5170, else 127.0.0.1 */
    const char *key; /* cap_…; default: $CAPSTAN_API_KEY, else, for an engine on
                      * this machine, its development key */
    const char *server_key;  /* CURVE: the engine's public key, 40 characters of Z85;
                              * default: $CAPSTAN_SERVER_KEY */
    const char *instance;    /* who this is, unique; default: see capstan_instance */
    const char *name;        /* for people; default: $III_WORKER_NAME */
    const char *version;     /* of your program, for people */
    const char *queues;      /* where to take jobs from; default "default" */
    const char *actions;     /* what to take; default: every action that was added */
    const char *labels;      /* what this worker has, for jobs that ask for it */
    const char *environment; /* the environment that it runs in */
    unsigned concurrency;    /* jobs at once, 1 to 4096; default 1 */
    unsigned heartbeat_ms;   /* never less often than this; default: as told */
    unsigned drain_ms;       /* how long stopping waits for jobs; default:
                              * $CAPSTAN_DRAIN_MS, else 10000 */
    unsigned resend_ms;      /* first wait for an acknowledgement; default 2000 */
    int plain;               /* 1: give the key as the password of ZeroMQ's PLAIN too */
    /* One line per event, without a newline.  Level: 0 broken, 1 unusual, 2 info.
     * Default: lines on stderr.  Called in the thread of capstan_worker_run. */
    void (*log)(int level, const char *line, void *context);
    /* Called in the thread of capstan_worker_run when all that had arrived has been
     * looked at and before outcomes leave; must not block. */
    void (*after_batch)(void *context);
    void *context;     /* for log and after_batch */
    void *reserved[8]; /* zero */
};

/* Never NULL; what is wrong with the options is said by capstan_worker_run. */
CAPSTAN_API struct capstan_worker *
capstan_worker_new(const struct capstan_options *options);

/* Do one job: read its parameters, then complete or fail it, and return.  An action
 * that returns without either completes the job with nothing if it returns 0, and fails
 * it with ActionError otherwise.  A job that was cancelled meanwhile is cancelled,
 * unless the action has completed it. */
typedef int capstan_action(struct capstan_job *job, void *context);

/* Do jobs of that name so; NULL: of every other name.  Before capstan_worker_run only,
 * and once for each name; at most 256, names up to 200 bytes. */
CAPSTAN_API void capstan_worker_action(struct capstan_worker *worker, const char *name,
    capstan_action *action, void *context);

/* The same for an action of microseconds, which never waits: it runs in the thread of
 * capstan_worker_run itself, without a hand-over.  It may return CAPSTAN_BLOCKS before
 * it has said anything; then it is called again in a thread. */
CAPSTAN_API void capstan_worker_quick(struct capstan_worker *worker, const char *name,
    capstan_action *action, void *context);

/* Work until stopped; returns an enum capstan_result.  Once per worker. */
CAPSTAN_API int capstan_worker_run(struct capstan_worker *worker);

/* Take no more jobs, finish those at hand, say goodbye and let capstan_worker_run
 * return, after drain_ms at the latest.  The second call does not wait for jobs.  From
 * any thread and from signal handlers. */
CAPSTAN_API void capstan_worker_stop(struct capstan_worker *worker);

/* Why capstan_worker_run returned what it did, for people; "" after CAPSTAN_OK. */
CAPSTAN_API const char *capstan_worker_error(const struct capstan_worker *worker);

/* Sets the pointer to NULL; takes NULL.  After capstan_worker_run has returned; after
 * CAPSTAN_UNFINISHED, memory that actions still use is left alone. */
CAPSTAN_API void capstan_worker_free(struct capstan_worker **worker);

/* The instance id used when none is given: of the platform (Cloud Run, Kubernetes, Fly,
 * Railway, Render) where there is one, else the host's name and eight characters of
 * chance, else chance.  `out` gets at most 200 bytes and a NUL. */
CAPSTAN_API const char *capstan_instance(char out[256]);

/* The job: what it is. */
CAPSTAN_API const char *capstan_job_id(const struct capstan_job *job);   /* job_… */
CAPSTAN_API const char *capstan_job_run(const struct capstan_job *job);  /* run_… */
CAPSTAN_API const char *capstan_job_step(const struct capstan_job *job); /* its key */
CAPSTAN_API const char *
capstan_job_action(const struct capstan_job *job); /* its name */
CAPSTAN_API const char *capstan_job_queue(const struct capstan_job *job);
CAPSTAN_API const char *capstan_job_automation(const struct capstan_job *job);
CAPSTAN_API unsigned capstan_job_attempt(const struct capstan_job *job); /* from 1 */
/* Unix ms when the engine gives the attempt up; 0: never. */
CAPSTAN_API uint64_t capstan_job_deadline_ms(const struct capstan_job *job);

/* Its parameters, by name.  Another type counts as absent.  A text that holds a NUL
 * seems to end there: where that matters, capstan_job_raw() has all of it, with its
 * size. */
CAPSTAN_API const char *capstan_job_text(struct capstan_job *job, const char *name);
CAPSTAN_API int64_t capstan_job_int(
    struct capstan_job *job, const char *name, int64_t absent);
CAPSTAN_API double
capstan_job_double(struct capstan_job *job, const char *name, double absent);
CAPSTAN_API int capstan_job_bool(struct capstan_job *job, const char *name, int absent);
/* One of them as msgpack, or NULL; of `name` NULL: all of them. */
CAPSTAN_API const void *
capstan_job_raw(const struct capstan_job *job, const char *name, size_t *size);

/* Should the action stop?  Somebody cancelled the run, the attempt's time is over, or
 * the job has gone to another worker. */
CAPSTAN_API int capstan_job_is_cancelled(const struct capstan_job *job);
/* Wait that long, or until the job is cancelled: then 1.  Not in a quick action. */
CAPSTAN_API int capstan_job_sleep(struct capstan_job *job, uint64_t ms);
/* 0 in a quick action that runs in the thread of capstan_worker_run. */
CAPSTAN_API int capstan_job_may_block(const struct capstan_job *job);

/* Text for the run's log, any number of lines.  `stream` is stdout, stderr or a name of
 * yours.  Best effort: what comes faster than it can be sent is dropped. */
CAPSTAN_API void
capstan_job_log(struct capstan_job *job, const char *stream, const char *text);

/* Publish an event of the project: wake what waits for it, start what it starts.  The
 * same id is the same event, so name it after the job and it is one however often the
 * job is tried.  `msgpack` is a map, or NULL.  It is said until the engine has it, also
 * after the job; a worker that is killed before may lose it.
 *
 * -1  the id is empty, a value is not valid or too long, or 256 wait already
 */
CAPSTAN_API int capstan_job_publish(struct capstan_job *job, const char *id,
    const char *type, const void *msgpack, size_t size);

/* The outcome.  The first one counts; each returns 0, so that an action can return it.
 * An output that is not valid, or larger than the engine takes, fails the job. */
CAPSTAN_API int
capstan_job_complete(struct capstan_job *job); /* with what was written */
CAPSTAN_API int capstan_job_complete_text(struct capstan_job *job, const char *text);
CAPSTAN_API int
capstan_job_complete_raw(struct capstan_job *job, const void *msgpack, size_t size);
/* `type` is a word such as InvalidInput, `message` is for people. */
CAPSTAN_API int
capstan_job_fail(struct capstan_job *job, const char *type, const char *message);
/* If it fails, another attempt should wait at least so long.  The engine waits as long,
 * up to the longest delay of the step's retries; a day at most. */
CAPSTAN_API void capstan_job_retry_after(struct capstan_job *job, uint64_t ms);

/* Write the output of capstan_job_complete piece by piece; a map of n is followed by n
 * times a key and a value, an array of n by n values.
 *
 *   capstan_write_map(job, 2);
 *   capstan_write_text(job, "count");
 *   capstan_write_int(job, 7);
 *   capstan_write_text(job, "names");
 *   capstan_write_array(job, 0);
 *   return capstan_job_complete(job);
 */
CAPSTAN_API void capstan_write_nil(struct capstan_job *job);
CAPSTAN_API void capstan_write_bool(struct capstan_job *job, int value);
CAPSTAN_API void capstan_write_int(struct capstan_job *job, int64_t value);
CAPSTAN_API void capstan_write_double(struct capstan_job *job, double value);
CAPSTAN_API void capstan_write_text(struct capstan_job *job, const char *value);
CAPSTAN_API void
capstan_write_blob(struct capstan_job *job, const void *value, size_t size);
CAPSTAN_API void capstan_write_array(struct capstan_job *job, size_t count);
CAPSTAN_API void capstan_write_map(struct capstan_job *job, size_t pairs);
CAPSTAN_API void
capstan_write_raw(struct capstan_job *job, const void *msgpack, size_t size);

/* Read msgpack, such as capstan_job_raw gives, from front to back.  A reader that met
 * something unexpected is `bad` and stays so; every read then gives zero. */
struct capstan_reader {
    const uint8_t *at, *end;
    int bad;
};

enum capstan_type {
    CAPSTAN_NIL,
    CAPSTAN_BOOL,
    CAPSTAN_UNSIGNED,
    CAPSTAN_NEGATIVE,
    CAPSTAN_DOUBLE,
    CAPSTAN_TEXT,
    CAPSTAN_BLOB,
    CAPSTAN_ARRAY,
    CAPSTAN_MAP,
    CAPSTAN_EXTENSION,
    CAPSTAN_NOTHING /* at the end, or bad */
};

CAPSTAN_API struct capstan_reader capstan_read_from(const void *msgpack, size_t size);
CAPSTAN_API enum capstan_type capstan_read_type(const struct capstan_reader *reader);
CAPSTAN_API int capstan_read_bool(struct capstan_reader *reader);
CAPSTAN_API int64_t capstan_read_int(struct capstan_reader *reader);
CAPSTAN_API double capstan_read_double(struct capstan_reader *reader);
/* Not ended by NUL: `size` says how long. */
CAPSTAN_API const char *capstan_read_text(struct capstan_reader *reader, size_t *size);
CAPSTAN_API const void *capstan_read_blob(struct capstan_reader *reader, size_t *size);
/* How many values, or pairs of key and value, follow. */
CAPSTAN_API size_t capstan_read_array(struct capstan_reader *reader);
CAPSTAN_API size_t capstan_read_map(struct capstan_reader *reader);
/* Pass over one whole value and return its bytes. */
CAPSTAN_API const void *capstan_read_any(struct capstan_reader *reader, size_t *size);

#ifdef __cplusplus
}
#endif
#endif
