/* Goal: what a key may do follows from the roles of its principal as they are now, and
 * the gateway hears of each change with the fact that makes it.
 * Method: make, change, take away, begin anew; every word to the gateway is compared.
 */
#include "base/pack.h"
#include "tests/traces/registry_story.h"
#include "tests/traces/suites.h"

static const uint8_t hash[HASH_SIZE] = { 1 };

static void
set_role(struct trace *t, struct role_set set)
{
    set.role = text("role_a");
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = ROLE_SET, .role_set = set });
}

static void
make_role(struct trace *t, uint32_t scopes)
{
    set_role(
        t, (struct role_set){
               .request = 1, .create = 1, .name = text("Starter"), .scopes = scopes });
}

/* Principal 1 has the roles that a msgpack array names; nothing: as they were. */
static void
set_principal(struct trace *t, const char *roles, uint32_t state, bool create)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = PRINCIPAL_SET,
            .principal_set = { .request = 2,
                .principal = registry_id(1),
                .name = text(create ? "ci" : ""),
                .state = state,
                .roles = text(roles),
                .by = text("ann"),
                .create = create } });
}

static void
make_key(struct trace *t, const char *role, bool lone)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_CREATE,
            .key_create = { .request = 3,
                .key = registry_id(2),
                .name = text("ci"),
                .hash = bytes_of(hash, HASH_SIZE),
                .scopes = SCOPES_ALL,
                .principal = registry_id(1),
                .lone = lone,
                .role = text(role) } });
}

static void
assign(struct trace *t, const char *role, bool remove)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = ROLE_ASSIGN,
            .role_assign = { 4, registry_id(1), text(role), text("ann"), remove } });
}

static void
delete_role(struct trace *t, const char *role)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = ROLE_DELETE, .role_delete = { 5, text(role) } });
}

#define STARTER "\x91\xa7Starter"

static void
open_with_starter(struct trace *t, uint32_t scopes)
{
    registry_open(t);
    make_role(t, scopes);
    set_principal(t, STARTER, 0, true);
    trace_skip(t);
}

START_TEST(a_change_of_a_role_reaches_all_who_hold_it)
{
    struct trace t;
    registry_open(&t);
    make_role(&t, SCOPE_START);
    set_principal(&t, STARTER, 0, true);
    trace_expect(&t, "1000 role_changed role=role_a name=Starter scopes=2\n"
                     "1000 -> gateway document request=1 document=(…) created=1\n"
                     "1000 principal_changed principal=AUT1 name=ci state=1 roles=(…)\n"
                     "1000 -> gateway principal_offered principal=AUT1 scopes=2\n"
                     "1000 -> gateway document request=2 document=(…) created=1\n");
    registry_expect_field(registry_document(&t), "scopes", "['start']");
    registry_expect_field(registry_document(&t), "roles",
        "[{id: 'role_a', name: 'Starter', by: 'ann', "
        "at: '1970-01-01T00:00:01.000Z'}]");
    set_role(&t, (struct role_set){ .request = 6, .scopes = SCOPE_READ });
    trace_expect(&t, "1000 role_changed role=role_a name=Starter scopes=1\n"
                     "1000 -> gateway principal_offered principal=AUT1 scopes=1\n"
                     "1000 -> gateway document request=6 document=(…)\n");
    trace_crash(&t);
    trace_hello(&t, ACTOR_gateway, 0, 2);
    ck_assert_uint_eq(
        trace_sent(&t, PRINCIPAL_OFFERED)->principal_offered.scopes, SCOPE_READ);
    trace_close(&t);
}
END_TEST

