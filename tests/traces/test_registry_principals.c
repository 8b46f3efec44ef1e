/* Goal: of principals and roles just what is right is kept, nobody holds more than the
 * limits say, and lists show what there is.
 * Method: each rule broken by one request; as many rows as a limit allows, and one
 * more.
 */
#include "base/pack.h"
#include "tests/traces/registry_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

static const uint8_t hash[HASH_SIZE] = { 1 };

static void
set_principal(struct trace *t, unsigned n, struct principal_set set)
{
    set.request = 2;
    set.principal = registry_id(n);
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = PRINCIPAL_SET, .principal_set = set });
}

static void
make_principal(struct trace *t, unsigned n, const char *roles)
{
    set_principal(t, n,
        (struct principal_set){
            .create = 1, .name = text("ci"), .roles = text(roles), .by = text("ann") });
}

static void
set_role(struct trace *t, const char *id, struct role_set set)
{
    set.request = 1;
    set.role = text(id);
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = ROLE_SET, .role_set = set });
}

/* The role `role_N` named rN. */
static void
make_role(struct trace *t, unsigned n)
{
    char id[16], name[16];
    snprintf(id, sizeof id, "role_%u", n);
    snprintf(name, sizeof name, "r%u", n);
    set_role(t, id,
        (struct role_set){ .create = 1, .name = text(name), .scopes = SCOPE_READ });
}

static void
assign(struct trace *t, unsigned n, const char *role, bool remove)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = ROLE_ASSIGN,
            .role_assign = { 4, registry_id(n), text(role), text("ann"), remove } });
}

static void
make_key(struct trace *t, unsigned n, uint32_t scopes, unsigned principal)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_CREATE,
            .key_create = { .request = 3,
                .key = registry_id(n),
                .name = text("lone"),
                .hash = bytes_of(hash, HASH_SIZE),
                .scopes = scopes,
                .principal =
                    principal == 0 ? (struct id){ { 0 } } : registry_id(principal) } });
}

static void
look(struct trace *t, struct principal_list asked)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = PRINCIPAL_LIST, .principal_list = asked });
}

/* The document about principal `n`, or of all if 0. */
static struct bytes
list(struct trace *t, unsigned n)
{
    struct principal_list asked = { .request = 8 };
    if (n > 0)
        asked.principal = registry_id(n);
    look(t, asked);
    return registry_document(t);
}

static size_t
listed(struct trace *t)
{
    struct cursor all = cursor_over(pack_find(list(t, 0), "items"));
    return cursor_array(&all);
}

START_TEST(what_is_wrong_with_a_principal_is_refused)
{
    static const char wrong[] =
        "description and owner must be texts of at most 1000 and 200 bytes, metadata "
        "and tags objects of at most 16384 bytes";
    static const char unnamed[] =
        "a principal needs a name of 1 to 200 bytes, without control characters";
    struct trace t;
    registry_open(&t);
    make_principal(&t, 1, "");
    trace_skip(&t);
    const struct principal_set changes[] = {
        { .description = registry_long_text(1001) },
        { .description = text("\x07") },
        { .owner = registry_long_text(201) },
        { .metadata = registry_long_map(16384) },
        { .metadata = text("\x07") },
        { .tags = registry_long_map(16384) },
        { .state = PRINCIPAL_DELETED + 1 },
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        set_principal(&t, 1, changes[i]);
        registry_expect_refused(&t, ERR_INVALID, wrong);
    }
    const struct bytes names[] = { text(""), text("ci\n"), text("ci\x7f"),
        bytes_of(registry_long_text(201).data + 2, 201) };
    for (size_t i = 0; i < COUNT(names); i++) {
        set_principal(&t, 2, (struct principal_set){ .create = 1, .name = names[i] });
        registry_expect_refused(&t, ERR_INVALID, unnamed);
    }
    set_principal(&t, 1, (struct principal_set){ .roles = text("\x07") });
    registry_expect_refused(&t, ERR_INVALID, "roles must be a list of texts");
    set_principal(&t, 1, (struct principal_set){ .roles = text("\x91\x07") });
    registry_expect_refused(
        &t, ERR_INVALID, "roles: there is no role of one of these ids or names");
    trace_expect_only(&t, "principal_changed", "");
    ck_assert_uint_eq(listed(&t), 1);
    trace_close(&t);
}
END_TEST

