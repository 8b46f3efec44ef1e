/* holding - bytes of strangers that are kept until they are whole and answered: pure.
 *
 * Each may have HOLDING_FREE; what large ones have beyond shares one limit.  So many
 * that are large at once are refused, and none that is small.
 */
#ifndef GATEWAY_HOLDING_H
#define GATEWAY_HOLDING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HOLDING_FREE = 65536 };

struct holding {
    uint64_t bytes, bytes_max; /* beyond what each may have */
};

/* Would there be room for so much more of one that has `one` bytes? */
bool holding_fits(const struct holding *all, size_t one, size_t more);
/* False: there is no room, and nothing was changed. */
bool holding_grow(struct holding *all, size_t *one, size_t more);
/* So many of them are left. */
void holding_shrink(struct holding *all, size_t *one, size_t left);
void holding_drop(struct holding *all, size_t *one);
#endif
