#include "tests/support/trace.h"

#include "actors/record.h"
#include "transport/codec.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* More turns than this without an end are a bug of the actor. */
enum { TURNS_MAX = 100000 };

static void
replace_names(const struct trace *t, struct buffer *line)
{
    buffer_append(line, "", 1);
    for (size_t i = 0; i < t->name_count; i++) {
        char *at;
        while ((at = strstr((char *)line->data, t->names[i].hex)) != NULL) {
            size_t hex = strlen(t->names[i].hex), name = strlen(t->names[i].name);
            memcpy(at, t->names[i].name, name);
            memmove(at + name, at + hex, strlen(at + hex) + 1);
        }
    }
    line->size = strlen((char *)line->data);
}

/* "(174 bytes)" becomes "(…)". */
static void
hide_sizes(struct buffer *line)
{
    static const char hidden[] = "…)", bytes[] = " bytes)";
    buffer_append(line, "", 1);
    for (char *at = (char *)line->data; (at = strchr(at, '(')) != NULL; at++) {
        size_t digits = strspn(at + 1, "0123456789");
        char *end = at + 1 + digits;
        if (digits == 0 || strncmp(end, bytes, strlen(bytes)) != 0)
            continue;
        end += strlen(bytes);
        memcpy(at + 1, hidden, strlen(hidden));
        memmove(at + 1 + strlen(hidden), end, strlen(end) + 1);
    }
    line->size = strlen((char *)line->data);
}

static void
write_down(const struct trace *t, const struct message *m)
{
    struct buffer line = { 0 };
    const struct route *route = &message_routes[m->code];
    buffer_print(&line, "%" PRIu64 " ", t->now_ms);
    bool leaves = m->to != ACTOR_nobody
                  && (route->from == t->actor->name || route->from == ACTOR_any);
    if (leaves && m->to == ACTOR_scheduler)
        buffer_print(&line, "-> scheduler.%" PRIu32 " ", m->to_instance);
    else if (leaves)
        buffer_print(&line, "-> %s ", actor_name_text(m->to));
    codec_print(m, &line);
    replace_names(t, &line);
    if (t->without_sizes)
        hide_sizes(&line);
    buffer_append_bytes(t->said, buffer_bytes(&line));
    buffer_append(t->said, "\n", 1);
    buffer_free(&line);
}

/* The shell: its state is the trace, whose `said` it fills. */
static void
shell_decide(
    const void *state, uint64_t now_ms, const struct message *in, struct outbox *out)
{
    const struct trace *t = state;
    t->actor->decide(t->state, now_ms, in, out);
    for (size_t i = 0; i < out->count; i++)
        write_down(t, &out->messages[i]);
}

static void
shell_tick(const void *state, uint64_t now_ms, struct outbox *out)
{
    const struct trace *t = state;
    t->actor->tick(t->state, now_ms, out);
    for (size_t i = 0; i < out->count; i++)
        write_down(t, &out->messages[i]);
}

static void
shell_apply(void *state, uint64_t at_ms, const struct message *m)
{
    struct trace *t = state;
    t->actor->apply(t->state, at_ms, m);
}

static void
shell_settle(void *state)
{
    const struct trace *t = state;
    if (t->actor->settle != NULL)
        t->actor->settle(t->state);
}

static uint64_t
shell_due(const void *state)
{
    const struct trace *t = state;
    return t->actor->due(t->state);
}

static uint64_t
world_now(void *self)
{
    const struct trace *t = self;
    return t->now_ms;
}

static bool
world_receive(void *self, uint64_t until_ms, struct message *in)
{
    struct trace *t = self;
    (void)until_ms;
    if (t->inbox_read == t->inbox_count)
        return false;
    ck_assert_int_eq(
        codec_read(buffer_bytes(&t->inbox[t->inbox_read++]), in), ERR_NONE);
    return true;
}

/* Keep a copy that outlives the turn. */
static void
world_send(void *self, const struct message *m)
{
    struct trace *t = self;
    struct buffer encoded = { 0 };
    struct message sent = *m;
    sent.envelope.from = t->actor->name;
    sent.envelope.instance = t->instance;
    codec_write(&sent, &encoded);
    struct bytes copy = arena_copy(&t->kept_arena, buffer_bytes(&encoded));
    buffer_free(&encoded);
    struct message *kept = &t->kept[t->kept_count++ % TRACE_KEPT_MAX];
    ck_assert_int_eq(codec_read(copy, kept), ERR_NONE);
    kept->to = m->to;
    kept->to_instance = m->to_instance;
}

