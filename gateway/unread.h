/* unread - what the connections of a ZeroMQ door have said and nobody could take, and
 * when they were heard last.
 *
 * libzmq hands over a message when its last part has come, and its high-water mark
 * counts whole ones: parts of one that never ends are kept without a limit.  So the
 * bytes that the system has received are compared with those that were taken.
 */
#ifndef GATEWAY_UNREAD_H
#define GATEWAY_UNREAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty and valid. */
struct unread {
    struct unread_row *rows; /* by descriptor of the system */
    size_t count;            /* of the rows */
    size_t open;             /* of the connections */
    size_t at;               /* which row is next */
};

void unread_free(struct unread *unread);
/* There is a connection with this descriptor, or none any more. */
void unread_accepted(struct unread *unread, int descriptor, uint64_t now_ms);
void unread_parted(struct unread *unread, int descriptor);
/* A part of so many bytes was taken. */
void unread_taken(struct unread *unread, int descriptor, size_t size, uint64_t now_ms);

/* Of the connections, the one behind that of the last call; -1: there are none. */
int unread_next(struct unread *unread);
/* Bytes of it that were not taken, as far as the system says. */
uint64_t unread_bytes(struct unread *unread, int descriptor);
/* When a part of it was taken last, or it came. */
uint64_t unread_heard_ms(const struct unread *unread, int descriptor);
#endif
