/* Goal: the answer to a WebSocket handshake is the one that clients compute.
 * Method: the example of RFC 6455, section 1.3. */
#include "gateway/websocket.h"
#include "tests/unit/gateway_suites.h"

START_TEST(the_accept_header_is_that_of_the_standard)
{
    char accept[WEBSOCKET_ACCEPT_SIZE];
    websocket_digest(text("dGhlIHNhbXBsZSBub25jZQ=="), accept);
    ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
END_TEST

Suite *
websocket_suite(void)
{
    Suite *suite = suite_create("websocket");
    TCase *tests = tcase_create("handshake");
    tcase_add_test(tests, the_accept_header_is_that_of_the_standard);
    suite_add_tcase(suite, tests);
    return suite;
}
