/* Goal: the pure parts of http.request: which addresses it may reach, and the signature
 * that Mobius' clients check.
 * Method: tables; the sums were computed with Python's hmac. */
#include "workers/stock/address.h"
#include "workers/stock/signature.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>

static const struct {
    const char *address;
    bool open;
} addresses[] = {
    { "0.0.0.0", false },
    { "1.1.1.1", true },
    { "9.255.255.255", true },
    { "10.0.0.1", false },
    { "11.0.0.0", true },
    { "100.63.255.255", true },
    { "100.64.0.1", false },
    { "100.127.255.255", false },
    { "100.128.0.0", true },
    { "127.0.0.1", false },
    { "127.255.255.255", false },
    { "169.254.169.254", false },
    { "172.15.255.255", true },
    { "172.16.0.0", false },
    { "172.31.255.255", false },
    { "172.32.0.0", true },
    { "192.0.0.8", false },
    { "192.0.2.1", false },
    { "192.88.99.1", false },
    { "192.168.1.1", false },
    { "192.169.0.0", true },
    { "198.18.0.1", false },
    { "198.19.255.255", false },
    { "198.20.0.0", true },
    { "198.51.100.1", false },
    { "203.0.113.1", false },
    { "223.255.255.255", true },
    { "224.0.0.1", false },
    { "255.255.255.255", false },
    { "::", false },
    { "::1", false },
    { "::7f00:1", false },
    { "::ffff:127.0.0.1", false },
    { "::ffff:1.1.1.1", true },
    { "64:ff9b::10.0.0.1", false },
    { "64:ff9b::1.1.1.1", true },
    { "64:ff9b:1::1", false },
    { "100::1", false },
    { "2001::1", false },
    { "2001:1ff::1", false },
    { "2001:200::1", true },
    { "2001:db8::1", false },
    { "2002:7f00:1::1", false },
    { "2002:101:101::1", true },
    { "2606:4700::1111", true },
    { "3fff::1", false },
    { "3fff:1000::1", true },
    { "4000::1", false },
    { "fc00::1", false },
    { "fd12::1", false },
    { "fe80::1", false },
    { "fec0::1", false },
    { "ff02::1", false },
};

START_TEST(only_addresses_of_the_internet_are_reached)
{
    const char *address = addresses[_i].address;
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    bool four = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    if (!four)
        ck_assert_int_eq(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    bool reached = address_public(
        four ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6);
    ck_assert_msg(reached == addresses[_i].open, "%s", address);
}
END_TEST

START_TEST(what_is_no_address_of_the_internet_is_not_reached)
{
    struct sockaddr other = { .sa_family = AF_UNIX };
    ck_assert(!address_public(&other));
}
END_TEST

static const struct {
    const char *key, *delivery;
    uint64_t unix_s;
    const char *body, *signature;
} signatures[] = {
    { "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "whd_1", 1767225600,
        "{\"type\":\"run.completed\",\"data\":{}}",
        "sha256=f6d70a9a9406eedbb4c65f14da25ef14221735f9bfb0301522dcf46ec10170aa" },
    { "//////////////////////////////////////////8=", "job_x", 1, "",
        "sha256=58be9adade4f434d4df340270a8ddd5c009b16406b5565e479961034b2c00ea5" },
};

START_TEST(a_signature_is_the_one_that_others_compute)
{
    uint8_t key[SIGNATURE_KEY_SIZE];
    char out[SIGNATURE_SIZE];
    ck_assert(signature_key_read(text(signatures[_i].key), key));
    ck_assert_str_eq(signature_print(key, text(signatures[_i].delivery),
                         signatures[_i].unix_s, text(signatures[_i].body), out),
        signatures[_i].signature);
}
END_TEST

START_TEST(a_key_is_32_bytes_in_base64)
{
    uint8_t key[SIGNATURE_KEY_SIZE];
    ck_assert(!signature_key_read(text(""), key));
    ck_assert(!signature_key_read(text("AAECAwQFBgcICQoLDA0ODw=="), key));
    ck_assert(!signature_key_read(
        text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAAA="), key));
    ck_assert(
        !signature_key_read(text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH!!="), key));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("stock http");
    TCase *tests = tcase_create("parts");
    tcase_add_loop_test(
        tests, only_addresses_of_the_internet_are_reached, 0, (int)COUNT(addresses));
    tcase_add_test(tests, what_is_no_address_of_the_internet_is_not_reached);
    tcase_add_loop_test(
        tests, a_signature_is_the_one_that_others_compute, 0, (int)COUNT(signatures));
    tcase_add_test(tests, a_key_is_32_bytes_in_base64);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
