/* Webhooks: made, changed, listed.  Their keys exist in clear only here, for one
 * answer, and where a job is given to its worker. */
#include "gateway/native/webhooks.h"

#include "base/base64.h"
#include "base/clock.h"
#include "gateway/native/body.h"
#include "gateway/native/gathering.h"
#include "gateway/native/native.h"
#include "gateway/said.h"
#include "gateway/signing.h"

#include <sodium.h>

enum { LISTED_AT_ONCE = 1000, SECRET_TEXT_MAX = 64 };

/* One webhook through several questions. */
struct work {
    struct webhook webhook;
    struct bytes automation; /* its aut_… id */
    struct bytes body;
    char secret[SECRET_TEXT_MAX]; /* new, or empty */
    uint64_t secret_version;      /* its; others may have made a later one */
    bool enabled;                 /* as it is to be */
    unsigned tries;               /* others may change it at the same time */
    struct bytes document;        /* of the automation, as it was found */
    unsigned answer;              /* status of the answer */
    webhook_found *found;
};

static void
show(struct request *r, const struct webhook *webhook)
{
    struct work *work = r->own;
    struct webhook shown = *webhook;
    struct buffer out = { 0 };
    if (work->secret[0] != '\0')
        shown.secret_version = work->secret_version;
    webhook_write(&out, &shown, text(work->secret));
    request_document(r, work->answer, buffer_bytes(&out));
    sodium_memzero(work->secret, sizeof work->secret);
    sodium_memzero(out.data, out.size);
    buffer_free(&out);
}

/* ---- finding one ---- */

static struct message *
question(struct request *r, struct bytes name)
{
    struct message *m = request_message(r, AUTOMATION_GET, ACTOR_registry);
    m->automation_get.name = name;
    m->automation_get.definition = 1;
    return m;
}

static void
got(struct request *r, const struct message *answer)
{
    struct work *work = r->own;
    bool absent = answer->code == REFUSED && answer->refused.err == ERR_NOT_FOUND;
    if (answer->code != DOCUMENT && !absent)
        request_show(r, answer);
    else if (absent || !webhook_read(r, answer->document.document, &work->webhook))
        request_refuse(r, ERR_NOT_FOUND, "there is no such webhook in the project");
    else {
        work->document = arena_copy(&r->arena, answer->document.document);
        work->found(r, &work->webhook);
    }
}

static void
find(struct request *r, struct work *work, webhook_found *found)
{
    work->found = found;
    request_ask(r, question(r, work->automation), got);
}

static void
name_it(struct request *r, struct work *work, const struct id *id)
{
    char ours[ID_TEXT_MAX];
    work->automation = arena_copy(&r->arena, text(id_print(id, "aut_", ours)));
}

/* NULL: refused. */
static struct work *
work_on(struct request *r, struct bytes said)
{
    struct work *work = arena_take(&r->arena, sizeof *work);
    struct id id;
    if (id_read(said, "wbh_", &id) != ERR_NONE) {
        request_refuse(r, ERR_NOT_FOUND, "there is no such webhook in the project");
        return NULL;
    }
    name_it(r, work, &id);
    work->answer = 200;
    r->own = work;
    return work;
}

void
webhook_find(struct request *r, struct bytes id, webhook_found *found)
{
    struct work *work = work_on(r, id);
    if (work != NULL)
        find(r, work, found);
}

void
webhook_get(struct request *r, struct bytes id)
{
    webhook_find(r, id, show);
}

/* ---- changing it ---- */

static void
set(struct request *r, const struct work *work, enum automation_status status,
    void (*done)(struct request *r, const struct message *answer))
{
    struct message *m = request_message(r, AUTOMATION_SET, ACTOR_registry);
    m->automation_set.name = work->automation;
    m->automation_set.status = status;
    request_ask(r, m, done);
}

static void
enabled(struct request *r, const struct message *answer)
{
    struct work *work = r->own;
    if (answer->code == DOCUMENT)
        find(r, work, show);
    else
        request_show(r, answer);
}

static void
applied(struct request *r, const struct message *answer)
{
    struct work *work = r->own;
    if (native_overtaken(answer, &work->tries))
        find(r, work, work->found);
    else if (answer->code != DOCUMENT)
        request_show(r, answer);
    else if (work->enabled != work->webhook.enabled)
        set(r, work, work->enabled ? AUTOMATION_ACTIVE : AUTOMATION_PAUSED, enabled);
    else
        find(r, work, show);
}

static void
apply(struct request *r, struct work *work, bool new)
{
    struct message *m = request_message(r, AUTOMATION_APPLY, ACTOR_registry);
    m->automation_apply.definition = webhook_text(r, &work->webhook);
    m->automation_apply.automation = work->webhook.id;
    if (!new) {
        m->automation_apply.name = work->automation;
        native_apply_if(m, work->document);
    }
    request_ask(r, m, applied);
}

