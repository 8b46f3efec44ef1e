/* tale - what the log of a scheduler tells, run by run; private to log_check.c, which
 * reads it, and log_end_check.c, which compares it when all is read. */
#ifndef TESTS_SIMULATION_TALE_H
#define TESTS_SIMULATION_TALE_H
#include "actors/plan/plan.h"
#include "base/map.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

struct attempt_tale {
    uint32_t number, offer;
    uint64_t deadline_ms;
    bool leased, ended, completed;
    enum ending ending;
};

struct step_tale {
    bool started, completed, failed, over;
    bool passes;    /* it is over, and what needs it goes on */
    bool waiting;   /* for a moment, an event or a person */
    bool withdrawn; /* somebody has ended it, and what lies in it is cancelled first */
    uint64_t due_ms;
    struct attempt_tale attempt; /* the last one */
    uint32_t counted;            /* attempts that count against the policy */
    uint64_t retry_ms;           /* 0: no retry is due */
    uint32_t under_way;          /* of an each: items */
    uint32_t in_item;            /* of an item's first step: steps that have begun */
    uint32_t past;               /* attempts before the run went on again */
    uint64_t over_event;         /* the event with which it was over */
    uint64_t by_hand;            /* its output, as somebody has said; 0: nobody has */
    /* What it asks of people. */
    struct bytes targets; /* array */
    bool all_of, judged;  /* judged: a no is a no */
    uint32_t answers;
};

/* What an each became. */
struct each_tale {
    uint32_t step, first, count, body_first, body_count;
};

/* One run as the log tells it. */
struct tale {
    struct list link;
    struct id run, project, automation;
    uint32_t version;
    struct plan plan;
    struct step_tale *steps;
    uint32_t step_count;
    struct each_tale *eaches;
    size_t each_count;
    uint32_t ending; /* the status that it will have after its cleanup */
    uint64_t deadline_ms, events, last_record, printed;
    bool began, over, cleaning;
    uint32_t status;
    uint32_t resumed;    /* so many times it went on after its end */
    struct tale *origin; /* it was forked from this one, when that had so many events */
    uint64_t origin_event;
    struct hash chain;
    struct buffer positions;
    struct bytes key;
    uint64_t input;
};

struct reading {
    struct sim *sim;
    const struct machine *machine;
    struct arena arena;
    struct map by_run;
    struct list all;
    uint64_t at_ms, record, epoch;
    struct answered *answers; /* as facts say */
    size_t answer_count;
    struct hand *hands; /* as facts say */
    size_t hand_count;
    size_t forwarded;      /* starts with a key, decided elsewhere */
    struct tale *speaking; /* of the last fact of this record */
    struct buffer said;    /* its facts, one after another */
};

#define TALE_HOLDS(r, tale, condition, ...)                                            \
    do {                                                                               \
        if (!(condition)) {                                                            \
            char run_[ID_TEXT_MAX];                                                    \
            sim_trace((r)->sim, "about %s", id_print(&(tale)->run, "run_", run_));     \
            sim_broken((r)->sim, __func__, __VA_ARGS__);                               \
        }                                                                              \
    } while (0)

struct plan_step tale_plan_step(struct reading *r, const struct tale *t, uint32_t step);
/* again_check.c: runs that go on after their end, or share the beginning of others. */
void run_goes_on(struct reading *r, struct tale *t, const struct run_resumed *resumed);
void step_copied(struct reading *r, struct tale *t, struct step_tale *s,
    const struct step_copied *copied);
void all_is_copied_that_was_over(struct reading *r, struct tale *t);
/* questions_check.c: what is asked of people, and what they say. */
void question_asked(
    struct reading *r, struct step_tale *s, const struct interaction_requested *asked);
void question_answered(struct reading *r, struct tale *t, struct step_tale *s,
    const struct interaction_responded *said);
/* Has this person answered that question, as facts say? */
bool
has_answered(const struct reading *r, const struct id *interaction, struct bytes who);
/* hands_check.c: what people do to steps. */
void step_signalled(struct reading *r, struct tale *t, struct step_tale *s,
    const struct wait_resumed *resumed);
void step_skipped_by_hand(struct reading *r, struct tale *t, struct step_tale *s,
    const struct step_skipped *skipped);
void step_overridden(struct reading *r, struct tale *t, struct step_tale *s,
    const struct step_overridden *said);
void step_has_seen(
    struct reading *r, struct tale *t, const struct step_completed *completed);
bool skipped_by_hand(const struct step_skipped *skipped);
void hands_end_check(struct reading *r);
/* log_end_check.c: everything is read. */
void log_end_check(struct reading *r);
#endif