START_TEST(what_is_said_of_a_principal_stays_until_it_is_said_otherwise)
{
    struct trace t;
    registry_open(&t);
    make_principal(&t, 1, "\x92\xa6Viewer\xabrole_viewer");
    set_principal(&t, 1,
        (struct principal_set){ .description = text("\xa1"
                                                    "d"),
            .owner = text("\xa1o"),
            .metadata = text("\x81\xa1m\x01"),
            .tags = text("\x81\xa1t\x02") });
    t.now_ms = 2000;
    set_principal(
        &t, 1, (struct principal_set){ .owner = text("\xc0"), .tags = text("\xc0") });
    struct bytes shown = list(&t, 1);
    registry_expect_field(shown, "description", "'d'");
    registry_expect_field(shown, "owner", "null");
    registry_expect_field(shown, "metadata", "{m: 1}");
    registry_expect_field(shown, "tags", "{}");
    registry_expect_field(shown, "state", "'active'");
    registry_expect_field(shown, "updated_at", "'1970-01-01T00:00:02.000Z'");
    /* Named twice, held once, and since it was held first. */
    set_principal(&t, 1, (struct principal_set){ .roles = text("\x91\xa6Viewer") });
    registry_expect_field(list(&t, 1), "roles",
        "[{id: 'role_viewer', name: 'Viewer', by: 'ann', "
        "at: '1970-01-01T00:00:01.000Z'}]");
    trace_close(&t);
}
END_TEST

START_TEST(a_principal_is_made_once_and_as_many_as_keys_may_be)
{
    char project[16];
    struct trace t;
    registry_open(&t);
    t.config.keys_max = 1;
    make_principal(&t, 1, "");
    trace_skip(&t);
    make_principal(&t, 1, "");
    trace_expect(&t, "1000 -> gateway document request=2 document=(…) created=1\n");
    make_principal(&t, 2, "");
    registry_expect_refused(
        &t, ERR_BUSY, "there are as many principals as keys_max allows keys");
    /* Of another project as well, and of all together a hundred times as many. */
    for (unsigned n = 2; n <= 102; n++) {
        snprintf(project, sizeof project, "project%u", n);
        t.project = id_of_name(text(project));
        trace_skip(&t);
        make_principal(&t, n, "");
        if (n <= 100)
            trace_expect_only(&t, "-> gateway document",
                "1000 -> gateway document request=2 document=(…) created=1\n");
    }
    registry_expect_refused(
        &t, ERR_BUSY, "there are as many principals as keys_max allows keys");
    trace_close(&t);
}
END_TEST

START_TEST(a_key_without_a_principal_is_one_that_can_only_end)
{
    struct trace t;
    registry_open(&t);
    make_principal(&t, 1, "\x91\xa6Worker");
    make_key(&t, 2, SCOPE_READ, 0);
    make_key(&t, 3, SCOPE_READ | SCOPE_WORK, 0);
    make_key(&t, 4, SCOPE_WORK, 1);
    ck_assert_uint_eq(listed(&t), 3);
    struct bytes shown = list(&t, 2);
    registry_expect_field(shown, "key", "true");
    registry_expect_field(shown, "state", "'active'");
    registry_expect_field(shown, "roles",
        "[{id: 'role_viewer', name: 'Viewer', by: '', "
        "at: '1970-01-01T00:00:01.000Z'}]");
    registry_expect_field(list(&t, 3), "roles", "[]");
    registry_expect_field(list(&t, 3), "scopes", "['read', 'work']");
    look(&t, (struct principal_list){ 8, registry_id(4) });
    registry_expect_refused(&t, ERR_NOT_FOUND, "there is no such principal");
    look(&t, (struct principal_list){ 8, registry_id(5) });
    registry_expect_refused(&t, ERR_NOT_FOUND, "there is no such principal");
    assign(&t, 5, "Viewer", false);
    registry_expect_refused(&t, ERR_NOT_FOUND, "there is no such principal");
    set_principal(&t, 2, (struct principal_set){ .state = PRINCIPAL_DISABLED });
    registry_expect_refused(&t, ERR_CONFLICT,
        "this is a key without a principal: what it may do was said when it was made");
    set_principal(&t, 4, (struct principal_set){ .state = PRINCIPAL_DELETED });
    registry_expect_refused(&t, ERR_NOT_FOUND, "there is no such principal");
    trace_skip(&t);
    t.now_ms = 3000;
    set_principal(&t, 2, (struct principal_set){ .state = PRINCIPAL_DELETED });
    trace_expect_only(&t, "key_revoked", "3000 key_revoked key=AUT2\n");
    shown = list(&t, 2);
    registry_expect_field(shown, "state", "'deleted'");
    registry_expect_field(shown, "scopes", "[]");
    registry_expect_field(shown, "updated_at", "'1970-01-01T00:00:03.000Z'");
    set_principal(&t, 1, (struct principal_set){ .state = PRINCIPAL_DELETED });
    ck_assert_uint_eq(listed(&t), 1);
    registry_expect_field(list(&t, 1), "state", "'deleted'");
    trace_close(&t);
}
END_TEST

