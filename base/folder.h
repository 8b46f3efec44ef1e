/* folder - where everything durable of one engine lies, and who owns it.
 *
 *   lock            held by the supervisor and its children, and by nobody else
 *   secret          32 unguessable bytes, made at the first start
 *   partitions      the number of schedulers, fixed at the first start
 *   journal/ACTOR.INSTANCE/
 *   journal/views/  what who looks at a journal needs to write
 *   gateway/        dev.key, curve.secret, curve.public: the gateway's, who may write
 *                   nowhere else; links of these names lie beside `lock`
 *   run/            sockets, counters, status: only of the running engine
 *   log/capstan.log
 *   workers/NAME/    of each managed worker: what is remembered, what it prints
 */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H
#include "base/config.h"

#include <sys/types.h>

/* A socket's path has at most 107 bytes, and "/run/scheduler.63.pub" takes 21. */
enum { FOLDER_DATA_MAX = 86, FOLDER_PATH_MAX = 256 };

/* The absolute data folder that the settings mean: `data`, else $CAPSTAN_DATA, else
 * $XDG_DATA_HOME/capstan, else ~/.local/share/capstan.  Creates nothing.
 *
 * ERR_TOO_LARGE  its path is too long for the sockets in it
 */
MUST_CHECK enum err folder_find(
    const struct config *config, char out[FOLDER_PATH_MAX], struct fault *fault);

/* `data` and what is below it, such as folder_path("/d", "run/status", out). */
const char *folder_path(const char *data, const char *below, char out[FOLDER_PATH_MAX]);

/* Where an actor keeps its facts; there only for actors that have a journal. */
const char *folder_journal(
    const char *data, const char *actor, unsigned instance, char out[FOLDER_PATH_MAX]);

/* Make the names in the folder `path` durable: those of new, renamed and removed files.
 *
 * ERR_IO  it cannot be opened or synced
 */
MUST_CHECK enum err folder_sync(const char *path, struct fault *fault);

/* All of `content`, in as many writes as it takes.  False: `errno` says why. */
MUST_CHECK bool write_whole(int fd, struct bytes content);

/* Replace the file `below` of the folder `data`: all of it or nothing, and durably.
 *
 * ERR_NO_SPACE, ERR_IO  `fault` names the file
 */
MUST_CHECK enum err folder_write(
    const char *data, const char *below, struct bytes content, struct fault *fault);

/* The supervisor of the engine that runs on `data`, or 0 when none does.  One that was
 * killed is still named while its processes are dying: does it live? */
pid_t folder_owner(const char *data);
bool folder_owner_lives(pid_t pid);

/* Keep engines off `data` until the descriptor is closed; -1: one runs on it, or the
 * folder cannot be written to. */
int folder_hold(const char *data);

/* Wait until no process of an engine is left on `data`.
 *
 * ERR_TIMEOUT  one is, after `ms`
 */
MUST_CHECK enum err folder_wait_free(const char *data, unsigned ms);
#endif
