/* trace - run one actor from a script, in virtual time; compare what it said.
 *
 *     struct trace t;
 *     trace_make(&t, &registry_actor);
 *     t.config.schedulers = 2;
 *     trace_open(&t);
 *     trace_give(&t, ACTOR_gateway, 0, (struct message){ .code = …, .name = { … } });
 *     trace_wait(&t, 1000);
 *     trace_expect(&t, "0 -> scheduler.1 plan_offered version=1 …\n");
 *     trace_close(&t);
 *
 * The loop is the real one, over a journal in memory, so that what is given is gone
 * after a turn and what is sent is read after the commit.  trace_close replays the
 * facts into an empty journal and fails the test if other rows follow.
 */
#ifndef TESTS_SUPPORT_TRACE_H
#define TESTS_SUPPORT_TRACE_H
#include "actors/loop.h"
#include "store/journal_memory.h"

enum { TRACE_NAMES_MAX = 64, TRACE_KEPT_MAX = 1024, TRACE_INBOX_MAX = 16 };

struct trace {
    /* May be changed between trace_make and trace_open. */
    struct config config;
    const struct zones *zones; /* NULL: UTC alone */
    uint32_t instance;
    bool without_journal;
    bool without_sizes; /* payloads are written as (…), whatever their size */
    uint64_t now_ms;    /* begins at 0 */
    struct id project;  /* of what is given, HELLO excepted */
    uint8_t secret[SECRET_SIZE];

    const struct actor *actor;
    struct actor shell; /* the same, but it writes down what was said */
    void *state;
    struct memory_disk *disk;
    struct journal *journal;
    struct world world;
    struct loop loop;
    uint64_t epoch, given;                /* of this life; messages given so far */
    struct buffer inbox[TRACE_INBOX_MAX]; /* encoded messages */
    size_t inbox_count, inbox_read;       /* how many; how many of them are read */
    struct buffer *said;
    struct {
        char hex[2 * ID_SIZE + 1];
        char name[32];
    } names[TRACE_NAMES_MAX];
    size_t name_count;
    struct arena kept_arena;
    struct message *kept; /* what left, in order, of the last TRACE_KEPT_MAX */
    size_t kept_count;
};

void trace_make(struct trace *t, const struct actor *actor);
void trace_open(struct trace *t);
/* Checks that a replay gives the same rows; frees everything. */
void trace_close(struct trace *t);

/* The process ends and starts again: state is what the journal has.  After a crash only
 * what was synced is there. */
void trace_restart(struct trace *t);
void trace_crash(struct trace *t);

/* Print this id as `name`, of at most 31 characters, from now on. */
void trace_name(struct trace *t, const struct id *id, const char *name);

/* Give it `m`, of the life `m.envelope.epoch` (0: 1) of that peer, and run until there
 * is nothing to do. */
void
trace_give(struct trace *t, enum actor_name from, uint32_t instance, struct message m);
/* The same, but it lies in the inbox until something is given or time passes: then it
 * is part of the same batch. */
void
trace_queue(struct trace *t, enum actor_name from, uint32_t instance, struct message m);
/* A HELLO. */
void
trace_hello(struct trace *t, enum actor_name from, uint32_t instance, uint32_t resync);
/* An earlier life, or release, has recorded `fact`, and this one begins. */
void trace_recorded(struct trace *t, struct message fact);
/* Let time pass, stopping at each time that is due. */
void trace_wait(struct trace *t, uint64_t ms);

/* Everything that was decided since the last time: lines of the time, "-> actor" for
 * what leaves (with .instance for schedulers), and the message as codec_print shows it.
 */
void trace_expect(struct trace *t, const char *said);
/* The same, but only lines that hold `word` count; the others are dropped. */
void trace_expect_only(struct trace *t, const char *word, const char *said);
/* Forget what was said. */
void trace_skip(struct trace *t);

/* The last message of this code that left; fails the test if there is none.  Valid
 * until trace_close or TRACE_KEPT_MAX further ones. */
const struct message *trace_sent(const struct trace *t, enum message_code code);
#endif
