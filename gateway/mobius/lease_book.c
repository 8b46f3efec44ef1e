#include "gateway/mobius/lease_book.h"

#include "base/pack.h"
#include "base/wrong.h"

#include <stdlib.h>

enum { MESSAGE_IDS_MAX = 2048 /* bytes of them for one report */ };

void
lease_book_open(struct lease_book *book)
{
    *book = (struct lease_book){ 0 };
    list_open(&book->parked);
    list_open(&book->given);
    list_open(&book->reported);
    list_open(&book->beats);
}

static struct bytes
key_of(const struct leaf *leaf)
{
    return bytes_of(leaf->token, TOKEN_SIZE);
}

struct leaf *
lease_book_find(const struct lease_book *book, struct bytes token)
{
    return token.size == TOKEN_SIZE ? map_get(&book->leaves, token) : NULL;
}

static size_t *
count_of(struct lease_book *book, enum leaf_state state)
{
    switch (state) {
    case LEAF_PARKED: return &book->parked_count;
    case LEAF_GIVEN: return &book->given_count;
    case LEAF_REPORTED: return &book->reported_count;
    }
    WRONG("a leaf has no other state");
}

static struct list *
list_of(struct lease_book *book, enum leaf_state state)
{
    switch (state) {
    case LEAF_PARKED: return &book->parked;
    case LEAF_GIVEN: return &book->given;
    case LEAF_REPORTED: return &book->reported;
    }
    WRONG("a leaf has no other state");
}

static void
enter(
    struct lease_book *book, struct leaf *leaf, enum leaf_state state, uint64_t now_ms)
{
    leaf->state = state;
    leaf->heard_ms = now_ms;
    list_append(list_of(book, state), &leaf->link);
    ++*count_of(book, state);
}

static void
leave(struct lease_book *book, struct leaf *leaf)
{
    list_remove(&leaf->link);
    --*count_of(book, leaf->state);
}

static struct leaf *
leaf_new(const uint8_t token[TOKEN_SIZE])
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    if (leaf == NULL)
        WRONG("out of memory");
    memcpy(leaf->token, token, TOKEN_SIZE);
    list_open(&leaf->link);
    list_open(&leaf->of_beats);
    return leaf;
}

struct leaf *
lease_book_add(struct lease_book *book, const uint8_t token[TOKEN_SIZE],
    enum leaf_state state, uint64_t now_ms)
{
    struct leaf *leaf = leaf_new(token);
    map_put(&book->leaves, key_of(leaf), leaf);
    enter(book, leaf, state, now_ms);
    return leaf;
}

void
lease_book_move(
    struct lease_book *book, struct leaf *leaf, enum leaf_state state, uint64_t now_ms)
{
    leave(book, leaf);
    enter(book, leaf, state, now_ms);
}

void
lease_book_touch(struct lease_book *book, struct leaf *leaf, uint64_t now_ms)
{
    lease_book_move(book, leaf, leaf->state, now_ms);
}

void
lease_book_drop(struct lease_book *book, struct leaf **out)
{
    struct leaf *leaf = *out;
    leave(book, leaf);
    list_remove(&leaf->of_beats);
    book->reported_bytes -= leaf->output.size;
    map_remove(&book->leaves, key_of(leaf));
    buffer_free(&leaf->name);
    buffer_free(&leaf->job);
    buffer_free(&leaf->beat_id);
    buffer_free(&leaf->output);
    buffer_free(&leaf->error_type);
    buffer_free(&leaf->error_message);
    buffer_free(&leaf->message_ids);
    free(leaf);
    *out = NULL;
}

void
lease_book_close(struct lease_book *book)
{
    struct list *const lists[] = { &book->parked, &book->given, &book->reported };
    for (size_t i = 0; i < COUNT(lists); i++)
        while (!list_empty(lists[i])) {
            struct leaf *leaf = LIST_OF(lists[i]->next, struct leaf, link);
            lease_book_drop(book, &leaf);
        }
    map_free(&book->leaves);
}

void
lease_book_beat(struct lease_book *book, struct leaf *leaf, uint64_t number,
    struct bytes message_id)
{
    leaf->beat = number;
    buffer_set(&leaf->beat_id, message_id);
    list_remove(&leaf->of_beats);
    list_append(&book->beats, &leaf->of_beats);
}

struct leaf *
lease_book_answer(struct lease_book *book, uint64_t number)
{
    struct list *at = list_first(&book->beats);
    struct leaf *leaf = at == NULL ? NULL : LIST_OF(at, struct leaf, of_beats);
    if (leaf == NULL || leaf->beat > number)
        return NULL;
    list_remove(&leaf->of_beats);
    return leaf;
}

void
lease_book_report(
    struct lease_book *book, struct leaf *leaf, const struct mobius_frame *said)
{
    book->reported_bytes -= leaf->output.size;
    book->reported_bytes += said->result.size;
    leaf->outcome = said->outcome;
    buffer_set(&leaf->name, said->job);
    buffer_set(&leaf->output, said->result);
    buffer_set(&leaf->error_type, said->error_type);
    buffer_set(&leaf->error_message, said->error_message);
    if (leaf->message_ids.size < MESSAGE_IDS_MAX)
        pack_text(&leaf->message_ids, said->message_id);
}

struct job_report
leaf_said(const struct leaf *leaf)
{
    return (struct job_report){
        .token = key_of(leaf),
        .outcome = leaf->outcome,
        .output = buffer_bytes(&leaf->output),
        .error_type = buffer_bytes(&leaf->error_type),
        .error_message = buffer_bytes(&leaf->error_message),
    };
}
