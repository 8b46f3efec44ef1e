/* epoch - the number of a process's life: later than that of any life before.
 *
 * It is the time of the start in unix microseconds, unless the clock went back: then
 * one more than the last.  Peers drop what an earlier life said.
 */
#ifndef BASE_EPOCH_H
#define BASE_EPOCH_H
#include "base/err.h"

#include <stdint.h>

/* Take the next epoch of `process`, kept in <data>/epoch/<process>.
 *
 * ERR_NO_SPACE, ERR_IO  it could not be kept: `fault` names the file
 */
MUST_CHECK enum err
epoch_next(const char *data, const char *process, uint64_t *epoch, struct fault *fault);
#endif
