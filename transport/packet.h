/* packet - messages that travel together, in one frame of ZeroMQ's.  Pure.
 *
 *      4       size        4
 *   +------+-----------+------+-----------+--
 *   | size | message … | size | message … |
 *   +------+-----------+------+-----------+--
 *
 * Sizes are little-endian.  A frame for each message would cost a memory block and a
 * place in two queues each.
 */
#ifndef TRANSPORT_PACKET_H
#define TRANSPORT_PACKET_H
#include "base/buffer.h"

enum { PACKET_BYTES = 65536, PACKET_HEAD = 4 }; /* a packet of that size leaves */

/* What is appended to `packet` between the two is one message; `begun` is what
 * packet_begin returned. */
size_t packet_begin(struct buffer *packet);
void packet_end(struct buffer *packet, size_t begun);

/* Take the first message off `packet`, which shrinks.  False: there is none left; if
 * anything is left then, it is not a packet. */
bool packet_next(struct bytes *packet, struct bytes *message);
#endif
