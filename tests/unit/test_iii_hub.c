/* Goal: calls that nobody answers take the place of others for a while only, and what
 * is registered has its bound to the byte. Method: a hub whose clock is this test. */
#include "base/pack.h"
#include "gateway/gateway.h"
#include "gateway/iii/hub.h"
#include "tests/unit/gateway_suites.h"

static struct gateway gateway;
static struct hub *hub;
static struct iii_worker *caller, *owner;

static void
open_hub(void)
{
    struct id project = { { 0 } };
    gateway.now_ms = 1000;
    hub = hub_new(&gateway, &project);
    list_open(&hub->link);
    caller = hub_worker_new(hub);
    owner = hub_worker_new(hub);
}

static void
drop_calls(struct list *calls)
{
    struct list *at;
    while ((at = list_first(calls)) != NULL) {
        struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        hub_call_drop(&call);
    }
}

static void
close_hub(void)
{
    drop_calls(&owner->doing);
    hub_worker_free(&caller);
    hub_worker_free(&owner);
    hub_free(&hub);
}

static struct iii_call *
call(unsigned number, struct iii_worker *from, enum iii_purpose purpose)
{
    uint8_t bytes[16] = { (uint8_t)(number >> 8), (uint8_t)number };
    char id[III_UUID_SIZE + 1];
    iii_uuid_print(bytes, id);
    return hub_call(hub, text(id), text("f"), owner, from, purpose);
}

START_TEST(what_hangs_makes_place_after_a_minute)
{
    open_hub();
    ck_assert_ptr_nonnull(call(0, NULL, III_JOB));
    struct iii_call *first = call(1, caller, III_ANSWER);
    gateway.now_ms++;
    for (unsigned i = 2; i < III_CALLS_MAX; i++)
        ck_assert_ptr_nonnull(call(i, caller, III_ANSWER));
    ck_assert_ptr_null(call(III_CALLS_MAX, caller, III_ANSWER));
    gateway.now_ms = 1000 + III_CALL_MS - 1;
    ck_assert_ptr_null(hub_hanging(owner, caller));
    gateway.now_ms++;
    ck_assert_ptr_eq(hub_hanging(owner, caller), first);
    hub_call_drop(&first);
    ck_assert_ptr_null(hub_hanging(owner, caller));
    ck_assert_ptr_nonnull(call(III_CALLS_MAX, caller, III_ANSWER));
    ck_assert_ptr_null(hub_hanging(owner, caller));
    close_hub();
}
END_TEST

START_TEST(who_asks_too_much_gives_up_what_it_asked_first)
{
    open_hub();
    for (unsigned i = 0; i < III_CALLS_MAX; i++)
        ck_assert_ptr_nonnull(call(i, caller, III_ANSWER));
    struct iii_worker *other = hub_worker_new(hub);
    gateway.now_ms += III_CALL_MS;
    struct iii_call *first = hub_hanging(other, caller);
    ck_assert_ptr_nonnull(first);
    ck_assert_str_eq(first->id, "00000000-0000-0000-0000-000000000000");
    hub_call_drop(&first);
    ck_assert_ptr_null(hub_hanging(other, caller));
    hub_worker_free(&other);
    close_hub();
}
END_TEST

START_TEST(all_that_is_registered_fits_to_the_byte)
{
    static uint8_t bytes[III_ENTRIES_BYTES_MAX + 1];
    open_hub();
    ck_assert(hub_fits(owner, III_TYPE, bytes_of(bytes, III_ENTRIES_BYTES_MAX), NULL));
    ck_assert(
        !hub_fits(owner, III_TYPE, bytes_of(bytes, III_ENTRIES_BYTES_MAX + 1), NULL));
    close_hub();
}
END_TEST

Suite *
iii_hub_suite(void)
{
    Suite *suite = suite_create("iii_hub");
    TCase *tests = tcase_create("hub");
    tcase_add_test(tests, what_hangs_makes_place_after_a_minute);
    tcase_add_test(tests, who_asks_too_much_gives_up_what_it_asked_first);
    tcase_add_test(tests, all_that_is_registered_fits_to_the_byte);
    suite_add_tcase(suite, tests);
    return suite;
}
