/* token - what a worker must show to speak about its lease, or as its session.
 *
 * Only a holder of the engine's secret can make one, and it names all there is to
 * check:
 *
 *   lease    run (16) step (4) attempt (4) offer (4) session (16) MAC (16)
 *   session  session (16) MAC over session, project and instance (16)
 *
 * So a lease actor that began anew knows its own tokens again.
 */
#ifndef ACTORS_LEASE_TOKEN_H
#define ACTORS_LEASE_TOKEN_H
#include "base/arena.h"
#include "base/hash.h"
#include "base/id.h"

enum { LEASE_TOKEN_SIZE = 60, SESSION_TOKEN_SIZE = 32 };

struct lease_name {
    struct id run;
    uint32_t step, attempt, offer;
    struct id session;
};

struct bytes lease_token(const uint8_t secret[SECRET_SIZE],
    const struct lease_name *name, struct arena *arena);
/* False if the engine did not make it. */
bool lease_token_read(
    const uint8_t secret[SECRET_SIZE], struct bytes token, struct lease_name *name);

/* The tokens that were made last, which are asked for again soon: of a grant when it is
 * reported, of a report when it is settled.  They follow from their names, so what is
 * kept is no state.  `secret` is copied. */
struct tokens;
struct tokens *tokens_new(const uint8_t secret[SECRET_SIZE]);
void tokens_free(struct tokens **tokens);
struct bytes
tokens_make(struct tokens *tokens, const struct lease_name *name, struct arena *arena);
bool tokens_read(struct tokens *tokens, struct bytes token, struct lease_name *name);

struct bytes session_token(const uint8_t secret[SECRET_SIZE], const struct id *session,
    const struct id *project, struct bytes instance, struct arena *arena);
bool session_token_read(const uint8_t secret[SECRET_SIZE], struct bytes token,
    const struct id *project, struct bytes instance, struct id *session);
#endif
