#include "gateway/iii/state.h"

#include "base/put.h"
#include "gateway/iii/ask.h"
#include "gateway/iii/condition.h"
#include "gateway/iii/iii.h"
#include "gateway/iii/invoke.h"
#include "gateway/said.h"

#include <inttypes.h>
#include <stdio.h>

/* Lists come whole, or are refused: Python's client takes no frame above 1 MiB. */
enum {
    LIST_MAX = 10000,
    LIST_BYTES = 700 * 1024,
    ENTRIES_DEFAULT = 100,
    ENTRIES_MAX = 1000,
    ENTRIES_BYTES_MIN = 256,
    ENTRIES_BYTES_MAX = 8000000,
    CURSOR_SIZE_MAX = 160
};

/* ---- asking ---- */

/* A question for the trigger actor that has what was asked beside it; NULL: refused. */
static struct iii_question *
begin(struct iii_worker *caller, const struct iii_frame *asked, unsigned scope,
    enum message_code code)
{
    if ((caller->key->scopes & scope) == 0 || caller->key->revoked) {
        iii_refuse(caller, asked, "FORBIDDEN",
            text(scope == SCOPE_READ ? "the key may not read"
                                     : "the key may not change state"));
        return NULL;
    }
    struct iii_question *question =
        iii_question_new(caller, asked, code, ACTOR_trigger);
    if (question != NULL)
        question->asked.data = arena_copy(&question->arena, asked->data);
    return question;
}

static bool
is_map(struct bytes data)
{
    struct cursor c = cursor_over(data);
    return data.size > 0 && cursor_type(&c) == PACK_MAP;
}

/* False: it was refused, as lacking what this function takes. */
static bool
names(const struct iii_worker *caller, const struct iii_frame *asked, bool key)
{
    if (is_map(asked->data) && said_text(asked->data, "scope").size > 0
        && (!key || said_text(asked->data, "key").size > 0))
        return true;
    iii_refuse(caller, asked, "INVALID_ARGUMENTS",
        text(key ? "scope and key must be texts that are not empty"
                 : "scope must be a text that is not empty"));
    return false;
}

static struct bytes
scope_of(const struct iii_question *question)
{
    return said_text(question->asked.data, "scope");
}

static struct bytes
key_of(const struct iii_question *question)
{
    return said_text(question->asked.data, "key");
}

/* ---- answers ---- */

/* False: there is none, and the caller knows why. */
static bool
answered(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer, const char *code)
{
    if (answer->code == DOCUMENT)
        return true;
    if (answer->code != REFUSED)
        iii_refuse(caller, asked, code, text("no answer came"));
    else if (refused_err(&answer->refused) == ERR_TOO_LARGE)
        iii_refuse(
            caller, asked, "VALUE_TOO_LARGE", refused_sentence(&answer->refused));
    else
        iii_refuse(caller, asked, code, refused_sentence(&answer->refused));
    return false;
}

static void
answer_and_free(
    const struct iii_worker *caller, const struct iii_frame *asked, struct buffer *out)
{
    iii_answer(caller, asked, buffer_bytes(out));
    buffer_free(out);
}

static void
changed(const struct iii_worker *caller, const struct iii_frame *asked,
    struct bytes document)
{
    struct buffer out = { 0 };
    size_t failed;
    (void)said_items(document, "errors", &failed);
    pack_map(&out, failed > 0 ? 3 : 2);
    put_raw(&out, "old_value", pack_find(document, "old_value"));
    put_raw(&out, "new_value", pack_find(document, "value"));
    if (failed > 0)
        put_raw(&out, "errors", pack_find(document, "errors"));
    answer_and_free(caller, asked, &out);
}

static void
set_done(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    if (answered(caller, asked, answer, "SET_ERROR"))
        changed(caller, asked, answer->document.document);
}

static void
update_done(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    if (answered(caller, asked, answer, "UPDATE_ERROR"))
        changed(caller, asked, answer->document.document);
}