/* What was received is gone: nobody may have kept a part of it. */
static void
world_flush(void *self)
{
    struct trace *t = self;
    size_t kept = t->inbox_count - t->inbox_read;
    for (size_t i = 0; i < t->inbox_read; i++) {
        memset(t->inbox[i].data, 0xa5, t->inbox[i].capacity);
        buffer_free(&t->inbox[i]);
    }
    memmove(t->inbox, t->inbox + t->inbox_read, kept * sizeof *t->inbox);
    memset(t->inbox + kept, 0, t->inbox_read * sizeof *t->inbox);
    t->inbox_count = kept;
    t->inbox_read = 0;
}

void
trace_make(struct trace *t, const struct actor *actor)
{
    *t = (struct trace){
        .actor = actor,
        .project = id_of_name(text("default")),
        .said = calloc(1, sizeof *t->said),
        .kept = calloc(TRACE_KEPT_MAX, sizeof *t->kept),
    };
    ck_assert_ptr_nonnull(t->said);
    ck_assert_ptr_nonnull(t->kept);
    config_default(&t->config);
    t->shell = (struct actor){
        .name = actor->name,
        .decide = shell_decide,
        .apply = shell_apply,
        .settle = shell_settle,
        .due = shell_due,
        .tick = shell_tick,
    };
}

static void *
open_state(struct trace *t, struct journal *journal)
{
    struct actor_setup setup = {
        .config = &t->config,
        .journal = journal,
        .zones = t->zones,
        .instance = t->instance,
    };
    memcpy(setup.secret, t->secret, SECRET_SIZE);
    void *state = calloc(1, t->actor->state_size);
    ck_assert_ptr_nonnull(state);
    t->actor->open(state, &setup);
    return state;
}

static struct journal *
open_journal(struct trace *t, struct memory_disk *disk)
{
    struct journal_options options = {
        .epoch = t->epoch,
        .memtable_bytes = 1 << 20,
        .block_cache_bytes = 1 << 20,
        .state_cache_bytes = 0, /* what was borrowed from a row is gone as well */
    };
    struct journal *journal;
    struct fault fault;
    ck_assert_int_eq(journal_open_memory(disk, &options, &journal, &fault), ERR_NONE);
    return journal;
}

static void
begin_life(struct trace *t)
{
    struct loop_options options = { .inline_max = t->config.inline_max };
    t->epoch += 1000000;
    options.epoch = t->epoch;
    if (!t->without_journal)
        t->journal = open_journal(t, t->disk);
    t->state = open_state(t, t->journal);
    t->world = (struct world){ t, world_now, world_receive, world_send, world_flush };
    loop_open(&t->loop, &t->shell, t, t->journal, &t->world, &options);
}

static void
end_life(struct trace *t)
{
    loop_close(&t->loop);
    t->actor->close(t->state);
    free(t->state);
    t->state = NULL;
    journal_close(&t->journal);
}

/* Until there is nothing to do now. */
static void
run(struct trace *t)
{
    size_t turns = 0;
    do {
        ck_assert_int_eq(loop_turn(&t->loop), ERR_NONE);
        ck_assert_msg(turns++ < TURNS_MAX, "the actor never comes to rest");
    } while (t->inbox_count > 0 || t->actor->due(t->state) <= t->now_ms);
}

void
trace_open(struct trace *t)
{
    if (!t->without_journal) {
        t->disk = memory_disk_new();
        ck_assert_ptr_nonnull(t->disk);
    }
    begin_life(t);
    run(t);
}

void
trace_restart(struct trace *t)
{
    end_life(t);
    begin_life(t);
    run(t);
}

void
trace_crash(struct trace *t)
{
    if (t->disk != NULL)
        memory_disk_crash(t->disk, 0);
    trace_restart(t);
}

void
trace_recorded(struct trace *t, struct message fact)
{
    struct field_blobs blobs = record_blobs(t->journal, t->config.inline_max);
    struct buffer record = { 0 };
    fact.envelope.project = t->project;
    ck_assert_uint_eq(record_write(&blobs, &fact, 1, &record), 1);
    journal_append(t->journal, t->now_ms, buffer_bytes(&record));
    t->actor->apply(t->state, t->now_ms, &fact);
    if (t->actor->settle != NULL)
        t->actor->settle(t->state);
    ck_assert_int_eq(journal_commit(t->journal, true), ERR_NONE);
    buffer_free(&record);
    trace_restart(t);
}

static bool
print_row(void *self, struct bytes key, struct bytes value)
{
    struct buffer *out = self;
    for (size_t i = 0; i < key.size; i++)
        buffer_print(out, "%02x", key.data[i]);
    buffer_print(out, "=");
    for (size_t i = 0; i < value.size; i++)
        buffer_print(out, "%02x", value.data[i]);
    buffer_print(out, "\n");
    return true;
}

