/* claim - make the data folder ours: one engine, one secret, one number of partitions.
 * See base/folder.h for what lies in it. */
#ifndef ACTORS_SUPERVISOR_CLAIM_H
#define ACTORS_SUPERVISOR_CLAIM_H
#include "base/folder.h"
#include "base/hash.h"

struct claim {
    char data[FOLDER_PATH_MAX];
    int lock_fd;
    bool owned; /* root started us: we go on as the owner of `data` */
    uint8_t secret[SECRET_SIZE];
};

/* Create what is missing; if we are root, become the owner of the folder, and without
 * capabilities in any case; take the lock, empty run/.  The processes of an engine that
 * was just killed are waited for.
 *
 * ERR_CONFLICT   another engine runs here; nothing was changed
 * ERR_INVALID    the number of schedulers is not that of the data
 * ERR_CORRUPT    `secret` or `partitions` is not what an engine writes
 */
MUST_CHECK enum err
claim_take(const struct config *config, struct claim *claim, struct fault *fault);

/* The gateway has made its keys: let them be found beside the lock too. */
void claim_link_keys(const char *data);
#endif