/* What is not there has no value; that is no error. */
static void
get_done(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    if (answer->code == REFUSED && refused_err(&answer->refused) == ERR_NOT_FOUND)
        iii_answer(caller, asked, (struct bytes){ 0 });
    else if (answered(caller, asked, answer, "GET_ERROR"))
        iii_answer(caller, asked, pack_find(answer->document.document, "value"));
}

static void
delete_done(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    if (answered(caller, asked, answer, "DELETE_ERROR"))
        iii_answer(caller, asked, pack_find(answer->document.document, "old_value"));
}

/* An array of what each item has under `name`; nothing if there are more. */
static void
pick(struct buffer *out, struct bytes document, const char *name)
{
    size_t count;
    struct cursor items = said_items(document, "items", &count);
    pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        pack_raw(out, pack_find(cursor_skip(&items), name));
}

static bool
is_whole(const struct iii_worker *caller, const struct iii_frame *asked,
    struct bytes document, const char *code)
{
    struct cursor more = cursor_over(pack_find(document, "has_more"));
    if (!cursor_bool(&more))
        return true;
    iii_refuse(caller, asked, code,
        text("there are more than fit into one answer: use state::list_entries, which "
             "has pages, or the HTTP API"));
    return false;
}

static void
list_done(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    struct buffer out = { 0 };
    if (!answered(caller, asked, answer, "LIST_ERROR")
        || !is_whole(caller, asked, answer->document.document, "LIST_ERROR"))
        return;
    pick(&out, answer->document.document, "value");
    answer_and_free(caller, asked, &out);
}

static void
answer_names(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer, const char *code, const char *list, const char *name)
{
    struct buffer out = { 0 };
    if (!answered(caller, asked, answer, code)
        || !is_whole(caller, asked, answer->document.document, code))
        return;
    pack_map(&out, 1);
    pack_string(&out, list);
    pick(&out, answer->document.document, name);
    answer_and_free(caller, asked, &out);
}

static void
list_keys_done(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    answer_names(caller, asked, answer, "LIST_ERROR", "keys", "key");
}

static void
list_groups_done(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    answer_names(caller, asked, answer, "LIST_GROUPS_ERROR", "groups", "scope");
}

/* ---- pages of entries ---- */

/* A cursor is how many entries are before it, ":", and the key of the last of them.
 * False: it is none. */
static bool
read_cursor(struct bytes cursor, uint64_t *offset, struct bytes *after)
{
    size_t i = 0;
    *offset = 0;
    *after = (struct bytes){ 0 };
    if (cursor.size == 0)
        return true;
    for (; i < cursor.size && i < 18 && cursor.data[i] >= '0' && cursor.data[i] <= '9';
         i++)
        *offset = *offset * 10 + (uint64_t)(cursor.data[i] - '0');
    if (i == 0 || i == cursor.size || cursor.data[i] != ':'
        || cursor.size > CURSOR_SIZE_MAX)
        return false;
    *after = bytes_of(cursor.data + i + 1, cursor.size - i - 1);
    return after->size > 0;
}

static void
put_cursor(struct buffer *out, uint64_t offset, struct bytes last)
{
    struct buffer cursor = { 0 };
    buffer_print(&cursor, "%" PRIu64 ":", offset);
    buffer_append_bytes(&cursor, last);
    pack_string(out, "next_cursor");
    if (last.size > 0)
        pack_text(out, buffer_bytes(&cursor));
    else
        pack_nil(out);
    buffer_free(&cursor);
}

static void
list_entries_done(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    struct bytes document = answer->document.document, before;
    struct buffer out = { 0 };
    uint64_t offset;
    size_t count;
    if (!answered(caller, asked, answer, "LIST_ERROR"))
        return;
    (void)read_cursor(said_text(asked->data, "cursor"), &offset, &before);
    struct cursor items = said_items(document, "items", &count);
    struct bytes next = said_text(document, "next_cursor");
    pack_map(&out, 5);
    pack_string(&out, "entries");
    pack_array(&out, count);
    for (size_t i = 0; i < count; i++) {
        struct bytes item = cursor_skip(&items);
        pack_array(&out, 2);
        pack_raw(&out, pack_find(item, "key"));
        pack_raw(&out, pack_find(item, "value"));
    }
    put_cursor(&out, offset + count, next);
    pack_string(&out, "done");
    pack_bool(&out, next.size == 0);
    pack_string(&out, "offset");
    pack_u64(&out, offset);
    pack_string(&out, "total");
    pack_u64(&out, said_number(document, "keys"));
    answer_and_free(caller, asked, &out);
}

