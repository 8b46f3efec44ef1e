/* survey - go through the automations of a queue or topic, or of all, and through those
 * of their runs that have a status; and ask something about each of these.
 *
 * What it costs follows from how many runs have that status, not from how many there
 * are.
 */
#ifndef GATEWAY_III_SURVEY_H
#define GATEWAY_III_SURVEY_H
#include "gateway/iii/ask.h"
#include "gateway/iii/queue_text.h"

enum { III_SURVEYED_MAX = 10000 }; /* automations, and runs */

/* An automation, and how many of its runs were found. */
struct iii_surveyed {
    enum iii_source source;
    struct bytes name, function; /* of the queue or topic */
    struct bytes automation;
    bool active;
    uint64_t found, open;
};

struct iii_survey {
    struct bytes wanted;  /* queue or topic; nothing: all */
    bool config;          /* what is set for the queue is wanted, too */
    bool failed, open;    /* which runs to find */
    uint64_t first, most; /* which of the failed to ask about, in their order */
    /* Ask about a failed run, whose line is a msgpack map: fill in the question.  NULL:
     * they are only counted. */
    void (*ask)(struct iii_question *question, const struct id *run);
    /* What was said about it. */
    void (*said)(
        struct iii_survey *survey, struct bytes line, const struct message *answer);
    /* All has been seen: answer the caller. */
    void (*done)(struct iii_survey *survey, const struct iii_worker *caller,
        const struct iii_frame *asked);

    struct buffer out;   /* of the caller */
    uint64_t count;      /* of the caller */
    struct bytes target; /* of the caller */

    struct bytes settings; /* of the queue, or nothing */
    struct iii_surveyed *automations;
    size_t automation_count, automation_room;
    struct bytes *lines; /* of runs to ask about */
    size_t line_count, line_room, at;
    uint64_t seen; /* failed runs so far */
    int stage;
};

/* Begin; `asked` is refused if the key may not `scope`.  Copies `survey`. */
void iii_survey(struct iii_worker *caller, const struct iii_frame *asked,
    unsigned scope, const struct iii_survey *survey);
#endif