START_TEST(a_list_of_principals_and_keys_ends_at_its_limit)
{
    enum { LISTED_MAX = 2000, PRINCIPALS = 1500 };
    struct trace t;
    registry_open(&t);
    for (unsigned n = 1; n <= PRINCIPALS; n++)
        make_principal(&t, n, "");
    for (unsigned n = PRINCIPALS + 1; n <= LISTED_MAX + 1; n++)
        make_key(&t, n, SCOPE_READ, 0);
    ck_assert_uint_eq(listed(&t), LISTED_MAX);
    for (unsigned n = LISTED_MAX + 2; n <= LISTED_MAX + 502; n++)
        make_principal(&t, n, "");
    ck_assert_uint_eq(listed(&t), LISTED_MAX);
    struct cursor all = cursor_over(pack_find(registry_document(&t), "items"));
    size_t count = cursor_array(&all);
    for (size_t i = 0; i < count; i++)
        registry_expect_field(cursor_skip(&all), "key", "false");
    trace_close(&t);
}
END_TEST

static const char too_many[] = "a principal holds 16 roles at most, and a role of the "
                               "project has 100 holders at most";

START_TEST(a_principal_holds_sixteen_roles)
{
    enum { HELD_MAX = 16 };
    struct buffer roles = { 0 };
    struct trace t;
    registry_open(&t);
    pack_array(&roles, HELD_MAX + 1);
    for (unsigned n = 1; n <= HELD_MAX + 1; n++) {
        char name[16];
        make_role(&t, n);
        snprintf(name, sizeof name, "r%u", n);
        pack_string(&roles, name);
    }
    set_principal(&t, 1,
        (struct principal_set){
            .create = 1, .name = text("ci"), .roles = buffer_bytes(&roles) });
    registry_expect_refused(&t, ERR_BUSY, too_many);
    roles.data[2] = HELD_MAX; /* of an array of 16 bits */
    set_principal(&t, 1,
        (struct principal_set){ .create = 1,
            .name = text("ci"),
            .roles = bytes_of(roles.data, roles.size - 4) });
    assign(&t, 1, "r16", false);
    ck_assert_ptr_nonnull(trace_sent(&t, PRINCIPAL_OFFERED));
    assign(&t, 1, "r17", false);
    registry_expect_refused(&t, ERR_BUSY, too_many);
    assign(&t, 1, "r1", true);
    assign(&t, 1, "r17", false);
    struct cursor held = cursor_over(pack_find(registry_document(&t), "roles"));
    ck_assert_uint_eq(cursor_array(&held), HELD_MAX);
    buffer_free(&roles);
    trace_close(&t);
}
END_TEST

START_TEST(a_role_has_a_hundred_holders_and_the_deleted_are_none)
{
    enum { HOLDERS_MAX = 100 };
    struct trace t;
    registry_open(&t);
    make_role(&t, 1);
    for (unsigned n = 1; n <= HOLDERS_MAX; n++)
        make_principal(&t, n, "\x91\xa2r1");
    make_principal(&t, 200, "\x91\xa2r1");
    registry_expect_refused(&t, ERR_BUSY, too_many);
    make_principal(&t, 200, "\x91\xa6Viewer");
    assign(&t, 200, "r1", false);
    registry_expect_refused(&t, ERR_BUSY, too_many);
    /* Who holds it may go on to. */
    set_principal(&t, 7, (struct principal_set){ .roles = text("\x91\xa2r1") });
    registry_expect_field(registry_document(&t), "scopes", "['read']");
    set_principal(&t, 1, (struct principal_set){ .state = PRINCIPAL_DELETED });
    assign(&t, 200, "r1", false);
    registry_expect_field(registry_document(&t), "scopes", "['read']");
    registry_expect_field(list(&t, 1), "roles", "[]");
    trace_close(&t);
}
END_TEST

START_TEST(a_change_of_one_role_leaves_the_others_of_its_holder)
{
    struct trace t;
    registry_open(&t);
    make_role(&t, 1);
    make_principal(&t, 1, "\x92\xa2r1\xa6Worker");
    trace_skip(&t);
    set_role(&t, "r1", (struct role_set){ .scopes = SCOPE_START });
    trace_expect_only(&t, "principal_offered",
        "1000 -> gateway principal_offered principal=AUT1 scopes=6\n");
    set_role(&t, "role_1",
        (struct role_set){ .description = text("\xa1"
                                               "d"),
            .tags = text("\x81\xa1t\x01") });
    trace_expect_only(&t, "role_changed",
        "1000 role_changed role=role_1 name=r1 description=d scopes=2 tags=(…)\n");
    trace_close(&t);
}
END_TEST

