#include "gateway/unread.h"

#include "base/wrong.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FRAMING = 64 /* bytes around a part, with CURVE, at most */ };

struct unread_row {
    bool open;
    uint64_t taken; /* bytes, with what was around them */
    uint64_t heard_ms;
};

void
unread_free(struct unread *unread)
{
    free(unread->rows);
    *unread = (struct unread){ 0 };
}

static struct unread_row *
row_of(const struct unread *unread, int descriptor)
{
    bool known = descriptor >= 0 && (size_t)descriptor < unread->count;
    return known && unread->rows[descriptor].open ? &unread->rows[descriptor] : NULL;
}

static void
rows_new(struct unread *unread, size_t count)
{
    unread->rows = reallocarray(unread->rows, count, sizeof *unread->rows);
    if (unread->rows == NULL)
        WRONG("out of memory");
    memset(unread->rows + unread->count, 0,
        (count - unread->count) * sizeof *unread->rows);
    unread->count = count;
}

void
unread_accepted(struct unread *unread, int descriptor, uint64_t now_ms)
{
    if (descriptor < 0)
        return;
    size_t needed = (size_t)descriptor + 1;
    if (needed > unread->count)
        rows_new(unread, needed + needed / 2);
    unread->open += !unread->rows[descriptor].open;
    unread->rows[descriptor] = (struct unread_row){ .open = true, .heard_ms = now_ms };
}

void
unread_parted(struct unread *unread, int descriptor)
{
    struct unread_row *row = row_of(unread, descriptor);
    if (row == NULL)
        return;
    row->open = false;
    unread->open--;
}

void
unread_taken(struct unread *unread, int descriptor, size_t size, uint64_t now_ms)
{
    struct unread_row *row = row_of(unread, descriptor);
    if (row == NULL)
        return;
    row->taken += size + FRAMING;
    row->heard_ms = now_ms;
}

uint64_t
unread_heard_ms(const struct unread *unread, int descriptor)
{
    const struct unread_row *row = row_of(unread, descriptor);
    return row == NULL ? 0 : row->heard_ms;
}

int
unread_next(struct unread *unread)
{
    for (size_t i = 0; unread->open > 0 && i < unread->count; i++) {
        unread->at = (unread->at + 1) % unread->count;
        if (unread->rows[unread->at].open)
            return (int)unread->at;
    }
    return -1;
}

uint64_t
unread_bytes(struct unread *unread, int descriptor)
{
    struct unread_row *row = row_of(unread, descriptor);
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;
    if (row == NULL || getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return 0;
    /* Nobody saves up what was counted too much. */
    if (row->taken > info.tcpi_bytes_received)
        row->taken = info.tcpi_bytes_received;
    return info.tcpi_bytes_received - row->taken;
}
