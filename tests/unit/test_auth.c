/* Goal: only the text that was minted for a key that is not revoked is that key. */
#include "base/clock.h"
#include "gateway/auth.h"
#include "tests/unit/gateway_suites.h"
#include "transport/messages.h"

#include <stdio.h>

static const uint8_t secret[SECRET_SIZE] = { 1, 2, 3 };
static struct auth *auth;
static struct key key;
static char key_text[KEY_TEXT_SIZE + 1];

static void
begin(void)
{
    uint8_t chance[KEY_SECRET_SIZE];
    auth = auth_new(secret, 2);
    chance_fill(chance, sizeof chance);
    key =
        (struct key){ .id = id_fresh(0), .project = id_fresh(0), .scopes = SCOPE_READ };
    auth_mint(auth, &key.id, chance, key_text, &key.hash);
    auth_learn(auth, &key);
}

static void
finish(void)
{
    auth_free(&auth);
}

START_TEST(the_text_that_was_minted_is_the_key)
{
    const struct key *found = auth_check(auth, text(key_text));
    ck_assert_ptr_nonnull(found);
    ck_assert(id_equal(&found->project, &key.project));
    ck_assert_uint_eq(found->scopes, SCOPE_READ);
    ck_assert_uint_eq(strlen(key_text), KEY_TEXT_SIZE);
}
END_TEST

START_TEST(every_other_text_is_none)
{
    char other[KEY_TEXT_SIZE + 2];
    for (size_t i = 0; i < KEY_TEXT_SIZE; i++) {
        memcpy(other, key_text, sizeof key_text);
        other[i] = other[i] == 'A' ? 'B' : 'A';
        ck_assert_msg(auth_check(auth, text(other)) == NULL, "%s", other);
        ck_assert_ptr_null(auth_check(auth, bytes_of(key_text, i)));
    }
    snprintf(other, sizeof other, "%sA", key_text);
    ck_assert_ptr_null(auth_check(auth, text(other)));
    ck_assert_ptr_null(auth_check(auth, (struct bytes){ 0 }));
}
END_TEST

START_TEST(another_engines_secret_makes_other_keys)
{
    static const uint8_t strange[SECRET_SIZE] = { 9 };
    struct auth *other = auth_new(strange, 2);
    auth_learn(other, &key);
    ck_assert_ptr_null(auth_check(other, text(key_text)));
    auth_free(&other);
}
END_TEST

START_TEST(a_revoked_key_is_none_and_others_stay)
{
    const struct key *held = auth_check(auth, text(key_text));
    key.revoked = true;
    auth_learn(auth, &key);
    ck_assert_ptr_null(auth_check(auth, text(key_text)));
    ck_assert(held->revoked);
    key.revoked = false;
    auth_learn(auth, &key);
    ck_assert_ptr_eq(auth_check(auth, text(key_text)), held);
}
END_TEST

START_TEST(keys_beyond_the_limit_are_not_learned)
{
    for (int i = 0; i < 3; i++) {
        struct key more = key;
        more.id = id_fresh(0);
        auth_learn(auth, &more);
    }
    ck_assert_ptr_nonnull(auth_check(auth, text(key_text)));
}
END_TEST

START_TEST(managed_workers_have_a_key_for_work_and_for_one_life)
{
    static const uint8_t life[MAC_SIZE] = { 4 }, next[MAC_SIZE] = { 5 };
    uint8_t chance[KEY_SECRET_SIZE];
    char managed[KEY_TEXT_SIZE + 1];
    struct id id;
    api_key_managed(secret, life, &id, chance);
    api_key_print(&id, chance, managed);
    ck_assert_ptr_null(auth_check(auth, text(managed)));
    auth_learn_managed(auth, life);
    ck_assert_uint_eq(auth_check(auth, text(managed))->scopes, SCOPE_WORK);
    struct auth *later = auth_new(secret, 1);
    auth_learn_managed(later, next);
    ck_assert_ptr_null(auth_check(later, text(managed)));
    auth_free(&later);
}
END_TEST