START_TEST(a_role_that_is_deleted_is_taken_from_all_first)
{
    struct trace t;
    open_with_starter(&t, SCOPE_READ | SCOPE_START);
    assign(&t, "Worker", false);
    assign(&t, "Worker", false);
    trace_expect(&t, "1000 principal_changed principal=AUT1 name=ci state=1 roles=(…)\n"
                     "1000 -> gateway principal_offered principal=AUT1 scopes=7\n"
                     "1000 -> gateway document request=4 document=(…) created=1\n"
                     "1000 -> gateway principal_offered principal=AUT1 scopes=7\n"
                     "1000 -> gateway document request=4 document=(…)\n");
    delete_role(&t, "role_a");
    trace_expect(&t, "1000 principal_changed principal=AUT1 name=ci state=1 roles=(…)\n"
                     "1000 -> gateway principal_offered principal=AUT1 scopes=4\n"
                     "1000 role_deleted role=role_a\n"
                     "1000 -> gateway document request=5 document=(…)\n");
    assign(&t, "role_worker", true);
    ck_assert_uint_eq(trace_sent(&t, PRINCIPAL_OFFERED)->principal_offered.scopes, 0);
    trace_skip(&t);
    assign(&t, "role_worker", true);
    assign(&t, "role_a", false);
    delete_role(&t, "role_a");
    delete_role(&t, "Owner");
    trace_expect(&t,
        "1000 -> gateway refused request=4 err=5 detail=\"the principal does not hold "
        "this role\"\n"
        "1000 -> gateway refused request=4 err=5 detail=\"there is no such role\"\n"
        "1000 -> gateway refused request=5 err=5 detail=\"there is no such role\"\n"
        "1000 -> gateway refused request=5 err=7 detail=\"this role is the engine's: "
        "it stays as it is\"\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_key_may_do_what_its_principal_may_and_no_more_than_it_is_kept_to)
{
    struct trace t;
    open_with_starter(&t, SCOPE_READ | SCOPE_START);
    make_key(&t, "Viewer", false);
    trace_expect(&t,
        "1000 key_created key=AUT2 name=ci hash=… scopes=1 principal=AUT1\n"
        "1000 -> gateway key_offered key=AUT2 hash=… scopes=1 name=ci "
        "principal=AUT1\n"
        "1000 -> gateway document request=3 document=(…) created=1\n");
    registry_expect_field(registry_document(&t), "scopes", "['read']");
    assign(&t, "Starter", true);
    trace_skip(&t);
    trace_give(
        &t, ACTOR_gateway, 0, (struct message){ .code = KEY_LIST, .key_list = { 7 } });
    struct cursor keys = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&keys), 1);
    registry_expect_field(cursor_skip(&keys), "scopes", "[]");
    trace_close(&t);
}
END_TEST

START_TEST(a_key_needs_a_principal_that_holds_a_role)
{
    struct trace t;
    registry_open(&t);
    make_key(&t, "", false);
    set_principal(&t, "", 0, true);
    make_key(&t, "", false);
    make_key(&t, "None", true);
    trace_expect_only(&t, "refused",
        "1000 -> gateway refused request=3 err=2 detail=\"there is no such "
        "principal\"\n"
        "1000 -> gateway refused request=3 err=7 detail=\"the principal holds no role: "
        "the key could do nothing\"\n"
        "1000 -> gateway refused request=3 err=2 detail=\"there is no role that the "
        "key could be kept to by this id or name\"\n");
    make_key(&t, "", true);
    ck_assert_ptr_nonnull(trace_sent(&t, KEY_OFFERED));
    trace_close(&t);
}
END_TEST

START_TEST(a_disabled_principal_comes_back_and_a_deleted_one_does_not)
{
    struct trace t;
    open_with_starter(&t, SCOPE_READ);
    make_key(&t, "", false);
    trace_skip(&t);
    set_principal(&t, "", PRINCIPAL_DISABLED, false);
    set_principal(&t, "", PRINCIPAL_ACTIVE, false);
    set_principal(&t, "", PRINCIPAL_DELETED, false);
    set_principal(&t, "", PRINCIPAL_ACTIVE, false);
    assign(&t, "Worker", false);
    make_key(&t, "", false);
    trace_expect_only(&t, "-> gateway",
        "1000 -> gateway principal_offered principal=AUT1 barred=1\n"
        "1000 -> gateway document request=2 document=(…)\n"
        "1000 -> gateway principal_offered principal=AUT1 scopes=1\n"
        "1000 -> gateway document request=2 document=(…)\n"
        "1000 -> gateway principal_offered principal=AUT1 barred=1\n"
        "1000 -> gateway document request=2 document=(…)\n"
        "1000 -> gateway refused request=2 err=5 detail=\"there is no such "
        "principal\"\n"
        "1000 -> gateway refused request=4 err=5 detail=\"there is no such "
        "principal\"\n"
        "1000 -> gateway key_offered key=AUT2 hash=… scopes=15 name=ci "
        "principal=AUT1\n"
        "1000 -> gateway document request=3 document=(…)\n");
    trace_give(
        &t, ACTOR_gateway, 0, (struct message){ .code = KEY_LIST, .key_list = { 7 } });
    struct cursor keys = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&keys), 1);
    registry_expect_field(cursor_skip(&keys), "revoked", "true");
    trace_close(&t);
}
END_TEST