/* A whole number of the data; false: it is none, or not in these bounds. */
static bool
read_bound(struct bytes data, const char *name, uint64_t min, uint64_t max,
    uint32_t otherwise, uint32_t *number)
{
    struct bytes found = pack_find(data, name);
    struct cursor c = cursor_over(found);
    *number = otherwise;
    if (found.size == 0 || cursor_type(&c) == PACK_NIL)
        return true;
    uint64_t said = cursor_u64(&c);
    *number = (uint32_t)said;
    return !c.bad && said >= min && said <= max;
}

/* ---- functions ---- */

void
iii_state_set(struct iii_worker *caller, const struct iii_frame *asked)
{
    if (!names(caller, asked, true))
        return;
    if (pack_find(asked->data, "value").size == 0
        && pack_find(asked->data, "data").size == 0) {
        iii_refuse(caller, asked, "INVALID_ARGUMENTS", text("value is missing"));
        return;
    }
    struct iii_question *q = begin(caller, asked, SCOPE_START, STATE_SET);
    if (q == NULL)
        return;
    struct bytes value = pack_find(q->asked.data, "value");
    q->message.state_set = (struct state_set){
        .scope = scope_of(q),
        .key = key_of(q),
        .value = value.size > 0 ? value : pack_find(q->asked.data, "data"),
    };
    q->done = set_done;
    iii_ask(q);
}

void
iii_state_update(struct iii_worker *caller, const struct iii_frame *asked)
{
    if (!names(caller, asked, true))
        return;
    struct iii_question *q = begin(caller, asked, SCOPE_START, STATE_UPDATE);
    if (q == NULL)
        return;
    q->message.state_update = (struct state_update){
        .scope = scope_of(q),
        .key = key_of(q),
        .ops = pack_or_nil(pack_find(q->asked.data, "ops")),
    };
    q->done = update_done;
    iii_ask(q);
}

void
iii_state_delete(struct iii_worker *caller, const struct iii_frame *asked)
{
    if (!names(caller, asked, true))
        return;
    struct iii_question *q = begin(caller, asked, SCOPE_START, STATE_DELETE);
    if (q == NULL)
        return;
    q->message.state_delete.scope = scope_of(q);
    q->message.state_delete.key = key_of(q);
    q->done = delete_done;
    iii_ask(q);
}

void
iii_state_get(struct iii_worker *caller, const struct iii_frame *asked)
{
    if (!names(caller, asked, true))
        return;
    struct iii_question *q = begin(caller, asked, SCOPE_READ, STATE_GET);
    if (q == NULL)
        return;
    q->message.state_get.scope = scope_of(q);
    q->message.state_get.key = key_of(q);
    q->done = get_done;
    iii_ask(q);
}

static void
ask_list(struct iii_worker *caller, const struct iii_frame *asked, bool values,
    void (*done)(const struct iii_worker *caller, const struct iii_frame *asked,
        const struct message *answer))
{
    if (!names(caller, asked, false))
        return;
    struct iii_question *q = begin(caller, asked, SCOPE_READ, STATE_LIST);
    if (q == NULL)
        return;
    q->message.state_list = (struct state_list){
        .scope = scope_of(q),
        .limit = LIST_MAX,
        .values = values,
        .bytes_max = LIST_BYTES,
    };
    q->done = done;
    iii_ask(q);
}

void
iii_state_list(struct iii_worker *caller, const struct iii_frame *asked)
{
    ask_list(caller, asked, true, list_done);
}

void
iii_state_list_keys(struct iii_worker *caller, const struct iii_frame *asked)
{
    ask_list(caller, asked, false, list_keys_done);
}

