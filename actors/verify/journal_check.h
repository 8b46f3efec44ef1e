/* journal_check - is everything in one actor's journal as it was written, and do its
 * rows follow from its records?
 *
 * Needs no lock: what was committed when the check began is checked, also while the
 * engine runs.  Holds all records and rows in memory meanwhile.
 */
#ifndef ACTORS_VERIFY_JOURNAL_CHECK_H
#define ACTORS_VERIFY_JOURNAL_CHECK_H
#include "actors/actor.h"

enum { WRONG_MAX = 1024 };

struct subject {
    const struct actor *actor;
    uint32_t instance;
    const char *folder;          /* of the journal */
    const struct config *config; /* of the engine; `schedulers` as the data has it */
    bool stopped;                /* no engine runs: the ends of logs can be judged */
};

struct findings {
    bool ok;
    uint64_t records, facts, rows;
    struct hash head;      /* of the last record: of it and all before it */
    char wrong[WRONG_MAX]; /* what, and where */
};

/* A damage that cannot be read past ends the process. */
void journal_check(const struct subject *subject, struct findings *findings);
#endif
