/* record - the facts of one turn, as a journal keeps them.
 *
 * Payloads above a limit lie beside the journal as blobs; who reads a record gets them
 * back as if they had been in it.
 */
#ifndef ACTORS_RECORD_H
#define ACTORS_RECORD_H
#include "base/arena.h"
#include "base/pack.h"
#include "store/journal.h"
#include "transport/codec.h"

/* Where a journal's writer puts payloads above `inline_max` bytes. */
struct field_blobs record_blobs(struct journal *journal, size_t inline_max);

/* Append the record of the FACTs among `messages`, all of one project, to `out`, and
 * let each one's `raw` point to its body there.  Returns how many there were; 0:
 * nothing was written. */
size_t record_write(const struct field_blobs *blobs, struct message *messages,
    size_t count, struct buffer *out);

/* The head of a record of so many facts, whose codes and bodies the caller writes next.
 */
void record_head(const struct envelope *envelope, size_t facts, struct buffer *out);

/* What of a run goes. */
struct record_strip {
    struct id run;
    /* Facts that stay, without their payloads; NULL: none does. */
    bool (*keep)(enum message_code code);
    void (*gone)(void *self, const struct message *fact); /* its payloads are empty */
    void *self;
};

/* Append to `out` the record `facts` without what goes of the run; payloads of that are
 * dropped from `journal`.  False: nothing goes, and `out` is as it was. */
bool record_without(struct journal *journal, struct bytes facts,
    const struct record_strip *strip, struct buffer *out);

/* Is it one of the facts that are to say less?  Then no more than what stays is left of
 * it; no payload does. */
typedef bool record_leave_fn(const void *self, struct message *fact);

/* The same of single facts, as `leave` has it. */
bool record_leave(struct journal *journal, struct bytes facts, record_leave_fn *leave,
    const void *self, struct buffer *out);

struct record_reader {
    struct cursor in;
    size_t left; /* facts */
    bool bad;    /* a fact could not be read: corrupt, or of a later release */
    struct envelope envelope; /* cause, trace and project */
    struct journal *journal;
    struct arena *arena;
};

/* Borrows `facts`; blobs are read from `journal` into `arena`.  False if it is none. */
bool record_open(struct record_reader *reader, struct journal *journal,
    struct arena *arena, struct bytes facts);
/* The next fact, or false at the end or if `bad`. */
bool record_next(struct record_reader *reader, struct message *fact);

/* Is it one of those that make the run what it is?  They name it first; so does the end
 * of a child name who waits for it, which says nothing of that one. */
bool fact_is_about(const struct message *fact, const struct id *run);
#endif
