/* Goal: what goes over a TLS line arrives once and in order, however little its system
 * takes at a time, and libmicrohttpd finds nothing of what is its owner's.  Method:
 * both ends are here, over a pair of sockets that keep little. */
#include "gateway/tls_line.h"
#include "tests/unit/gateway_suites.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MUCH = 300000, LITTLE = 8192, HEAD = 3 };

static int ends[2]; /* ours, the peer's */
static gnutls_anon_server_credentials_t served;
static gnutls_anon_client_credentials_t asked;
static gnutls_session_t ours, peer;
static struct tls_line *line;
static size_t moved;
static uint8_t said[MUCH];

static gnutls_session_t
session_new(unsigned side, void *credentials)
{
    gnutls_session_t made;
    ck_assert_int_eq(gnutls_init(&made, side | GNUTLS_NONBLOCK), 0);
    ck_assert_int_eq(gnutls_priority_set_direct(made,
                         "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ANON-ECDH", NULL),
        0);
    ck_assert_int_eq(gnutls_credentials_set(made, GNUTLS_CRD_ANON, credentials), 0);
    return made;
}

static void
open_line(void)
{
    int little = LITTLE, mine = GNUTLS_E_AGAIN, theirs = GNUTLS_E_AGAIN;
    moved = 0;
    ck_assert_int_eq(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(
            setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
    ck_assert_int_eq(gnutls_anon_allocate_server_credentials(&served), 0);
    ck_assert_int_eq(gnutls_anon_allocate_client_credentials(&asked), 0);
    ours = session_new(GNUTLS_SERVER, served);
    peer = session_new(GNUTLS_CLIENT, asked);
    line = tls_line_new(ours, ends[0], &moved);
    gnutls_transport_set_int(peer, ends[1]);
    while (mine == GNUTLS_E_AGAIN || theirs == GNUTLS_E_AGAIN) {
        theirs = theirs == 0 ? 0 : gnutls_handshake(peer);
        mine = mine == 0 ? 0 : gnutls_handshake(ours);
    }
    ck_assert_int_eq(mine, 0);
    ck_assert_int_eq(theirs, 0);
    for (size_t i = 0; i < MUCH; i++)
        said[i] = (uint8_t)(i * 31 >> 3);
}

static void
close_line(void)
{
    tls_line_free(&line);
    gnutls_deinit(ours);
    gnutls_deinit(peer);
    gnutls_anon_free_server_credentials(served);
    gnutls_anon_free_client_credentials(asked);
    close(ends[0]);
    close(ends[1]);
}

/* All that is there for it. */
static void
hear(struct buffer *heard)
{
    uint8_t piece[20000];
    ssize_t size;
    while ((size = gnutls_record_recv(peer, piece, sizeof piece)) > 0)
        buffer_append(heard, piece, (size_t)size);
    ck_assert_int_eq(size, GNUTLS_E_AGAIN);
}

START_TEST(what_its_system_does_not_take_goes_on_later)
{
    struct buffer heard = { 0 };
    size_t at = 0, waits = 0;
    open_line();
    tls_line_take(line);
    while (at < MUCH) {
        size_t head = at < HEAD ? HEAD - at : 0;
        struct iovec parts[] = { { said + at, head },
            { said + at + head, MUCH - at - head } };
        ssize_t sent = tls_line_write(line, parts);
        if (sent > 0) {
            at += (size_t)sent;
            continue;
        }
        ck_assert_int_eq(sent, -1);
        ck_assert_int_eq(errno, EAGAIN);
        waits++;
        hear(&heard);
    }
    hear(&heard);
    ck_assert_uint_gt(waits, MUCH / LITTLE / 8);
    ck_assert_mem_eq(heard.data, said, MUCH);
    ck_assert_uint_eq(heard.size, MUCH);
    buffer_free(&heard);
    close_line();
}
END_TEST

START_TEST(what_is_its_owners_is_read_by_nobody_else)
{
    struct buffer rest = { 0 };
    uint8_t piece[100];
    open_line();
    ck_assert_int_eq(gnutls_record_send(peer, said, 1000), 1000);
    tls_line_take(line);
    size_t before = moved;
    ck_assert_int_eq(gnutls_record_recv(ours, piece, sizeof piece), GNUTLS_E_AGAIN);
    ck_assert_uint_eq(moved, before);
    ck_assert_int_eq(tls_line_read(line, piece, sizeof piece, &rest), sizeof piece);
    ck_assert_uint_gt(moved, before);
    ck_assert_mem_eq(piece, said, sizeof piece);
    ck_assert_uint_eq(rest.size, 1000 - sizeof piece);
    ck_assert_mem_eq(rest.data, said + sizeof piece, rest.size);
    ck_assert_int_eq(tls_line_read(line, piece, sizeof piece, &rest), -1);
    ck_assert_int_eq(errno, EAGAIN);
    buffer_free(&rest);
    close_line();
}
END_TEST

Suite *
tls_line_suite(void)
{
    Suite *suite = suite_create("tls_line");
    TCase *tests = tcase_create("line");
    tcase_add_test(tests, what_its_system_does_not_take_goes_on_later);
    tcase_add_test(tests, what_is_its_owners_is_read_by_nobody_else);
    suite_add_tcase(suite, tests);
    return suite;
}
