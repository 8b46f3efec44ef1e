#include "gateway/session.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/pack.h"
#include "base/wrong.h"

#include <stdlib.h>

/* A lease that the worker does not name twice never reached it. */
enum { UNSAID_MAX = 2 };

/* Requests of sessions and of the bridge are told apart by the highest bit. */
static const uint64_t session_bit = (uint64_t)1 << 63;

void
sessions_open(struct sessions *sessions, size_t count_max)
{
    *sessions = (struct sessions){ .count_max = count_max };
    list_open(&sessions->all);
    sessions->serial = clock_unix_ms() << 16;
}

void
sessions_free(struct sessions *sessions)
{
    struct list *at;
    while ((at = list_first(&sessions->all)) != NULL) {
        struct session *session = LIST_OF(at, struct session, link);
        session_free(sessions, &session);
    }
    map_free(&sessions->by_id);
    map_free(&sessions->by_number);
}

static struct bytes
number_key(const uint64_t *number)
{
    return bytes_of(number, sizeof *number);
}

struct session *
session_new(struct sessions *sessions, const struct voice *voice, void *own)
{
    if (sessions->count == sessions->count_max)
        return NULL;
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL)
        WRONG("out of memory");
    session->voice = voice;
    session->own = own;
    session->number = session_bit | ++sessions->serial;
    list_open(&session->held_all);
    list_append(&sessions->all, &session->link);
    map_put(&sessions->by_number, number_key(&session->number), session);
    gauge(COUNTER_sessions, ++sessions->count);
    return session;
}

static void
forget_id(struct sessions *sessions, struct session *session)
{
    if (session_with_id(sessions, &session->id) == session)
        map_remove(&sessions->by_id, id_bytes(&session->id));
}

static void
drop(struct sessions *sessions, struct session *session, struct held *held)
{
    map_remove(&session->held, bytes_of(held->token, TOKEN_SIZE));
    list_remove(&held->link);
    free(held);
    sessions->busy_count -= list_empty(&session->held_all);
}

static void
drop_everything(struct sessions *sessions, struct session *session)
{
    struct list *at;
    while ((at = list_first(&session->held_all)) != NULL)
        drop(sessions, session, LIST_OF(at, struct held, link));
}

void
session_free(struct sessions *sessions, struct session **out)
{
    struct session *session = *out;
    drop_everything(sessions, session);
    forget_id(sessions, session);
    map_remove(&sessions->by_number, number_key(&session->number));
    list_remove(&session->link);
    gauge(COUNTER_sessions, --sessions->count);
    map_free(&session->held);
    buffer_free(&session->words);
    free(session);
    *out = NULL;
}

struct session *
session_with_id(const struct sessions *sessions, const struct id *id)
{
    return map_get(&sessions->by_id, id_bytes(id));
}

struct session *
session_numbered(const struct sessions *sessions, uint64_t number)
{
    return map_get(&sessions->by_number, number_key(&number));
}

/* It says that it holds this; whoever reads nothing can say so too. */
static void
learn(struct sessions *sessions, struct session *session, struct bytes token)
{
    session_hold(sessions, session, token);
    struct held *held = token.size > 0 ? map_get(&session->held, token) : NULL;
    if (held != NULL)
        held->named = true;
}

/* Copy the texts of `said` behind each other, and let the session's point there. */
static void
keep_words(struct session *session, const struct worker_description *said)
{
    enum { TEXTS = sizeof *said / sizeof(struct bytes) };
    struct bytes texts[TEXTS];
    struct buffer words = { 0 };
    size_t at = 0;
    memcpy(texts, said, sizeof texts);
    for (size_t i = 0; i < TEXTS; i++)
        buffer_append_bytes(&words, texts[i]);
    for (size_t i = 0; i < TEXTS; i++) {
        texts[i].data = words.data + at;
        at += texts[i].size;
    }
    memcpy(&session->said, texts, sizeof texts);
    /* Only now: some of `said` may have been its own. */
    buffer_free(&session->words);
    session->words = words;
}

