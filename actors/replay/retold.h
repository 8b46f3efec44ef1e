/* retold - what a rebuilt run was at each of its records, as a document. */
#ifndef ACTORS_REPLAY_RETOLD_H
#define ACTORS_REPLAY_RETOLD_H
#include "actors/replay/export_file.h"
#include "base/buffer.h"

struct retelling {
    uint64_t at; /* the last event; 0: all */
    bool verify; /* ask today's code what it would decide */
    bool whole;  /* with every record; else only the state at the end */
};

struct retold {
    uint64_t records, same, different, unknown; /* followed; as today's code decides */
};

/* Write { run_id, …, records, state, verified } to `out`.
 *
 * ERR_CORRUPT    what follows from the facts is not what the file says at its end
 * ERR_MALFORMED  a record that cannot be read
 */
MUST_CHECK enum err retell(struct export_file *file, const struct retelling *how,
    struct buffer *out, struct retold *retold, struct fault *fault);

/* The run's log after `after`, from a file, as the view shows it. */
MUST_CHECK enum err retell_events(struct export_file *file, uint64_t after,
    uint32_t limit, struct buffer *out, struct fault *fault);
#endif