START_TEST(roles_and_principals_of_another_project_are_out_of_reach)
{
    struct trace t;
    open_with_starter(&t, SCOPE_READ);
    t.project = id_of_name(text("another"));
    set_principal(&t, "", PRINCIPAL_DISABLED, false);
    delete_role(&t, "Starter");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = PRINCIPAL_LIST, .principal_list = { 8, { { 0 } } } });
    registry_expect_field(registry_document(&t), "items", "[]");
    trace_expect_only(&t, "refused",
        "1000 -> gateway refused request=2 err=5 detail=\"there is no such "
        "principal\"\n"
        "1000 -> gateway refused request=5 err=5 detail=\"there is no such role\"\n");
    trace_close(&t);
}
END_TEST

static void
set_project(struct trace *t, struct project_set set)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = PROJECT_SET, .project_set = set });
}

START_TEST(a_project_is_deleted_when_nothing_starts_by_itself_and_comes_back)
{
    struct trace t;
    registry_open(&t);
    registry_apply_text(&t, 1, registry_greet_yaml, 3);
    registry_know_all(&t, 3, 1);
    trace_skip(&t);
    set_project(&t, (struct project_set){ .request = 5, .status = PROJECT_DELETED });
    trace_expect(&t,
        "1000 -> gateway refused request=5 err=7 detail=\"greet is active and has "
        "triggers: pause or archive what starts by itself first\"\n");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_SET,
            .automation_set = { 6, text("greet"), AUTOMATION_PAUSED, text("") } });
    trace_skip(&t);
    set_project(&t, (struct project_set){ .request = 7, .status = PROJECT_DELETED });
    trace_expect(&t, "1000 project_changed status=2\n"
                     "1000 -> gateway project_offered deleted=1\n"
                     "1000 -> gateway document request=7 document=(…)\n");
    trace_crash(&t);
    trace_hello(&t, ACTOR_gateway, 0, 2);
    ck_assert_uint_eq(trace_sent(&t, PROJECT_OFFERED)->project_offered.deleted, 1);
    trace_skip(&t);
    registry_apply_text(&t, 8, registry_greet_yaml, 3);
    make_role(&t, SCOPE_READ);
    set_project(&t, (struct project_set){ .request = 9, .name = text("\xa1x") });
    trace_expect_only(&t, "->",
        "1000 -> gateway refused request=8 err=5 detail=\"the project is deleted: who "
        "administers it may bring it back\"\n"
        "1000 -> gateway refused request=1 err=5 detail=\"the project is deleted: who "
        "administers it may bring it back\"\n"
        "1000 -> gateway refused request=9 err=5 detail=\"the project is deleted: who "
        "administers it may bring it back\"\n");
    set_project(&t, (struct project_set){ .request = 10, .status = PROJECT_ACTIVE });
    trace_expect(&t, "1000 project_changed status=1\n"
                     "1000 -> gateway project_offered\n"
                     "1000 -> gateway document request=10 document=(…) created=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_project_keeps_what_a_change_does_not_name)
{
    struct trace t;
    registry_open(&t);
    set_project(&t, (struct project_set){ .request = 1,
                        .name = text("\xa2no"),
                        .reference = text("\xa3"
                                          "crm") });
    set_project(&t, (struct project_set){ .request = 2, .description = text("\xa1y") });
    trace_expect_only(&t, "project_changed",
        "1000 project_changed name=no reference=crm status=1\n"
        "1000 project_changed name=no description=y reference=crm status=1\n");
    set_project(&t, (struct project_set){ .request = 3, .reference = text("\xa1z") });
    set_project(&t, (struct project_set){ .request = 4, .name = text("\x07") });
    trace_expect_only(&t, "refused",
        "1000 -> gateway refused request=3 err=7 detail=\"the project has another "
        "reference, which stays\"\n"
        "1000 -> gateway refused request=4 err=2 detail=\"name and reference must be "
        "texts of at most 100 bytes, the name without control characters, description "
        "one of 1000, tags an object\"\n");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = PROJECT_GET, .project_get = { 5 } });
    registry_expect_field(registry_document(&t), "name", "'no'");
    registry_expect_field(registry_document(&t), "deleted", "false");
    set_project(&t, (struct project_set){ .request = 6, .name = text("\xc0") });
    trace_expect_only(&t, "project_changed",
        "1000 project_changed description=y reference=crm status=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(what_is_wrong_with_a_project_is_refused)
{
    static const char wrong[] =
        "name and reference must be texts of at most 100 bytes, the name without "
        "control characters, description one of 1000, tags an object";
    struct trace t;
    registry_open(&t);
    const struct project_set changes[] = { { .name = registry_long_text(101) },
        { .name = text("\xa5no\nno") }, { .description = registry_long_text(1001) },
        { .reference = registry_long_text(101) }, { .tags = registry_long_map(4096) },
        { .status = PROJECT_DELETED + 1 } };
    for (size_t i = 0; i < COUNT(changes); i++) {
        set_project(&t, changes[i]);
        registry_expect_refused(&t, ERR_INVALID, wrong);
    }
    trace_expect_only(&t, "project_changed", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_project_is_quiet_when_what_is_active_starts_by_hand)
{
    static const char by_hand[] = "name: hand\n"
                                  "triggers:\n"
                                  "  - {key: m, kind: manual}\n"
                                  "  - {key: h, kind: schedule, interval: 1h, "
                                  "enabled: false}\n"
                                  "steps: [{kind: action, action: print}]\n";
    struct trace t;
    registry_open(&t);
    set_project(&t, (struct project_set){ .request = 1, .name = text("\xa1x") });
    registry_apply_text(&t, 2, by_hand, 1);
    registry_know_all(&t, 1, 1);
    trace_skip(&t);
    for (uint64_t request = 3; request < 5; request++)
        set_project(
            &t, (struct project_set){ .request = request, .status = PROJECT_DELETED });
    trace_expect_only(&t, "document",
        "1000 -> gateway document request=3 document=(…)\n"
        "1000 -> gateway document request=4 document=(…)\n");
    registry_expect_field(registry_document(&t), "deleted", "true");
    trace_close(&t);
}
END_TEST

START_TEST(what_is_wrong_with_a_key_is_refused)
{
    static const uint8_t other[HASH_SIZE] = { 2 };
    static const char wrong[] = "a key needs a name of 1 to 200 bytes, without control "
                                "characters, and scopes";
    const struct key_create right = { .key = registry_id(2),
        .name = text("ci"),
        .hash = bytes_of(hash, HASH_SIZE),
        .scopes = SCOPE_READ };
    struct key_create keys[10];
    for (size_t i = 0; i < COUNT(keys); i++)
        keys[i] = right;
    keys[7].name = bytes_of("ci\0x", 4);
    keys[8].name = text("ci\n");
    keys[9].name = text("ci\x7f");
    keys[0].key = (struct id){ { 0 } };
    keys[1].hash.size = HASH_SIZE - 1;
    keys[2].name = text("");
    keys[3].name = bytes_of(registry_long_text(201).data + 2, 201);
    keys[4].prefix = bytes_of(registry_long_text(33).data + 2, 33);
    keys[5].scopes = 0;
    keys[6].scopes = SCOPES_ALL + 1;
    struct trace t;
    registry_open(&t);
    for (size_t i = 0; i < COUNT(keys); i++) {
        trace_give(&t, ACTOR_gateway, 0,
            (struct message){ .code = KEY_CREATE, .key_create = keys[i] });
        registry_expect_refused(&t, ERR_INVALID, wrong);
    }
    trace_expect_only(&t, "key_created", "");
    keys[0] = right;
    for (size_t i = 0; i < 2; i++) {
        trace_give(&t, ACTOR_gateway, 0,
            (struct message){ .code = KEY_CREATE, .key_create = keys[0] });
        keys[0].hash = bytes_of(other, HASH_SIZE);
    }
    registry_expect_refused(&t, ERR_CONFLICT, "another key has this id");
    trace_close(&t);
}
END_TEST

START_TEST(a_key_ended_when_it_was_revoked_though_its_principal_ended_later)
{
    struct trace t;
    open_with_starter(&t, SCOPE_READ);
    make_key(&t, "", false);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_REVOKE, .key_revoke = { 6, registry_id(2) } });
    t.now_ms = 2000;
    set_principal(&t, "", PRINCIPAL_DELETED, false);
    trace_give(
        &t, ACTOR_gateway, 0, (struct message){ .code = KEY_LIST, .key_list = { 7 } });
    struct cursor keys = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&keys), 1);
    registry_expect_field(
        cursor_skip(&keys), "revoked_at", "'1970-01-01T00:00:01.000Z'");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_CREATE,
            .key_create = { .request = 8,
                .key = registry_id(3),
                .name = text("ci"),
                .hash = bytes_of(hash, HASH_SIZE),
                .scopes = SCOPE_READ,
                .principal = registry_id(1) } });
    registry_expect_refused(&t, ERR_INVALID, "there is no such principal");
    trace_close(&t);
}
END_TEST