void
session_describe(struct sessions *sessions, struct session *session,
    const struct worker_description *said, struct bytes token, struct bytes held)
{
    keep_words(session, said);
    session->state = SESSION_ASKED;
    if (token.size > 0 && token.size <= SESSION_TOKEN_MAX) {
        memmove(session->token, token.data, token.size);
        session->token_size = token.size;
    }
    session_learn(sessions, session, held);
    session_compare(sessions, session, held);
}

void
session_know(struct sessions *sessions, struct session *session, const struct id *id,
    struct bytes token)
{
    forget_id(sessions, session);
    session->id = *id;
    session->state = SESSION_KNOWN;
    map_put(&sessions->by_id, id_bytes(&session->id), session);
    session->token_size =
        token.size < SESSION_TOKEN_MAX ? token.size : SESSION_TOKEN_MAX;
    if (session->token_size > 0)
        memcpy(session->token, token.data, session->token_size);
}

void
session_touch(struct sessions *sessions, struct session *session, uint64_t now_ms)
{
    session->heard_ms = now_ms;
    list_remove(&session->link);
    list_append(&sessions->all, &session->link);
}

void
session_hold(struct sessions *sessions, struct session *session, struct bytes token)
{
    if (token.size != TOKEN_SIZE || map_get(&session->held, token) != NULL)
        return;
    struct held *held = calloc(1, sizeof *held);
    if (held == NULL)
        WRONG("out of memory");
    memcpy(held->token, token.data, TOKEN_SIZE);
    sessions->busy_count += list_empty(&session->held_all);
    list_append(&session->held_all, &held->link);
    map_put(&session->held, bytes_of(held->token, TOKEN_SIZE), held);
}

bool
session_may_tell(struct session *session, size_t size)
{
    if (size <= SMALL_FRAME)
        return true;
    if (session->unread > 0 && session->unread + size > UNREAD_MAX)
        return false;
    session->unread += size;
    return true;
}

void
session_named(struct session *session, struct bytes token)
{
    struct held *held = token.size > 0 ? map_get(&session->held, token) : NULL;
    if (held == NULL)
        return;
    held->unsaid = 0;
    if (!held->named)
        session->unread = 0;
    held->named = true;
}

void
session_drop(struct sessions *sessions, struct session *session, struct bytes token)
{
    struct held *held = token.size > 0 ? map_get(&session->held, token) : NULL;
    if (held != NULL)
        drop(sessions, session, held);
}

void
session_drop_all(
    struct sessions *sessions, struct session *session, struct bytes tokens)
{
    struct cursor c = cursor_over(tokens);
    size_t count = tokens.size > 0 ? cursor_array(&c) : 0;
    for (size_t i = 0; i < count && !c.bad; i++)
        session_drop(sessions, session, cursor_blob(&c));
}

static void
name_all(struct session *session, struct bytes tokens)
{
    struct cursor c = cursor_over(tokens);
    size_t count = tokens.size > 0 ? cursor_array(&c) : 0;
    for (size_t i = 0; i < count && !c.bad; i++)
        session_named(session, cursor_blob(&c));
}

void
session_learn(struct sessions *sessions, struct session *session, struct bytes tokens)
{
    struct cursor c = cursor_over(tokens);
    size_t count = tokens.size > 0 ? cursor_array(&c) : 0;
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct bytes token = cursor_blob(&c);
        session_named(session, token);
        learn(sessions, session, token);
    }
}

void
session_compare(struct sessions *sessions, struct session *session, struct bytes tokens)
{
    struct list *next;
    for (struct list *at = session->held_all.next; at != &session->held_all;
         at = at->next)
        LIST_OF(at, struct held, link)->unsaid++;
    name_all(session, tokens);
    for (struct list *at = session->held_all.next; at != &session->held_all;
         at = next) {
        struct held *held = LIST_OF(at, struct held, link);
        next = at->next;
        if (held->unsaid >= UNSAID_MAX)
            drop(sessions, session, held);
    }
}

void
session_write_held(const struct session *session, struct buffer *out)
{
    pack_array(out, session->held.count);
    for (struct list *at = session->held_all.next; at != &session->held_all;
         at = at->next)
        pack_blob(out, bytes_of(LIST_OF(at, struct held, link)->token, TOKEN_SIZE));
}
