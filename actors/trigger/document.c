/* What answers are made of. */
#include "actors/trigger/state.h"
#include "base/stamp.h"

void
put_bool(struct buffer *out, const char *name, bool value)
{
    pack_string(out, name);
    pack_bool(out, value);
}

void
put_id(struct buffer *out, const char *name, const struct id *id, const char *prefix)
{
    char shown[ID_TEXT_MAX];
    put_text(out, name, text(id_print(id, prefix, shown)));
}

void
put_time_or_nil(struct buffer *out, const char *name, uint64_t unix_ms)
{
    char stamp[STAMP_SIZE];
    pack_string(out, name);
    if (unix_ms == 0 || unix_ms == UINT64_MAX)
        pack_nil(out);
    else
        pack_string(out, stamp_print(unix_ms, stamp));
}

void
say_answer(struct outbox *out, uint64_t request, struct buffer *document, bool created)
{
    say_document(out, (struct document){
                          .request = request,
                          .document = arena_copy(out->arena, buffer_bytes(document)),
                          .created = created,
                      });
    buffer_free(document);
}

void
say_refusal(struct outbox *out, uint64_t request, enum err err, const char *detail)
{
    say_refused(out,
        (struct refused){ .request = request, .err = err, .detail = text(detail) });
}
