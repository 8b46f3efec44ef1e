#include "gateway/tls_line.h"

#include "base/wrong.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { RECORD_MAX = 16384 }; /* bytes, by the standard */

struct tls_line {
    gnutls_session_t session;
    int fd;
    size_t *moved;
    bool taken;   /* libmicrohttpd is to find nothing */
    bool reading; /* that is not its doing */
};

static ssize_t
pull(gnutls_transport_ptr_t self, void *out, size_t room)
{
    struct tls_line *line = self;
    if (line == NULL || (line->taken && !line->reading)) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t size = recv(line->fd, out, room, 0);
    *line->moved += size >= 0;
    return size;
}

static ssize_t
push(gnutls_transport_ptr_t self, const giovec_t *parts, int count)
{
    struct tls_line *line = self;
    if (line == NULL) {
        errno = EPIPE;
        return -1;
    }
    /* It reads them only. */
    struct msghdr all = { .msg_iov = (struct iovec *)(uintptr_t)parts,
        .msg_iovlen = (size_t)count };
    ssize_t size = sendmsg(line->fd, &all, MSG_NOSIGNAL);
    *line->moved += size >= 0;
    return size;
}

static bool
waits(ssize_t result)
{
    return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED;
}

/* For a caller that knows what recv() and send() say. */
static ssize_t
told(ssize_t result)
{
    if (result >= 0)
        return result;
    errno = waits(result) ? EAGAIN : EPIPE;
    return -1;
}

struct tls_line *
tls_line_new(void *session, int fd, size_t *moved)
{
    struct tls_line *line = calloc(1, sizeof *line);
    if (line == NULL)
        WRONG("out of memory");
    line->session = session;
    line->fd = fd;
    line->moved = moved;
    gnutls_transport_set_ptr(session, line);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_vec_push_function(session, push);
    return line;
}

void
tls_line_free(struct tls_line **out)
{
    struct tls_line *line = *out;
    if (line == NULL)
        return;
    gnutls_transport_set_ptr(line->session, NULL);
    free(line);
    *out = NULL;
}

void
tls_line_take(struct tls_line *line)
{
    line->taken = true;
}

ssize_t
tls_line_read(struct tls_line *line, uint8_t *out, size_t room, struct buffer *rest)
{
    uint8_t record[RECORD_MAX];
    line->reading = true;
    ssize_t size = gnutls_record_recv(line->session, record, sizeof record);
    line->reading = false;
    if (size <= 0)
        return told(size);
    size_t taken = (size_t)size < room ? (size_t)size : room;
    memcpy(out, record, taken);
    buffer_append(rest, record + taken, (size_t)size - taken);
    return (ssize_t)taken;
}

ssize_t
tls_line_write(struct tls_line *line, const struct iovec parts[2])
{
    uint8_t record[RECORD_MAX];
    size_t size = 0;
    for (size_t i = 0; i < 2; i++) {
        size_t room = sizeof record - size;
        size_t some = parts[i].iov_len < room ? parts[i].iov_len : room;
        memcpy(record + size, parts[i].iov_base, some);
        size += some;
    }
    /* If it has one that it could not let go, it lets that go, and says its size. */
    return told(gnutls_record_send(line->session, record, size));
}