START_TEST(a_key_of_a_principal_may_do_what_both_may)
{
    struct id whose = id_fresh(0);
    uint8_t chance[KEY_SECRET_SIZE] = { 7 };
    key.id = id_fresh(0);
    auth_mint(auth, &key.id, chance, key_text, &key.hash);
    key.scopes = SCOPE_READ | SCOPE_WORK;
    key.principal = whose;
    auth_learn(auth, &key);
    ck_assert_ptr_null(auth_check(auth, text(key_text))); /* not told of yet */
    ck_assert(!auth_learn_principal(auth, &whose, SCOPE_READ | SCOPE_START, false));
    const struct key *held = auth_check(auth, text(key_text));
    ck_assert_ptr_nonnull(held);
    ck_assert_uint_eq(held->scopes, SCOPE_READ);
    ck_assert(!auth_learn_principal(auth, &whose, SCOPES_ALL, false));
    ck_assert_uint_eq(held->scopes, SCOPE_READ | SCOPE_WORK);
    ck_assert(auth_learn_principal(auth, &whose, SCOPE_WORK, false));
    ck_assert_uint_eq(held->scopes, SCOPE_WORK);
    ck_assert(auth_learn_principal(auth, &whose, 0, true));
    ck_assert_ptr_null(auth_check(auth, text(key_text)));
    auth_learn_principal(auth, &whose, SCOPE_WORK, false);
    ck_assert_ptr_eq(auth_check(auth, text(key_text)), held);
    key.revoked = true;
    auth_learn(auth, &key);
    auth_learn_principal(auth, &whose, SCOPES_ALL, false);
    ck_assert_ptr_null(auth_check(auth, text(key_text)));
}
END_TEST

START_TEST(what_a_key_may_not_do_any_more_is_told)
{
    uint8_t chance[KEY_SECRET_SIZE] = { 9 };
    key.id = id_fresh(0);
    auth_mint(auth, &key.id, chance, key_text, &key.hash);
    key.scopes = SCOPE_READ;
    ck_assert(!auth_learn(auth, &key)); /* nobody has used it yet */
    const struct key *held = auth_check(auth, text(key_text));
    key.scopes = SCOPE_READ | SCOPE_WORK;
    ck_assert(!auth_learn(auth, &key));
    ck_assert(key_may(held, SCOPE_WORK));
    ck_assert(!key_may(held, SCOPE_START));
    key.scopes = SCOPE_WORK;
    ck_assert(auth_learn(auth, &key));
    ck_assert(!key_may(held, SCOPE_READ));
    key.revoked = true;
    ck_assert(auth_learn(auth, &key));
    ck_assert(!auth_learn(auth, &key));
    ck_assert(!key_may(held, SCOPE_WORK));
    ck_assert(!key_may(held, 0));
}
END_TEST

START_TEST(who_holds_a_key_of_a_deleted_project_stops_until_it_is_back)
{
    struct id other = id_fresh(0);
    ck_assert(!auth_learn_project(auth, &key.project, false));
    ck_assert(auth_learn_project(auth, &key.project, true));
    ck_assert(!auth_learn_project(auth, &key.project, true));
    ck_assert(auth_project_deleted(auth, &key.project));
    ck_assert(!auth_project_deleted(auth, &other));
    const struct key *held = auth_check(auth, text(key_text));
    ck_assert_ptr_nonnull(held); /* it is still known who asks */
    ck_assert(held->revoked);
    auth_learn(auth, &key);
    ck_assert(held->revoked);
    ck_assert(auth_learn_project(auth, &key.project, false));
    ck_assert(!held->revoked);
}
END_TEST

START_TEST(a_header_gives_its_key_if_it_is_a_bearer)
{
    ck_assert(bytes_equal(auth_bearer(text("Bearer abc")), text("abc")));
    ck_assert(bytes_equal(auth_bearer(text("bEARER abc")), text("abc")));
    ck_assert_uint_eq(auth_bearer(text("Basic abc")).size, 0);
    ck_assert_uint_eq(auth_bearer(text("Bearer ")).size, 0);
    ck_assert_uint_eq(auth_bearer(text("Bearer")).size, 0);
    ck_assert_uint_eq(auth_bearer((struct bytes){ 0 }).size, 0);
}
END_TEST

Suite *
auth_suite(void)
{
    Suite *suite = suite_create("auth");
    TCase *tests = tcase_create("auth");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, the_text_that_was_minted_is_the_key);
    tcase_add_test(tests, every_other_text_is_none);
    tcase_add_test(tests, another_engines_secret_makes_other_keys);
    tcase_add_test(tests, a_revoked_key_is_none_and_others_stay);
    tcase_add_test(tests, keys_beyond_the_limit_are_not_learned);
    tcase_add_test(tests, managed_workers_have_a_key_for_work_and_for_one_life);
    tcase_add_test(tests, a_key_of_a_principal_may_do_what_both_may);
    tcase_add_test(tests, what_a_key_may_not_do_any_more_is_told);
    tcase_add_test(tests, who_holds_a_key_of_a_deleted_project_stops_until_it_is_back);
    tcase_add_test(tests, a_header_gives_its_key_if_it_is_a_bearer);
    suite_add_tcase(suite, tests);
    return suite;
}