START_TEST(what_is_wrong_with_a_role_is_refused)
{
    static const char unnamed[] =
        "a role needs permissions, and a name of 1 to 100 bytes, without control "
        "characters, that does not begin with role_";
    static const char wrong[] =
        "description must be a text of at most 1000 bytes, tags an object";
    struct trace t;
    registry_open(&t);
    make_role(&t, 1);
    trace_skip(&t);
    const struct bytes names[] = { text(""), text("\trelease"),
        bytes_of(registry_long_text(101).data + 2, 101), text("role_x") };
    for (size_t i = 0; i < COUNT(names); i++) {
        set_role(&t, "role_2",
            (struct role_set){ .create = 1, .name = names[i], .scopes = SCOPE_READ });
        registry_expect_refused(&t, ERR_INVALID, unnamed);
    }
    set_role(&t, "role_2", (struct role_set){ .create = 1, .name = text("r2") });
    registry_expect_refused(&t, ERR_INVALID, unnamed);
    set_role(&t, "role_2",
        (struct role_set){ .create = 1, .name = text("r1"), .scopes = SCOPE_READ });
    registry_expect_refused(&t, ERR_CONFLICT, "there is a role of this name");
    const struct role_set changes[] = { { .description = registry_long_text(1001) },
        { .tags = registry_long_map(4096) }, { .scopes = SCOPES_ALL + 1 } };
    for (size_t i = 0; i < COUNT(changes); i++) {
        set_role(&t, "role_1", changes[i]);
        registry_expect_refused(&t, ERR_INVALID, wrong);
    }
    set_role(&t, "Viewer", (struct role_set){ .scopes = SCOPE_WORK });
    registry_expect_refused(
        &t, ERR_CONFLICT, "this role is the engine's: it stays as it is");
    trace_expect_only(&t, "role_changed", "");
    trace_close(&t);
}
END_TEST

static void
list_roles(struct trace *t, struct bytes role)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = ROLE_LIST, .role_list = { 9, role } });
}

START_TEST(roles_are_found_by_id_and_by_name_and_there_are_two_hundred)
{
    enum { PRESETS = 6, ROLES_MAX = 200 };
    struct trace t;
    registry_open(&t);
    for (unsigned n = 1; n <= ROLES_MAX; n++)
        make_role(&t, n);
    make_role(&t, ROLES_MAX + 1);
    registry_expect_refused(&t, ERR_BUSY, "a project has 200 roles of its own at most");
    trace_skip(&t);
    make_role(&t, 7);
    trace_expect(&t, "1000 -> gateway document request=1 document=(…) created=1\n");
    list_roles(&t, text("r7"));
    registry_expect_field(registry_document(&t), "id", "'role_7'");
    registry_expect_field(registry_document(&t), "system", "false");
    registry_expect_field(registry_document(&t), "tags", "{}");
    list_roles(&t, text("role_viewer"));
    registry_expect_field(registry_document(&t), "name", "'Viewer'");
    registry_expect_field(registry_document(&t), "system", "true");
    const struct bytes strange[] = { text("r0"),
        bytes_of(registry_long_text(101).data + 2, 101) };
    for (size_t i = 0; i < COUNT(strange); i++) {
        list_roles(&t, strange[i]);
        registry_expect_refused(&t, ERR_NOT_FOUND, "there is no such role");
    }
    list_roles(&t, text(""));
    struct cursor all = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&all), PRESETS + ROLES_MAX);
    trace_close(&t);
}
END_TEST

Suite *
registry_principals_suite(void)
{
    Suite *suite = suite_create("registry principals");
    TCase *rules = tcase_create("rules");
    tcase_set_timeout(rules, 60);
    tcase_add_test(rules, what_is_wrong_with_a_principal_is_refused);
    tcase_add_test(rules, what_is_said_of_a_principal_stays_until_it_is_said_otherwise);
    tcase_add_test(rules, a_principal_is_made_once_and_as_many_as_keys_may_be);
    tcase_add_test(rules, a_key_without_a_principal_is_one_that_can_only_end);
    tcase_add_test(rules, a_list_of_principals_and_keys_ends_at_its_limit);
    tcase_add_test(rules, a_principal_holds_sixteen_roles);
    tcase_add_test(rules, a_role_has_a_hundred_holders_and_the_deleted_are_none);
    tcase_add_test(rules, a_change_of_one_role_leaves_the_others_of_its_holder);
    tcase_add_test(rules, what_is_wrong_with_a_role_is_refused);
    tcase_add_test(rules, roles_are_found_by_id_and_by_name_and_there_are_two_hundred);
    suite_add_tcase(suite, rules);
    return suite;
}