void
iii_state_list_groups(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct iii_question *q = begin(caller, asked, SCOPE_READ, SCOPE_LIST);
    if (q == NULL)
        return;
    q->message.scope_list.limit = LIST_MAX;
    q->done = list_groups_done;
    iii_ask(q);
}

void
iii_state_list_entries(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct bytes after;
    uint64_t offset;
    uint32_t limit, bytes_max;
    if (!names(caller, asked, false))
        return;
    if (!read_bound(asked->data, "limit", 1, ENTRIES_MAX, ENTRIES_DEFAULT, &limit)
        || !read_bound(asked->data, "max_bytes", ENTRIES_BYTES_MIN, ENTRIES_BYTES_MAX,
            LIST_BYTES, &bytes_max)) {
        iii_refuse(caller, asked, "INVALID_ARGUMENTS",
            text("limit is 1 to 1000, max_bytes 256 to 8000000"));
        return;
    }
    if (!read_cursor(said_text(asked->data, "cursor"), &offset, &after)) {
        iii_refuse(caller, asked, "INVALID_CURSOR",
            text("cursor must be the next_cursor of an earlier page"));
        return;
    }
    struct iii_question *q = begin(caller, asked, SCOPE_READ, STATE_LIST);
    if (q == NULL)
        return;
    (void)read_cursor(said_text(q->asked.data, "cursor"), &offset, &after);
    q->message.state_list = (struct state_list){
        .scope = scope_of(q),
        .after = after,
        .limit = limit,
        .values = 1,
        .bytes_max = bytes_max,
    };
    q->done = list_entries_done;
    iii_ask(q);
}

/* ---- the trigger type ---- */

static bool
text_or_nothing(struct bytes config, const char *name)
{
    struct bytes found = pack_find(config, name);
    struct cursor c = cursor_over(found);
    return found.size == 0 || cursor_type(&c) == PACK_NIL
           || cursor_type(&c) == PACK_TEXT;
}

bool
iii_state_bind(struct iii_entry *trigger, struct fault *fault)
{
    struct bytes config = trigger->said.config;
    if (text_or_nothing(config, "scope") && text_or_nothing(config, "key"))
        return iii_condition_fits(config, fault);
    (void)fault_set(fault, ERR_MALFORMED, "scope and key must be texts");
    return false;
}

static void
pack_told(struct buffer *out, const struct state_told *told)
{
    pack_map(out, 6);
    pack_string(out, "type");
    pack_string(out, "state");
    pack_string(out, "event_type");
    pack_string(out, told->new_value.size == 0   ? "state:deleted"
                     : told->old_value.size == 0 ? "state:created"
                                                 : "state:updated");
    pack_string(out, "scope");
    pack_text(out, told->scope);
    pack_string(out, "key");
    pack_text(out, told->key);
    put_raw(out, "old_value", told->old_value);
    put_raw(out, "new_value", told->new_value);
}

static bool
wants(const struct iii_entry *trigger, const struct state_told *told)
{
    struct bytes config = trigger->said.config;
    const struct key *whose = trigger->worker->key;
    struct bytes scope = said_text(config, "scope"), key = said_text(config, "key");
    /* What a key may do changes. */
    return bytes_equal(trigger->said.trigger_type, text("state"))
           && (whose == NULL || key_may(whose, SCOPE_READ))
           && (scope.size == 0 || bytes_equal(scope, told->scope))
           && (key.size == 0 || bytes_equal(key, told->key));
}

void
iii_state_told(struct iii *iii, const struct message *m)
{
    struct hub *hub = iii_hub_known(iii, &m->envelope.project);
    struct buffer data = { 0 };
    if (hub == NULL)
        return;
    struct list *all = &hub->entries[III_TRIGGER];
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_entry *trigger = LIST_OF(at, struct iii_entry, of_hub);
        if (!wants(trigger, &m->state_told))
            continue;
        if (data.size == 0)
            pack_told(&data, &m->state_told);
        iii_fire_if(trigger, buffer_bytes(&data));
    }
    buffer_free(&data);
}
