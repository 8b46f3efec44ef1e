#include "gateway/iii/letters.h"

#include "base/json_write.h"
#include "base/map.h"
#include "base/put.h"
#include "gateway/iii/invoke.h"
#include "gateway/iii/survey.h"
#include "gateway/said.h"

#include <stdio.h>

enum { LETTERS_DEFAULT = 50, LETTERS_MAX = 500, LETTERS_BYTES = 700 * 1024 };

/* The queue or topic that is asked for; false: it was refused. */
static bool
names(const struct iii_worker *caller, const struct iii_frame *asked,
    struct bytes *wanted)
{
    *wanted = said_text(asked->data, "queue");
    if (wanted->size == 0)
        *wanted = said_text(asked->data, "topic");
    if (wanted->size > 0 && wanted->size <= III_AUTOMATION_MAX)
        return true;
    iii_refuse(caller, asked, "INVALID_ARGUMENTS",
        text("queue or topic must be a text that is not empty"));
    return false;
}

/* ---- all dead letters of a queue ---- */

static void
ask_retry(struct iii_question *question, const struct id *run)
{
    struct message *m = iii_question_again(question, RUN_RETRY, ACTOR_scheduler);
    m->to_instance = id_partition(run);
    m->envelope.partition = m->to_instance;
    m->run_retry = (struct run_retry){
        .run = *run, .by = text("iii"), .reason = text("redriven")
    };
}

static void
retried(struct iii_survey *survey, struct bytes line, const struct message *answer)
{
    (void)line;
    survey->count += answer->code == RUN_ACCEPTED;
}

static void
all_retried(struct iii_survey *survey, const struct iii_worker *caller,
    const struct iii_frame *asked)
{
    struct buffer *out = &survey->out;
    pack_map(out, 2);
    put_text(out, "queue", survey->wanted);
    put_number(out, "redriven", survey->count);
    iii_answer(caller, asked, buffer_bytes(out));
}

void
iii_queue_redrive(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct iii_survey survey = {
        .failed = true,
        .most = UINT64_MAX,
        .ask = ask_retry,
        .said = retried,
        .done = all_retried,
    };
    if (names(caller, asked, &survey.wanted))
        iii_survey(caller, asked, SCOPE_START, &survey);
}

/* ---- a page of them ---- */

static void
ask_run(struct iii_question *question, const struct id *run)
{
    struct message *m = iii_question_again(question, RUN_GET, ACTOR_view);
    m->run_get.run = *run;
}

/* The attempts of the last step, which is the call. */
static uint64_t
attempts_of(struct bytes run)
{
    size_t count;
    struct cursor steps = said_items(run, "steps", &count);
    uint64_t attempts = 0;
    for (size_t i = 0; i < count && !steps.bad; i++)
        attempts = said_number(cursor_skip(&steps), "attempt");
    return attempts;
}

static void
pack_error(struct buffer *out, struct bytes error)
{
    struct buffer words = { 0 };
    buffer_append_bytes(&words, said_text(error, "type"));
    buffer_print(&words, ": ");
    buffer_append_bytes(&words, said_text(error, "message"));
    put_text(out, "error", buffer_bytes(&words));
    buffer_free(&words);
}

static void
letter_read(struct iii_survey *survey, struct bytes line, const struct message *answer)
{
    struct buffer *out = &survey->out, shown = { 0 };
    struct bytes run = answer->document.document;
    struct id id = said_id(line, "id", "run_");
    char printed[III_UUID_SIZE + 1];
    if (answer->code != DOCUMENT || out->size > LETTERS_BYTES)
        return;
    struct bytes payload = pack_or_nil(pack_find(pack_find(run, "inputs"), "data"));
    /* A letter that is not in the list would look as if it were none. */
    if (msgpack_to_json(payload, &shown) != ERR_NONE
        || out->size + shown.size > LETTERS_BYTES)
        payload = pack_or_nil((struct bytes){ 0 });
    iii_uuid_print(id.bytes, printed);
    survey->count++;
    pack_map(out, 6);
    put_text(out, "id", text(printed));
    pack_string(out, "payload");
    buffer_append_bytes(out, payload);
    pack_error(out, pack_find(line, "error"));
    pack_string(out, "failed_at");
    pack_raw(out, pack_or_nil(pack_find(line, "finished_at")));
    put_number(out, "retries", attempts_of(run));
    put_number(out, "size_bytes", shown.size);
    buffer_free(&shown);
}

