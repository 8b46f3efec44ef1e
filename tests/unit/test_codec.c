/* Goal: every message survives the wire as it was, and nothing on the wire can do more
 * than be refused.
 * Method: each message of the catalogue, filled from its field table; then cut at each
 * byte, and changed at random. */
#include "transport/codec.h"

#include <check.h>
#include <stdlib.h>

static const uint8_t list[] = { 0x92, 0xa1, 'a', 0x01 };
static const uint8_t opaque[] = { 0x00, 0xff, 0x80, '"', '\n' };

static void
fill_field(const struct field *f, void *at)
{
    struct bytes *b = at;
    struct id id;
    switch (f->type) {
    case FIELD_u32: *(uint32_t *)at = UINT32_MAX - f->number; return;
    case FIELD_u64: *(uint64_t *)at = UINT64_MAX - f->number; return;
    case FIELD_id:
        id = id_of_name(text(f->name));
        memcpy(at, &id, sizeof id);
        return;
    case FIELD_text: *b = text("größer als “so”"); return;
    case FIELD_list: *b = bytes_of(list, sizeof list); return;
    case FIELD_blob:
    case FIELD_payload:
    case FIELD_secret: *b = bytes_of(opaque, sizeof opaque); return;
    }
}

static struct message
filled(enum message_code code)
{
    struct message m = { .code = code };
    const struct shape *shape = &message_shapes[code];
    m.envelope = (struct envelope){ .from = ACTOR_lease,
        .instance = 3,
        .epoch = UINT64_MAX,
        .sequence = 12345678901,
        .id = 7,
        .cause = 6,
        .partition = 255,
        .project = id_of_name(text("project")),
        .deadline_ms = 1700000000000,
        .trace = id_of_name(text("trace")) };
    for (size_t i = 0; i < shape->field_count; i++)
        fill_field(&shape->fields[i], m.body + shape->fields[i].offset);
    return m;
}

static bool
field_same(enum field_type type, const void *a, const void *b)
{
    if (type == FIELD_u32)
        return *(const uint32_t *)a == *(const uint32_t *)b;
    if (type == FIELD_u64)
        return *(const uint64_t *)a == *(const uint64_t *)b;
    if (type == FIELD_id)
        return id_equal(a, b);
    return bytes_equal(*(const struct bytes *)a, *(const struct bytes *)b);
}

static void
check_same(const struct message *a, const struct message *b)
{
    const struct shape *shape = &message_shapes[a->code];
    ck_assert_int_eq(a->code, b->code);
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *f = &shape->fields[i];
        ck_assert_msg(field_same(f->type, a->body + f->offset, b->body + f->offset),
            "%s.%s", shape->name, f->name);
    }
    const struct envelope *x = &a->envelope, *y = &b->envelope;
    ck_assert_int_eq(x->from, y->from);
    ck_assert_uint_eq(x->instance, y->instance);
    ck_assert_uint_eq(x->epoch, y->epoch);
    ck_assert_uint_eq(x->sequence, y->sequence);
    ck_assert_uint_eq(x->id, y->id);
    ck_assert_uint_eq(x->cause, y->cause);
    ck_assert_uint_eq(x->partition, y->partition);
    ck_assert_uint_eq(x->deadline_ms, y->deadline_ms);
    ck_assert(id_equal(&x->project, &y->project));
    ck_assert(id_equal(&x->trace, &y->trace));
}

#define MESSAGE(number, code_, name, kind, from, to, about) { code_ },
static const struct {
    enum message_code code;
} catalogue[] = {
#include "transport/messages.def"
};

START_TEST(every_message_travels_whole)
{
    struct message sent = filled(catalogue[_i].code), got;
    struct buffer wire = { 0 };
    got.again = true;
    codec_write(&sent, &wire);
    ck_assert_int_eq(codec_read(buffer_bytes(&wire), &got), ERR_NONE);
    check_same(&sent, &got);
    ck_assert_int_eq(got.to, ACTOR_nobody);
    ck_assert(!got.again);
    buffer_free(&wire);
}
END_TEST

START_TEST(every_message_travels_empty)
{
    struct message sent = { .code = catalogue[_i].code, .envelope.from = ACTOR_view },
                   got = filled(catalogue[_i].code);
    struct buffer wire = { 0 };
    codec_write(&sent, &wire);
    ck_assert_int_eq(codec_read(buffer_bytes(&wire), &got), ERR_NONE);
    check_same(&sent, &got);
    buffer_free(&wire);
}
END_TEST

