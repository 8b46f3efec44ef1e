/* tls_line - what goes to and fro on a TLS connection of libmicrohttpd's.
 *
 * It counts what was moved, as libmicrohttpd says that it has something to do while it
 * only waits for the rest of a handshake.  And a connection that was upgraded is read
 * and written by its owner, through GnuTLS: libmicrohttpd would carry it through a pair
 * of sockets, in pieces of a few bytes, and tell nobody that the peer has left.  It
 * still reads when the connection wakes it, and finds nothing there.
 */
#ifndef GATEWAY_TLS_LINE_H
#define GATEWAY_TLS_LINE_H
#include "base/buffer.h"

#include <sys/types.h>
#include <sys/uio.h>

struct tls_line;

/* `session` is GnuTLS's, of the connection `fd`, which does not block; both outlive the
 * line.  `moved` grows with each piece that comes or leaves. */
struct tls_line *tls_line_new(void *session, int fd, size_t *moved);
void tls_line_free(struct tls_line **line);

/* From now on it is read by tls_line_read alone, and at once: what was decrypted before
 * wakes nobody. */
void tls_line_take(struct tls_line *line);
/* As recv(); what `out` has no room for is appended to `rest`, a record at most, and
 * must be taken from there first: nothing wakes anybody for it. */
ssize_t
tls_line_read(struct tls_line *line, uint8_t *out, size_t room, struct buffer *rest);
/* As writev() of two parts; after EAGAIN they must begin with the same bytes. */
ssize_t tls_line_write(struct tls_line *line, const struct iovec parts[2]);
#endif
