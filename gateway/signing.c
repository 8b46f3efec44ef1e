#include "gateway/signing.h"

#include "base/base64.h"
#include "base/seal.h"
#include "gateway/said.h"

#include <sodium.h>

/* A key cannot be put in the place of a secret, nor into another project. */
static void
print_label(const struct id *project, struct buffer *out)
{
    buffer_append_bytes(out, text("signing key "));
    buffer_append(out, project->bytes, ID_SIZE);
}

void
signing_seal(const struct gateway *gateway, const struct id *project,
    const uint8_t key[SIGNING_KEY_SIZE], struct buffer *out)
{
    struct buffer label = { 0 }, sealed = { 0 };
    print_label(project, &label);
    seal_make(gateway->child.secret, buffer_bytes(&label),
        bytes_of(key, SIGNING_KEY_SIZE), &sealed);
    base64_write(out, buffer_bytes(&sealed));
    buffer_free(&label);
    buffer_free(&sealed);
}

static bool
open_key(const struct gateway *gateway, const struct id *project, struct bytes written,
    struct buffer *key)
{
    struct buffer label = { 0 }, sealed = { 0 };
    print_label(project, &label);
    bool opened = base64_read(&sealed, written)
                  && seal_open(gateway->child.secret, buffer_bytes(&label),
                      buffer_bytes(&sealed), key)
                  && key->size == SIGNING_KEY_SIZE;
    buffer_free(&label);
    buffer_free(&sealed);
    return opened;
}

/* A map with another value under one name; `value` is msgpack. */
static void
put_map(struct buffer *out, struct bytes map, const char *name, const char *as,
    struct bytes value)
{
    struct cursor c = cursor_over(map);
    size_t count = cursor_map(&c);
    pack_map(out, count);
    for (; count > 0; count--) {
        struct cursor key = c;
        struct bytes found = cursor_skip(&c), kept = cursor_skip(&c);
        bool is = cursor_type(&key) == PACK_TEXT
                  && bytes_equal(cursor_text(&key), text(name));
        if (is)
            pack_string(out, as);
        else
            buffer_append_bytes(out, found);
        buffer_append_bytes(out, is ? value : kept);
    }
}

bool
signing_open(const struct gateway *gateway, const struct id *project,
    const struct job_granted *job, struct buffer *out)
{
    struct bytes sign = pack_find(job->parameters, "sign");
    struct buffer key = { 0 }, word = { 0 }, opened = { 0 };
    if (!bytes_equal(job->action, text("http.request")))
        return false;
    struct bytes written = said_text(sign, "sealed_key");
    bool opens = written.size > 0 && open_key(gateway, project, written, &key);
    if (opens) {
        struct buffer printed = { 0 };
        base64_write(&printed, buffer_bytes(&key));
        pack_text(&word, buffer_bytes(&printed));
        put_map(&opened, sign, "sealed_key", "key", buffer_bytes(&word));
        put_map(out, job->parameters, "sign", "sign", buffer_bytes(&opened));
        sodium_memzero(printed.data, printed.size);
        sodium_memzero(word.data, word.size);
        sodium_memzero(opened.data, opened.size);
        buffer_free(&printed);
    }
    if (key.size > 0)
        sodium_memzero(key.data, key.size);
    buffer_free(&key);
    buffer_free(&word);
    buffer_free(&opened);
    return opens;
}
