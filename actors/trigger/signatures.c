/* Does a request come from who knows the secret?
 *
 *   standard   webhook-id, webhook-timestamp and webhook-signature, a list of "v1,…":
 *              base64 of HMAC-SHA256 of "id.timestamp.body" (standardwebhooks.com)
 *   github     x-hub-signature-256: "sha256=" and hex of HMAC-SHA256 of the body
 *   shared     the secret itself, in a header of its own
 */
#include "actors/trigger/state.h"
#include "base/base64.h"

#include <sodium.h>

enum {
    MAC_BYTES = crypto_auth_hmacsha256_BYTES,
    TOLERANCE_MS = 300000,
    SIGNATURES_MAX = 16,
    DELIVERY_MAX = 128
};

static struct bytes
header_of(const struct hook_request *request, struct bytes name)
{
    struct cursor c = cursor_over(request->headers);
    if (request->headers.size == 0 || cursor_type(&c) != PACK_MAP)
        return (struct bytes){ 0 };
    for (size_t count = cursor_map(&c); count > 0 && !c.bad; count--) {
        struct bytes key = cursor_text(&c), value = cursor_text(&c);
        if (!c.bad && bytes_equal(key, name))
            return value;
    }
    return (struct bytes){ 0 };
}

static struct bytes
header(const struct hook_request *request, const char *name)
{
    return header_of(request, text(name));
}

static void
sign(struct bytes key, const struct bytes *parts, size_t count, uint8_t mac[MAC_BYTES])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key.data, key.size);
    for (size_t i = 0; i < count; i++)
        crypto_auth_hmacsha256_update(&state, parts[i].data, parts[i].size);
    crypto_auth_hmacsha256_final(&state, mac);
}

static bool
number_read(struct bytes in, uint64_t *number)
{
    *number = 0;
    if (in.size == 0 || in.size > 15)
        return false;
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] < '0' || in.data[i] > '9')
            return false;
        *number = *number * 10 + (uint64_t)(in.data[i] - '0');
    }
    return true;
}

/* The key of a secret such as "whsec_…"; any other secret is its own key.  Nothing is
 * none: anybody could sign with it. */
static void
standard_key(struct bytes secret, struct buffer *key)
{
    struct bytes prefix = text("whsec_");
    if (!bytes_begin(secret, prefix)
        || !base64_read(
            key, bytes_of(secret.data + prefix.size, secret.size - prefix.size)))
        buffer_append_bytes(key, secret);
}

/* Is one of them right?  All are looked at. */
static bool
one_of(struct bytes signatures, const uint8_t mac[MAC_BYTES])
{
    struct bytes version = text("v1,");
    struct buffer given = { 0 };
    bool right = false;
    for (size_t count = 0; signatures.size > 0 && count < SIGNATURES_MAX; count++) {
        const uint8_t *space = memchr(signatures.data, ' ', signatures.size);
        size_t length =
            space == NULL ? signatures.size : (size_t)(space - signatures.data);
        struct bytes one = bytes_of(signatures.data, length);
        size_t passed = length + (space != NULL);
        buffer_clear(&given);
        if (bytes_begin(one, version)
            && base64_read(
                &given, bytes_of(one.data + version.size, one.size - version.size))
            && given.size == MAC_BYTES)
            right |= hash_same(given.data, mac, MAC_BYTES);
        signatures = bytes_of(signatures.data + passed, signatures.size - passed);
    }
    buffer_free(&given);
    return right;
}

static bool
standard(const struct hook_request *request, struct bytes secret, uint64_t tolerance_ms,
    uint64_t now_ms, struct bytes *delivery)
{
    uint8_t mac[MAC_BYTES];
    struct bytes stamp = header(request, "webhook-timestamp");
    struct buffer key = { 0 };
    uint64_t at_s;
    *delivery = header(request, "webhook-id");
    struct bytes parts[] = { *delivery, text("."), stamp, text("."), request->body };
    standard_key(secret, &key);
    sign(buffer_bytes(&key), parts, COUNT(parts), mac);
    bool right = key.size > 0 && one_of(header(request, "webhook-signature"), mac);
    buffer_free(&key);
    if (!number_read(stamp, &at_s) || delivery->size == 0)
        return false;
    uint64_t at_ms = at_s * 1000;
    uint64_t apart_ms = at_ms > now_ms ? at_ms - now_ms : now_ms - at_ms;
    return right && apart_ms <= (tolerance_ms != 0 ? tolerance_ms : TOLERANCE_MS);
}

static bool
github(const struct hook_request *request, struct bytes secret, struct bytes *delivery)
{
    static const char digits[] = "0123456789abcdef";
    struct bytes prefix = text("sha256="),
                 given = header(request, "x-hub-signature-256");
    uint8_t mac[MAC_BYTES], hex[2 * MAC_BYTES];
    sign(secret, &request->body, 1, mac);
    for (size_t i = 0; i < MAC_BYTES; i++) {
        hex[2 * i] = (uint8_t)digits[mac[i] >> 4];
        hex[2 * i + 1] = (uint8_t)digits[mac[i] & 15];
    }
    *delivery = header(request, "x-github-delivery");
    return given.size == prefix.size + sizeof hex && bytes_begin(given, prefix)
           && hash_same(given.data + prefix.size, hex, sizeof hex);
}

/* Hashes are compared, so that not even the length of the secret is told. */
static bool
shared(const struct hook_request *request, struct bytes secret, struct bytes name)
{
    struct hash given = hash_of(header_of(request, name)), wanted = hash_of(secret);
    return hash_same(given.bytes, wanted.bytes, HASH_SIZE);
}

static bool
genuine(enum hook_scheme scheme, const struct hook_request *request,
    struct bytes secret, struct bytes name, uint64_t tolerance_ms, uint64_t now_ms,
    struct bytes *delivery)
{
    *delivery = header(request, "idempotency-key");
    if (scheme != HOOK_OPEN && secret.size == 0)
        return false;
    switch (scheme) {
    case HOOK_OPEN: return true;
    case HOOK_STANDARD:
        return standard(request, secret, tolerance_ms, now_ms, delivery);
    case HOOK_GITHUB: return github(request, secret, delivery);
    case HOOK_SHARED: return name.size > 0 && shared(request, secret, name);
    }
    return false;
}

bool
hook_genuine(enum hook_scheme scheme, const struct hook_request *request,
    struct bytes secret, struct bytes name, uint64_t tolerance_ms, uint64_t now_ms,
    struct bytes *delivery)
{
    return genuine(scheme, request, secret, name, tolerance_ms, now_ms, delivery)
           && delivery->size <= DELIVERY_MAX;
}