/* Every way to leave nobody behind who may administer the project. */
static void
end_all(struct trace *t)
{
    static const char left[] = "no key of scope admin would be left in the project: "
                               "make another one before";
    const struct message ways[] = {
        { .code = KEY_REVOKE, .key_revoke = { 7, registry_id(2) } },
        { .code = PRINCIPAL_SET,
            .principal_set = { .request = 7,
                .principal = registry_id(1),
                .state = PRINCIPAL_DISABLED } },
        { .code = PRINCIPAL_SET,
            .principal_set = { .request = 7,
                .principal = registry_id(1),
                .state = PRINCIPAL_DELETED } },
        { .code = PRINCIPAL_SET,
            .principal_set = { .request = 7,
                .principal = registry_id(1),
                .roles = text("\x91\xa6Worker") } },
        { .code = ROLE_ASSIGN,
            .role_assign = { 7, registry_id(1), text("Starter"), text("ann"), 1 } },
        { .code = ROLE_SET,
            .role_set = { .request = 7,
                .role = text("role_a"),
                .scopes = SCOPE_READ } },
        { .code = ROLE_DELETE, .role_delete = { 7, text("role_a") } },
    };
    for (size_t i = 0; i < COUNT(ways); i++) {
        trace_skip(t);
        trace_give(t, ACTOR_gateway, 0, ways[i]);
        registry_expect_refused(t, ERR_CONFLICT, left);
    }
}