static struct buffer
rows_of(struct journal *journal)
{
    struct buffer rows = { 0 };
    journal_scan(
        journal, (struct bytes){ 0 }, (struct bytes){ 0 }, false, print_row, &rows);
    buffer_append(&rows, "", 1);
    return rows;
}

/* Replaying the facts into an empty journal gives the same rows, byte for byte. */
static void
check_replay(struct trace *t)
{
    struct memory_disk *disk = memory_disk_new();
    struct journal *journal = open_journal(t, disk);
    void *state = open_state(t, journal);
    struct fault fault = { 0 };
    ck_assert_msg(loop_replay(t->actor, state, journal, t->journal, &fault) == ERR_NONE,
        "%s", fault.detail);
    struct buffer lived = rows_of(t->journal), replayed = rows_of(journal);
    ck_assert_str_eq((const char *)lived.data, (const char *)replayed.data);
    buffer_free(&lived);
    buffer_free(&replayed);
    t->actor->close(state);
    free(state);
    journal_close(&journal);
    memory_disk_free(&disk);
}

void
trace_close(struct trace *t)
{
    if (t->journal != NULL)
        check_replay(t);
    end_life(t);
    memory_disk_free(&t->disk);
    while (t->inbox_count > 0)
        buffer_free(&t->inbox[--t->inbox_count]);
    buffer_free(t->said);
    free(t->said);
    free(t->kept);
    arena_free(&t->kept_arena);
}

void
trace_name(struct trace *t, const struct id *id, const char *name)
{
    ck_assert_uint_lt(t->name_count, TRACE_NAMES_MAX);
    ck_assert_uint_lt(strlen(name), sizeof t->names->name);
    for (size_t i = 0; i < ID_SIZE; i++)
        snprintf(t->names[t->name_count].hex + 2 * i, 3, "%02x", id->bytes[i]);
    strcpy(t->names[t->name_count++].name, name);
}

void
trace_queue(struct trace *t, enum actor_name from, uint32_t instance, struct message m)
{
    ck_assert_uint_lt(t->inbox_count, TRACE_INBOX_MAX);
    m.envelope.from = from;
    m.envelope.instance = instance;
    if (m.envelope.epoch == 0)
        m.envelope.epoch = 1;
    m.envelope.id = ++t->given;
    m.envelope.sequence = t->given;
    if (m.code != HELLO && id_is_zero(&m.envelope.project))
        m.envelope.project = t->project;
    codec_write(&m, &t->inbox[t->inbox_count++]);
}

void
trace_give(struct trace *t, enum actor_name from, uint32_t instance, struct message m)
{
    trace_queue(t, from, instance, m);
    run(t);
}

void
trace_hello(struct trace *t, enum actor_name from, uint32_t instance, uint32_t resync)
{
    trace_give(t, from, instance,
        (struct message){ .code = HELLO, .hello = { .resync = resync } });
}

void
trace_wait(struct trace *t, uint64_t ms)
{
    uint64_t until_ms = t->now_ms + ms, due_ms;
    while ((due_ms = t->actor->due(t->state)) <= until_ms) {
        t->now_ms = due_ms > t->now_ms ? due_ms : t->now_ms;
        run(t);
    }
    t->now_ms = until_ms;
}

void
trace_skip(struct trace *t)
{
    buffer_clear(t->said);
}

void
trace_expect(struct trace *t, const char *said)
{
    buffer_append(t->said, "", 1);
    ck_assert_str_eq((const char *)t->said->data, said);
    trace_skip(t);
}

void
trace_expect_only(struct trace *t, const char *word, const char *said)
{
    struct buffer matching = { 0 };
    buffer_append(t->said, "", 1);
    for (char *at = (char *)t->said->data; *at != '\0';) {
        char *end = strchr(at, '\n');
        *end = '\0';
        if (strstr(at, word) != NULL)
            buffer_print(&matching, "%s\n", at);
        at = end + 1;
    }
    buffer_append(&matching, "", 1);
    ck_assert_str_eq((const char *)matching.data, said);
    buffer_free(&matching);
    trace_skip(t);
}

const struct message *
trace_sent(const struct trace *t, enum message_code code)
{
    size_t least = t->kept_count > TRACE_KEPT_MAX ? t->kept_count - TRACE_KEPT_MAX : 0;
    for (size_t i = t->kept_count; i-- > least;)
        if (t->kept[i % TRACE_KEPT_MAX].code == code)
            return &t->kept[i % TRACE_KEPT_MAX];
    ck_abort_msg("no %s was sent", message_shapes[code].name);
    return NULL;
}