static void
make_key(struct request *r, struct work *work)
{
    uint8_t key[SIGNING_KEY_SIZE];
    struct buffer sealed = { 0 }, written = { 0 };
    chance_fill(key, sizeof key);
    signing_seal(r->gateway, &r->key->project, key, &sealed);
    base64_write(&written, bytes_of(key, sizeof key));
    memcpy(work->secret, written.data, written.size);
    work->webhook.sealed_key = arena_copy(&r->arena, buffer_bytes(&sealed));
    work->secret_version = ++work->webhook.secret_version;
    sodium_memzero(key, sizeof key);
    sodium_memzero(written.data, written.size);
    buffer_free(&sealed);
    buffer_free(&written);
}

static bool
read_body(struct request *r, struct work *work)
{
    static const char *const names[] = { "name", "url", "events", "enabled", "tags",
        NULL };
    return request_json(r, &work->body) && body_only(r, work->body, names);
}

/* As it is asked to be; `enabled` where nothing is said. */
static bool
read_enabled(struct request *r, struct work *work, bool otherwise)
{
    struct bytes found = pack_find(work->body, "enabled");
    bool absent = found.size == 0 || found.data[0] == 0xc0, said;
    if (!body_flag(r, work->body, "enabled", &said))
        return false;
    work->enabled = absent ? otherwise : said;
    return true;
}

void
webhook_create(struct request *r)
{
    struct work *work = arena_take(&r->arena, sizeof *work);
    r->own = work;
    work->answer = 201;
    work->webhook.id = id_fresh(0);
    work->webhook.enabled = true; /* what is applied is active */
    name_it(r, work, &work->webhook.id);
    if (!read_body(r, work) || !webhook_take(r, work->body, &work->webhook, true)
        || !read_enabled(r, work, true))
        return;
    make_key(r, work);
    apply(r, work, true);
}

static void
update(struct request *r, const struct webhook *webhook)
{
    struct work *work = r->own;
    if (webhook_take(r, work->body, &work->webhook, false)
        && read_enabled(r, work, webhook->enabled))
        apply(r, work, false);
}

void
webhook_update(struct request *r, struct bytes id)
{
    struct work *work = work_on(r, id);
    if (work != NULL && read_body(r, work))
        find(r, work, update);
}

static void
rotate(struct request *r, const struct webhook *webhook)
{
    struct work *work = r->own;
    work->enabled = webhook->enabled;
    make_key(r, work);
    apply(r, work, false);
}

void
webhook_rotate(struct request *r, struct bytes id)
{
    webhook_find(r, id, rotate);
}

static void
deleted(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        request_answer(r, 204, "", (struct bytes){ 0 });
    else
        request_show(r, answer);
}

static void delete (struct request *r, const struct webhook *webhook)
{
    (void)webhook;
    set(r, r->own, AUTOMATION_ARCHIVED, deleted);
}

void
webhook_delete(struct request *r, struct bytes id)
{
    webhook_find(r, id, delete);
}

/* ---- all of them ---- */

static bool
show_one(struct request *r, struct bytes document, struct buffer *out)
{
    struct webhook webhook;
    if (!webhook_read(r, document, &webhook))
        return false;
    webhook_write(out, &webhook, (struct bytes){ 0 });
    return true;
}

static void ask_page(struct request *r, struct bytes cursor);

static void
got_page(struct request *r, const struct message *answer)
{
    struct bytes page = answer->document.document;
    size_t count;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct cursor items = said_items(page, "items", &count);
    for (; count > 0; count--) {
        struct bytes item = cursor_skip(&items);
        if (webhook_is(said_text(item, "name")))
            gathering_add(r, said_text(item, "id"));
    }
    struct bytes next = said_text(page, "next_cursor");
    if (next.size > 0)
        ask_page(r, arena_copy(&r->arena, next));
    else
        gathering_ask(r);
}

static void
ask_page(struct request *r, struct bytes cursor)
{
    struct message *m = request_message(r, AUTOMATION_LIST, ACTOR_registry);
    m->automation_list.limit = LISTED_AT_ONCE;
    m->automation_list.cursor = cursor;
    request_ask(r, m, got_page);
}

void
webhook_list(struct request *r)
{
    struct gathering *gathering = gathering_new(r);
    gathering->question = question;
    gathering->show = show_one;
    ask_page(r, (struct bytes){ 0 });
}

/* ---- by our own paths ---- */

void
native_webhook_list(struct request *r)
{
    webhook_list(r);
}

void
native_webhook_create(struct request *r)
{
    webhook_create(r);
}

void
native_webhook_get(struct request *r)
{
    webhook_get(r, r->captures[0]);
}

void
native_webhook_update(struct request *r)
{
    webhook_update(r, r->captures[0]);
}

void
native_webhook_delete(struct request *r)
{
    webhook_delete(r, r->captures[0]);
}

void
native_webhook_rotate(struct request *r)
{
    if (body_empty(r))
        webhook_rotate(r, r->captures[0]);
}

void
native_webhook_ping(struct request *r)
{
    webhook_ping(r, r->captures[0]);
}

void
native_webhook_deliveries(struct request *r)
{
    webhook_deliveries(r, r->captures[0]);
}
