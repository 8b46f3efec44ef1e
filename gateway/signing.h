/* signing - keys that jobs sign with, sealed wherever they are kept.
 *
 * A text of an automation or a parameter has such a key only as what opens with the
 * engine's secret, for its own project; it is opened on the way to the worker that
 * does an `http.request`, and for nobody else.
 */
#ifndef GATEWAY_SIGNING_H
#define GATEWAY_SIGNING_H
#include "base/buffer.h"
#include "gateway/gateway.h"

enum { SIGNING_KEY_SIZE = 32 };

/* Append the key, sealed, in base64. */
void signing_seal(const struct gateway *gateway, const struct id *project,
    const uint8_t key[SIGNING_KEY_SIZE], struct buffer *out);

/* Append the parameters of a job with `sign.key` in the place of `sign.sealed_key`.
 * False: nothing is to be opened, or it was sealed for another project; `out` is as it
 * was. */
bool signing_open(const struct gateway *gateway, const struct id *project,
    const struct job_granted *job, struct buffer *out);
#endif