/* In memory of its own size, so that a read behind its end is seen. */
static enum err
read_copy(struct bytes in, struct message *m, uint8_t **copy)
{
    *copy = malloc(in.size + (in.size == 0));
    ck_assert_ptr_nonnull(*copy);
    if (in.size > 0)
        memcpy(*copy, in.data, in.size);
    return codec_read(bytes_of(*copy, in.size), m);
}

START_TEST(every_message_that_is_cut_is_refused)
{
    struct message sent = filled(catalogue[_i].code), got;
    struct buffer wire = { 0 };
    uint8_t *copy;
    codec_write(&sent, &wire);
    for (size_t size = 0; size < wire.size; size++) {
        ck_assert_int_eq(
            read_copy(bytes_of(wire.data, size), &got, &copy), ERR_MALFORMED);
        free(copy);
    }
    buffer_append(&wire, "", 1);
    ck_assert_int_eq(read_copy(buffer_bytes(&wire), &got, &copy), ERR_MALFORMED);
    free(copy);
    buffer_free(&wire);
}
END_TEST

static uint32_t
chance(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* What was taken can be said again and means the same. */
static void
check_meaning(const struct message *got)
{
    struct buffer again = { 0 };
    struct message same;
    codec_write(got, &again);
    ck_assert_int_eq(codec_read(buffer_bytes(&again), &same), ERR_NONE);
    check_same(got, &same);
    codec_print(got, &again);
    buffer_free(&again);
}

START_TEST(every_message_that_is_changed_is_refused_or_harmless)
{
    struct message sent = filled(catalogue[_i].code), got;
    struct buffer wire = { 0 };
    uint32_t seed = (uint32_t)_i + 1;
    size_t taken = 0;
    for (int turn = 0; turn < 2000; turn++) {
        uint8_t *copy;
        buffer_clear(&wire);
        codec_write(&sent, &wire);
        for (uint32_t changes = 1 + chance(&seed) % 3; changes > 0; changes--)
            wire.data[chance(&seed) % wire.size] = (uint8_t)chance(&seed);
        enum err err = read_copy(buffer_bytes(&wire), &got, &copy);
        ck_assert(err == ERR_NONE || err == ERR_MALFORMED);
        if (err == ERR_NONE)
            check_meaning(&got);
        taken += err == ERR_NONE;
        free(copy);
    }
    ck_assert_uint_gt(taken, 0);
    ck_assert_uint_lt(taken, 2000);
    buffer_free(&wire);
}
END_TEST

/* An envelope of `fields` items from `from`, of the message `code`. */
static void
write_envelope(struct buffer *out, size_t fields, uint64_t from, uint64_t code)
{
    pack_array(out, fields);
    pack_u64(out, 1);
    pack_u64(out, code);
    pack_u64(out, 7);
    pack_u64(out, 0);
    pack_u64(out, from);
    for (int i = 0; i < 4; i++)
        pack_u64(out, 0);
    pack_blob(out, (struct bytes){ 0 });
    pack_u64(out, 0);
    pack_blob(out, (struct bytes){ 0 });
}

/* They are looked for from where their numbers say. */
START_TEST(the_numbers_of_fields_ascend_from_one)
{
    for (unsigned code = 1; code < MESSAGE_END; code++) {
        const struct shape *shape = &message_shapes[code];
        for (size_t f = 0; f < shape->field_count; f++)
            ck_assert_uint_gt(
                shape->fields[f].number, f == 0 ? 0 : shape->fields[f - 1].number);
    }
}
END_TEST

START_TEST(what_a_newer_release_says_more_is_passed_over)
{
    struct buffer wire = { 0 };
    struct message got;
    write_envelope(&wire, 14, ACTOR_registry, PLAN_KNOWN);
    pack_string(&wire, "more");
    pack_array(&wire, 1);
    pack_map(&wire, 0);
    pack_map(&wire, 3);
    pack_u64(&wire, 2);
    pack_u64(&wire, 9);
    pack_u64(&wire, 77);
    pack_array(&wire, 2);
    pack_nil(&wire);
    pack_double(&wire, 1.5);
    pack_u64(&wire, 3);
    pack_u64(&wire, 4);
    ck_assert_int_eq(codec_read(buffer_bytes(&wire), &got), ERR_NONE);
    ck_assert_uint_eq(got.plan_known.version, 9);
    ck_assert_uint_eq(got.plan_known.partition, 4);
    buffer_free(&wire);
}
END_TEST

static enum err
read_of(uint64_t from, uint64_t code)
{
    struct buffer wire = { 0 };
    struct message got;
    write_envelope(&wire, 12, from, code);
    pack_map(&wire, 0);
    enum err err = codec_read(buffer_bytes(&wire), &got);
    buffer_free(&wire);
    return err;
}

START_TEST(a_code_or_an_actor_that_does_not_exist_is_refused)
{
    ck_assert_int_eq(read_of(ACTOR_lease, HELLO), ERR_NONE);
    for (uint64_t code = 0; code <= MESSAGE_END + 1; code++) {
        bool exists = code < MESSAGE_END && message_shapes[code].name != NULL;
        ck_assert_int_eq(read_of(ACTOR_lease, code), exists ? ERR_NONE : ERR_MALFORMED);
    }
    ck_assert_int_eq(read_of(ACTOR_lease, HELLO + (1ULL << 32)), ERR_MALFORMED);
    ck_assert_int_eq(read_of(ACTOR_nobody, HELLO), ERR_MALFORMED);
    ck_assert_int_eq(read_of(ACTOR_any, HELLO), ERR_MALFORMED);
    ck_assert_int_eq(read_of(ACTOR_COUNT, HELLO), ERR_MALFORMED);
    for (unsigned beyond = 0; beyond < 3; beyond++) {
        struct message m = filled(HELLO), got;
        struct buffer wire = { 0 };
        if (beyond == 1)
            m.envelope.instance = PARTITIONS_MAX;
        if (beyond == 2)
            m.envelope.partition = PARTITIONS_MAX;
        codec_write(&m, &wire);
        ck_assert_int_eq(codec_read(buffer_bytes(&wire), &got),
            beyond == 0 ? ERR_NONE : ERR_MALFORMED);
        buffer_free(&wire);
    }
}
END_TEST

/* Whoever asks before it is written must not be told of less than comes. */
START_TEST(a_message_is_no_larger_than_it_says)
{
    for (unsigned code = 0; code < MESSAGE_END; code++) {
        if (message_shapes[code].name == NULL)
            continue;
        struct message m = filled((enum message_code)code);
        struct buffer wire = { 0 };
        codec_write(&m, &wire);
        ck_assert_uint_le(wire.size, message_size(&m));
        ck_assert_uint_le(message_size(&m), wire.size + 1024);
        buffer_free(&wire);
    }
}
END_TEST

START_TEST(a_question_carries_its_number)
{
    struct message plain = { .code = RUN_LIST }, asked = { .code = RUN_LIST };
    message_ask_again(&plain, 7);
    ck_assert_uint_eq(*(uint64_t *)(void *)plain.body, 7);
    for (unsigned code = 0; code < MESSAGE_END; code++) {
        const struct shape *shape = &message_shapes[code];
        if (shape->field_count == 0 || strcmp(shape->fields[0].name, "request") != 0)
            continue;
        bool question =
            shape->field_count > 1 && strcmp(shape->fields[1].name, "question") == 0;
        uint64_t second;
        memset(&asked, 0, sizeof asked);
        asked.code = (enum message_code)code;
        message_ask(&asked, 9);
        memcpy(&second, asked.body + sizeof second, sizeof second);
        ck_assert_uint_eq(*(uint64_t *)(void *)asked.body, 9);
        ck_assert_uint_eq(second, question ? 9 : 0);
    }
}
END_TEST

START_TEST(a_refusal_has_an_error_and_a_sentence)
{
    struct refused known = { .err = ERR_BUSY }, newer = { .err = ERR_COUNT },
                   none = { .err = ERR_NONE };
    ck_assert_int_eq(refused_err(&known), ERR_BUSY);
    ck_assert_int_eq(refused_err(&newer), ERR_CORRUPT);
    ck_assert_int_eq(refused_err(&none), ERR_CORRUPT);
    ck_assert(bytes_equal(refused_sentence(&known), text(err_sentence(ERR_BUSY))));
    known.detail = text("because");
    ck_assert(bytes_equal(refused_sentence(&known), text("because")));
}
END_TEST

START_TEST(what_has_no_name_is_unknown)
{
    ck_assert_str_eq(run_status_name(RUN_BROKEN), "failed");
    ck_assert_str_eq(run_status_name((enum run_status)0), "unknown");
    ck_assert_str_eq(run_status_name((enum run_status)99), "unknown");
    ck_assert_str_eq(automation_status_name(AUTOMATION_PAUSED), "paused");
    ck_assert_str_eq(automation_status_name((enum automation_status)99), "unknown");
    ck_assert_str_eq(automation_status_name((enum automation_status)0), "unknown");
    ck_assert_str_eq(actor_name_text(ACTOR_lease), "lease");
    ck_assert_str_eq(actor_name_text(ACTOR_COUNT), "unknown");
}
END_TEST

START_TEST(secrets_are_not_printed)
{
    struct message m = filled(KEY_OFFERED);
    struct buffer line = { 0 };
    m.key_offered.hash = text("hush");
    codec_print(&m, &line);
    buffer_append(&line, "", 1);
    ck_assert_ptr_null(strstr((const char *)line.data, "hush"));
    ck_assert_ptr_nonnull(strstr((const char *)line.data, "hash=…"));
    buffer_free(&line);
}
END_TEST

static const struct {
    enum actor_name from, to;
} wires[] = {
#define WIRE(from, to, about) { ACTOR_##from, ACTOR_##to },
#include "transport/wires.def"
};

static bool
wired(enum actor_name from, enum actor_name to)
{
    for (size_t i = 0; i < COUNT(wires); i++)
        if (wires[i].from == from && wires[i].to == to)
            return true;
    return false;
}

START_TEST(every_message_has_a_wire_and_every_command_one_back)
{
    const struct route *route = &message_routes[catalogue[_i].code];
    if (route->from == ACTOR_any || route->to == ACTOR_any || route->to == ACTOR_nobody)
        return;
    ck_assert(wired(route->from, route->to));
    if (route->kind == COMMAND)
        ck_assert(wired(route->to, route->from));
}
END_TEST

START_TEST(every_wire_carries_a_message)
{
    bool used = false;
    for (size_t i = 0; i < COUNT(catalogue); i++) {
        const struct route *route = &message_routes[catalogue[i].code];
        used |= route->from == wires[_i].from && route->to == wires[_i].to;
        /* What any actor may answer, to who asked it. */
        used |= route->from == ACTOR_any && route->to == wires[_i].to
                && wired(wires[_i].to, wires[_i].from);
        /* Whoever is told notes must be able to ask for them again: HELLO. */
        used |= route->kind == NOTE && route->from == wires[_i].to
                && route->to == wires[_i].from;
    }
    ck_assert(used);
}
END_TEST

START_TEST(facts_have_one_sender_and_replies_somebody_to_hear_them)
{
    const struct route *route = &message_routes[catalogue[_i].code];
    if (route->kind == FACT || route->kind == NOTE)
        ck_assert(route->from != ACTOR_any || route->to == ACTOR_nobody);
    if (route->kind == REPLY)
        ck_assert_int_ne(route->to, ACTOR_nobody);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("codec");
    TCase *tests = tcase_create("codec");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_message_travels_whole, 0, COUNT(catalogue));
    tcase_add_loop_test(tests, every_message_travels_empty, 0, COUNT(catalogue));
    tcase_add_loop_test(
        tests, every_message_that_is_cut_is_refused, 0, COUNT(catalogue));
    tcase_add_loop_test(tests, every_message_that_is_changed_is_refused_or_harmless, 0,
        COUNT(catalogue));
    tcase_add_test(tests, the_numbers_of_fields_ascend_from_one);
    tcase_add_test(tests, what_a_newer_release_says_more_is_passed_over);
    tcase_add_test(tests, a_code_or_an_actor_that_does_not_exist_is_refused);
    tcase_add_test(tests, a_message_is_no_larger_than_it_says);
    tcase_add_test(tests, a_question_carries_its_number);
    tcase_add_test(tests, a_refusal_has_an_error_and_a_sentence);
    tcase_add_test(tests, what_has_no_name_is_unknown);
    tcase_add_test(tests, secrets_are_not_printed);
    tcase_add_loop_test(tests, every_message_has_a_wire_and_every_command_one_back, 0,
        COUNT(catalogue));
    tcase_add_loop_test(tests, every_wire_carries_a_message, 0, COUNT(wires));
    tcase_add_loop_test(tests, facts_have_one_sender_and_replies_somebody_to_hear_them,
        0, COUNT(catalogue));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