static void
answer_list(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct buffer *items, uint64_t count)
{
    struct buffer out = { 0 };
    pack_array(&out, count);
    buffer_append_bytes(&out, buffer_bytes(items));
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

static void
letters_read(struct iii_survey *survey, const struct iii_worker *caller,
    const struct iii_frame *asked)
{
    answer_list(caller, asked, &survey->out, survey->count);
}

void
iii_queue_dead_letters(struct iii_worker *caller, const struct iii_frame *asked)
{
    uint64_t limit = said_number(asked->data, "limit");
    struct iii_survey survey = {
        .failed = true,
        .first = said_number(asked->data, "offset"),
        .most = limit == 0            ? LETTERS_DEFAULT
                : limit > LETTERS_MAX ? LETTERS_MAX
                                      : limit,
        .ask = ask_run,
        .said = letter_read,
        .done = letters_read,
    };
    if (names(caller, asked, &survey.wanted))
        iii_survey(caller, asked, SCOPE_READ, &survey);
}

/* ---- counts ---- */

struct sum {
    struct bytes name;
    uint64_t subscribers, found;
};

/* Of each name, in the order of their first automations. */
static size_t
add_up(const struct iii_survey *survey, struct sum *sums)
{
    struct map by_name = { 0 };
    size_t count = 0;
    for (size_t i = 0; i < survey->automation_count; i++) {
        const struct iii_surveyed *automation = &survey->automations[i];
        struct sum *sum = map_get(&by_name, automation->name);
        if (sum == NULL) {
            sum = &sums[count++];
            *sum = (struct sum){ .name = automation->name };
            map_put(&by_name, automation->name, sum);
        }
        sum->subscribers += automation->active;
        sum->found += automation->found;
    }
    map_free(&by_name);
    return count;
}

/* A row for each queue or topic, with `number` of it; those that have none only if
 * `all`. */
static void
answer_sums(struct iii_survey *survey, const struct iii_worker *caller,
    const struct iii_frame *asked, bool all)
{
    struct buffer room = { 0 };
    struct sum *sums =
        (void *)buffer_reserve(&room, survey->automation_count * sizeof *sums);
    size_t sum_count = add_up(survey, sums);
    uint64_t count = 0;
    for (const struct sum *sum = sums; sum < sums + sum_count; sum++) {
        if (!all && sum->found == 0)
            continue;
        pack_map(&survey->out, 3);
        put_text(&survey->out, all ? "name" : "topic", sum->name);
        put_text(&survey->out, "broker_type", text("builtin"));
        put_number(&survey->out, all ? "subscriber_count" : "message_count",
            all ? sum->subscribers : sum->found);
        count++;
    }
    buffer_free(&room);
    answer_list(caller, asked, &survey->out, count);
}

static void
topics_seen(struct iii_survey *survey, const struct iii_worker *caller,
    const struct iii_frame *asked)
{
    answer_sums(survey, caller, asked, true);
}

void
iii_queue_topics(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct iii_survey survey = { .done = topics_seen };
    iii_survey(caller, asked, SCOPE_READ, &survey);
}

static void
dead_counted(struct iii_survey *survey, const struct iii_worker *caller,
    const struct iii_frame *asked)
{
    answer_sums(survey, caller, asked, false);
}

void
iii_queue_dead_topics(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct iii_survey survey = { .failed = true, .done = dead_counted };
    iii_survey(caller, asked, SCOPE_READ, &survey);
}

static void
all_counted(struct iii_survey *survey, const struct iii_worker *caller,
    const struct iii_frame *asked)
{
    uint64_t depth = 0, dead = 0, consumers = 0;
    struct buffer *out = &survey->out;
    for (size_t i = 0; i < survey->automation_count; i++) {
        const struct iii_surveyed *automation = &survey->automations[i];
        depth += automation->open;
        dead += automation->found;
        consumers += hub_find(caller->hub, III_FUNCTION, automation->function) != NULL;
    }
    pack_map(out, 4);
    put_number(out, "depth", depth);
    put_number(out, "consumer_count", consumers);
    put_number(out, "dlq_depth", dead);
    pack_string(out, "config");
    pack_raw(out, pack_or_map(survey->settings));
    iii_answer(caller, asked, buffer_bytes(out));
}

void
iii_queue_stats(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct iii_survey survey = {
        .config = true, .failed = true, .open = true, .done = all_counted
    };
    if (names(caller, asked, &survey.wanted))
        iii_survey(caller, asked, SCOPE_READ, &survey);
}

/* ---- one dead letter ---- */

struct letter {
    struct bytes queue;
    char id[III_UUID_SIZE + 1];
    struct id run;
    bool discard, asked;
};

static void
answer_one(
    const struct iii_worker *caller, const struct iii_question *question, uint64_t done)
{
    const struct letter *letter = question->own;
    struct buffer out = { 0 };
    pack_map(&out, letter->discard ? 4 : 3);
    put_text(&out, "queue", letter->queue);
    put_text(&out, "message_id", text(letter->id));
    put_number(&out, "redriven", done);
    if (letter->discard)
        put_number(&out, "discarded", done);
    iii_answer(caller, &question->asked, buffer_bytes(&out));
    buffer_free(&out);
}

/* It must be of the queue, and dead. */
static bool
is_dead(const struct letter *letter, struct bytes run)
{
    enum iii_source source;
    struct bytes name, function;
    return iii_queue_parts(said_text(run, "automation"), &source, &name, &function)
           && bytes_equal(name, letter->queue)
           && bytes_equal(said_text(run, "status"), text("failed"));
}

static bool
move_one(struct iii_question *question, struct iii_worker *caller,
    const struct message *answer)
{
    struct letter *letter = question->own;
    if (iii_passing(answer)) {
        iii_refused(caller, &question->asked, &answer->refused);
        return false;
    }
    if (letter->asked || answer->code != DOCUMENT
        || !is_dead(letter, answer->document.document)) {
        answer_one(caller, question, letter->asked && answer->code == RUN_ACCEPTED);
        return false;
    }
    letter->asked = true;
    if (letter->discard) {
        struct message *m = iii_question_again(question, RUN_CANCEL, ACTOR_scheduler);
        m->to_instance = id_partition(&letter->run);
        m->envelope.partition = m->to_instance;
        m->run_cancel = (struct run_cancel){
            .run = letter->run,
            .reason = text("discarded"),
            .discard = 1,
            .by = text("iii"),
        };
    } else {
        ask_retry(question, &letter->run);
    }
    iii_ask(question);
    return true;
}

static bool
read_uuid(struct bytes uuid, struct id *id)
{
    size_t at = 0;
    if (!iii_uuid(uuid))
        return false;
    for (size_t i = 0; i < uuid.size && at < ID_SIZE; i++) {
        char pair[3] = { 0 };
        if (uuid.data[i] == '-')
            continue;
        memcpy(pair, uuid.data + i++, 2);
        unsigned value = 0;
        for (size_t digit = 0; digit < 2; digit++)
            value = value * 16
                    + (unsigned)(pair[digit] <= '9' ? pair[digit] - '0'
                                                    : pair[digit] - 'a' + 10);
        id->bytes[at++] = (uint8_t)value;
    }
    return at == ID_SIZE;
}

static void
one(struct iii_worker *caller, const struct iii_frame *asked, bool discard)
{
    struct letter letter = { .discard = discard };
    struct bytes id = said_text(asked->data, "message_id");
    if (!names(caller, asked, &letter.queue))
        return;
    if ((caller->key->scopes & SCOPE_START) == 0 || caller->key->revoked) {
        iii_refuse(caller, asked, "FORBIDDEN", text("the key may not do that"));
        return;
    }
    if (!read_uuid(id, &letter.run)
        || id_partition(&letter.run) >= caller->hub->gateway->child.config.schedulers) {
        iii_refuse(caller, asked, "INVALID_ARGUMENTS",
            text("message_id must be the id of a dead letter"));
        return;
    }
    struct iii_question *question =
        iii_question_new(caller, asked, RUN_GET, ACTOR_view);
    if (question == NULL)
        return;
    struct letter *own = arena_take(&question->arena, sizeof *own);
    memcpy(letter.id, id.data, III_UUID_SIZE);
    letter.queue = arena_copy(&question->arena, letter.queue);
    *own = letter;
    question->own = own;
    question->next = move_one;
    question->message.run_get.run = letter.run;
    iii_ask(question);
}

void
iii_queue_redrive_one(struct iii_worker *caller, const struct iii_frame *asked)
{
    one(caller, asked, false);
}

void
iii_queue_discard_one(struct iii_worker *caller, const struct iii_frame *asked)
{
    one(caller, asked, true);
}