static void
make_alone(struct trace *t, unsigned n, uint32_t scopes)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_CREATE,
            .key_create = { .request = 3,
                .key = registry_id(n),
                .name = text("ci"),
                .hash = bytes_of(hash, HASH_SIZE),
                .scopes = scopes } });
}

static void
revoke(struct trace *t, unsigned n)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_REVOKE, .key_revoke = { 8, registry_id(n) } });
}

START_TEST(the_last_who_administers_a_project_stays)
{
    struct trace t;
    struct id mine;
    open_with_starter(&t, SCOPE_ADMIN | SCOPE_READ);
    make_key(&t, "", false);
    make_alone(&t, 3, SCOPE_READ | SCOPE_START);
    mine = t.project;
    t.project = id_of_name(text("another"));
    make_alone(&t, 4, SCOPES_ALL);
    t.project = mine;
    end_all(&t);
    /* What leaves it an administrator may be done, and what is none's to begin with. */
    set_role(&t, (struct role_set){ .request = 6, .scopes = SCOPE_ADMIN });
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.request, 6);
    revoke(&t, 3);
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.request, 8);
    /* Whoever cannot any more is no other one; nor whose principal cannot. */
    make_alone(&t, 5, SCOPES_ALL);
    revoke(&t, 5);
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.request, 8);
    revoke(&t, 5); /* asked again */
    end_all(&t);
    make_alone(&t, 6, SCOPES_ALL);
    assign(&t, "Starter", true);
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.request, 4);
    revoke(&t, 6);
    registry_expect_refused(&t, ERR_CONFLICT,
        "no key of scope admin would be left in the project: make another one before");
    /* Of a project that nobody administers, anything may go. */
    t.project = id_of_name(text("third"));
    make_alone(&t, 7, SCOPE_READ);
    revoke(&t, 7);
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.request, 8);
    trace_close(&t);
}
END_TEST

Suite *
registry_access_suite(void)
{
    Suite *suite = suite_create("registry access");
    TCase *rules = tcase_create("rules");
    tcase_add_test(rules, a_change_of_a_role_reaches_all_who_hold_it);
    tcase_add_test(rules, a_role_that_is_deleted_is_taken_from_all_first);
    tcase_add_test(
        rules, a_key_may_do_what_its_principal_may_and_no_more_than_it_is_kept_to);
    tcase_add_test(rules, a_key_needs_a_principal_that_holds_a_role);
    tcase_add_test(rules, a_disabled_principal_comes_back_and_a_deleted_one_does_not);
    tcase_add_test(rules, roles_and_principals_of_another_project_are_out_of_reach);
    tcase_add_test(
        rules, a_project_is_deleted_when_nothing_starts_by_itself_and_comes_back);
    tcase_add_test(rules, a_project_keeps_what_a_change_does_not_name);
    tcase_add_test(rules, what_is_wrong_with_a_project_is_refused);
    tcase_add_test(rules, a_project_is_quiet_when_what_is_active_starts_by_hand);
    tcase_add_test(rules, what_is_wrong_with_a_key_is_refused);
    tcase_add_test(rules, the_last_who_administers_a_project_stays);
    tcase_add_test(
        rules, a_key_ended_when_it_was_revoked_though_its_principal_ended_later);
    suite_add_tcase(suite, rules);
    return suite;
}
