/* The secrets of projects, by name.  Their values never leave this actor, and are
 * sealed in its journal. */
#include "actors/trigger/state.h"
#include "base/seal.h"

enum { SECRET_NAME_MAX = 128, SECRET_VALUE_MAX = 4096 };

static bool
name_right(struct bytes name)
{
    if (name.size == 0 || name.size > SECRET_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* One secret cannot be put in the place of another. */
static void
print_label(const struct id *project, struct bytes name, struct buffer *out)
{
    buffer_append(out, project->bytes, ID_SIZE);
    buffer_append_bytes(out, name);
}

static struct bytes
sealed(const struct trigger_state *s, const struct secret_set *set, struct outbox *out)
{
    struct buffer label = { 0 }, made = { 0 };
    if (set->value.size == 0)
        return set->value;
    print_label(&out->project, set->name, &label);
    seal_make(s->secret, buffer_bytes(&label), set->value, &made);
    struct bytes kept = arena_copy(out->arena, buffer_bytes(&made));
    buffer_free(&label);
    buffer_free(&made);
    return kept;
}

struct bytes
secret_value(const struct trigger_state *s, const struct id *project, struct bytes name,
    struct arena *arena)
{
    struct secret_entry secret;
    struct buffer label = { 0 }, value = { 0 };
    struct bytes opened = { 0 };
    if (!secret_read(s, project, name, &secret) || !secret.sealed)
        return secret.value;
    print_label(project, name, &label);
    if (seal_open(s->secret, buffer_bytes(&label), secret.value, &value))
        opened = arena_copy(arena, buffer_bytes(&value));
    buffer_free(&label);
    buffer_free(&value);
    return opened;
}

bool
secret_read(const struct trigger_state *s, const struct id *project, struct bytes name,
    struct secret_entry *secret)
{
    *secret = (struct secret_entry){ 0 };
    if (!name_right(name))
        return false;
    struct row_key key = key_of_secret(project, name);
    return kept_read(s->journal, &key, &secret_entry_shape, NULL, secret);
}

void
on_secret_set(
    const struct trigger_state *s, const struct message *in, struct outbox *out)
{
    const struct secret_set *set = &in->secret_set;
    struct buffer document = { 0 };
    struct secret_entry known;
    bool new = !secret_read(s, &out->project, set->name, &known);
    if (!name_right(set->name)) {
        say_refusal(out, set->request, ERR_INVALID,
            "the name of a secret is 1 to 128 of letters, digits, ., _ and -");
        return;
    }
    if (set->value.size > SECRET_VALUE_MAX) {
        say_refusal(
            out, set->request, ERR_TOO_LARGE, "a secret has at most 4096 bytes");
        return;
    }
    if (set->value.size == 0 && new) {
        say_refusal(
            out, set->request, ERR_NOT_FOUND, "there is no secret of this name");
        return;
    }
    say_secret_kept(out, (struct secret_kept){ set->name, sealed(s, set, out), 1 });
    pack_map(&document, 2);
    put_text(&document, "name", set->name);
    put_bool(&document, "set", set->value.size > 0);
    say_answer(out, set->request, &document, new);
}

struct listing {
    const struct trigger_state *s;
    struct buffer items;
    size_t count;
};

static bool
list_secret(void *self, struct bytes key, struct bytes value)
{
    enum { HEAD = 1 + ID_SIZE };
    struct listing *listing = self;
    struct secret_entry secret;
    kept_take(listing->s->journal, value, &secret_entry_shape, NULL, &secret);
    pack_map(&listing->items, 2);
    put_text(&listing->items, "name", bytes_of(key.data + HEAD, key.size - HEAD));
    put_time_or_nil(&listing->items, "updated_at", secret.at_ms);
    listing->count++;
    return true;
}

void
on_secret_list(
    const struct trigger_state *s, const struct message *in, struct outbox *out)
{
    struct listing listing = { .s = s };
    struct row_key from = key_of_secret(&out->project, (struct bytes){ 0 });
    struct row_key to = row_key_after(&from);
    struct buffer document = { 0 };
    journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        list_secret, &listing);
    pack_map(&document, 1);
    pack_string(&document, "items");
    pack_array(&document, listing.count);
    buffer_append_bytes(&document, buffer_bytes(&listing.items));
    say_answer(out, in->secret_list.request, &document, false);
    buffer_free(&listing.items);
}

void
secret_kept_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m)
{
    const struct secret_kept *kept = &m->secret_kept;
    struct row_key key = key_of_secret(&m->envelope.project, kept->name);
    struct secret_entry secret = { kept->value, at_ms, kept->sealed };
    if (kept->value.size > 0)
        kept_write(s->journal, &key, &secret_entry_shape, &secret);
    else
        kept_drop(s->journal, &key);
}
