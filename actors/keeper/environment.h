/* environment - what the scripts of a worker find in theirs.
 *
 * Of the engine's only what says who and where we are (PATH, HOME, the language,
 * proxies and certificates), and where its library for C is; then the manifest's; and
 * above both where the engine is, and how long it lets a worker finish.
 */
#ifndef ACTORS_KEEPER_ENVIRONMENT_H
#define ACTORS_KEEPER_ENVIRONMENT_H
#include "actors/keeper/manifest.h"
#include "base/config.h"

/* As execve takes it, in `arena`; `grace_ms` is from SIGTERM to SIGKILL. */
char **environment_make(const struct manifest *manifest, const struct config *config,
    unsigned grace_ms, const char *key, struct arena *arena);
#endif
