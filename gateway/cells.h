/* cells - memory of small frames, which another thread gives back.
 *
 * ZeroMQ's own thread frees each message that it has sent.  With malloc's memory it and
 * we, who take some for the next, waited for the same lock; a cell comes back without
 * one.
 */
#ifndef GATEWAY_CELLS_H
#define GATEWAY_CELLS_H
#include "base/bytes.h"

#include <zmq.h>

enum {
    CELL_SIZE = 1008, /* bytes; what is larger, */
    CELLS_MAX = 512,  /* and who finds all of them out, is given malloc's */
};

struct cells;

struct cells *cells_new(void);
/* Those that are out stay until they are back. */
void cells_free(struct cells **cells);

/* Make `message` one with a copy of these bytes. */
void cells_fill(struct cells *cells, zmq_msg_t *message, struct bytes bytes);
#endif
