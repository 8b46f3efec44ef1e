/* Goal: messages come out of a packet as they went in, and what is no packet is seen.
 */
#include "transport/packet.h"

#include <check.h>
#include <stdlib.h>

static const char *const words[] = { "", "a", "some more", "" };

static struct buffer
packed(void)
{
    struct buffer out = { 0 };
    for (size_t i = 0; i < COUNT(words); i++) {
        size_t begun = packet_begin(&out);
        buffer_append_bytes(&out, text(words[i]));
        packet_end(&out, begun);
    }
    return out;
}

START_TEST(messages_come_out_as_they_went_in)
{
    struct buffer packet = packed();
    struct bytes left = buffer_bytes(&packet), message;
    for (size_t i = 0; i < COUNT(words); i++) {
        ck_assert(packet_next(&left, &message));
        ck_assert(bytes_equal(message, text(words[i])));
    }
    ck_assert(!packet_next(&left, &message));
    ck_assert_uint_eq(left.size, 0);
    buffer_free(&packet);
}
END_TEST

START_TEST(what_was_cut_off_is_seen)
{
    struct buffer packet = packed();
    size_t whole = 0;
    for (size_t size = 0; size < packet.size; size++) {
        struct bytes left = bytes_of(packet.data, size), message;
        while (packet_next(&left, &message))
            ck_assert(left.data == message.data + message.size);
        whole += left.size == 0;
    }
    /* Nothing at all, and each beginning that ends with a message. */
    ck_assert_uint_eq(whole, COUNT(words));
    buffer_free(&packet);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("packet");
    TCase *tests = tcase_create("packet");
    tcase_add_test(tests, messages_come_out_as_they_went_in);
    tcase_add_test(tests, what_was_cut_off_is_seen);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
