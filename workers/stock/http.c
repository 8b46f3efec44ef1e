#include "workers/stock/http.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/json_read.h"
#include "base/pack.h"
#include "base/utf8.h"
#include "base/wrong.h"
#include "workers/stock/address.h"
#include "workers/stock/duration.h"
#include "workers/stock/json_text.h"
#include "workers/stock/signature.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum {
    ANSWER_MAX = 512 * 1024,
    HEADERS_MAX = 64,
    NAME_MAX_BYTES = 200,
    SHOWN_MAX = 200, /* of an answer that is a failure */
    TIMEOUT_MS = 30000,
    TIMEOUT_MAX_MS = 600000,
    VARIABLE_SIZE = 256,
    ORIGIN_SIZE = 300,
    AFTER_MAX_S = 86400,
};

struct call {
    struct capstan_job *job;
    const struct http_policy *policy;
    const char *url;
    CURL *curl;
    struct curl_slist *headers;
    struct buffer body, answer;
    bool bodied, typed; /* there is a body; its type was given */
    bool refused, large;
    const char *wrong; /* with the parameters; a sentence */
    char error[CURL_ERROR_SIZE];
};

void
http_open(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || sodium_init() < 0)
        WRONG("libcurl or libsodium does not start");
}

/* ---- what the request is ---- */

static struct bytes
parameter(const struct call *call, const char *name)
{
    size_t size = 0;
    const void *value = capstan_job_raw(call->job, name, &size);
    return value == NULL ? (struct bytes){ 0 } : bytes_of(value, size);
}

static bool
wrong(struct call *call, const char *sentence)
{
    call->wrong = sentence;
    return false;
}

static void
put_line(struct call *call, const char *line)
{
    call->headers = curl_slist_append(call->headers, line);
    if (call->headers == NULL)
        WRONG("out of memory");
}

static void
put_header(struct call *call, const char *name, struct bytes value)
{
    struct buffer line = { 0 };
    /* With nothing behind the colon it would be a header to leave out. */
    buffer_print(&line, "%s%s", name, value.size > 0 ? ": " : ";");
    buffer_append_bytes(&line, value);
    buffer_append(&line, "", 1);
    put_line(call, (const char *)line.data);
    buffer_free(&line);
}

static bool
header_name(struct bytes name)
{
    static const char more[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i], low = c | 0x20;
        bool letter = low >= 'a' && low <= 'z', digit = c >= '0' && c <= '9';
        if (!letter && !digit && (c == 0 || strchr(more, c) == NULL))
            return false;
    }
    return name.size > 0 && name.size <= NAME_MAX_BYTES;
}

static bool
header_value(struct bytes value)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] < ' ' && value.data[i] != '\t')
            return false;
    return true;
}

/* Of the worker's environment; NULL: nothing, or no name. */
static const char *
environment(const char *before, struct bytes name)
{
    char whole[VARIABLE_SIZE];
    snprintf(
        whole, sizeof whole, "%s%.*s", before, (int)name.size, (const char *)name.data);
    return header_name(name) ? getenv(whole) : NULL;
}

static bool
put_given(struct call *call, const char *name, struct bytes value)
{
    call->typed |= strcasecmp(name, "content-type") == 0;
    put_header(call, name, value);
    return true;
}

/* Have both the same scheme, host and port? */
static bool
same_origin(const char *url, const char *origin)
{
    static const CURLUPart parts[] = { CURLUPART_SCHEME, CURLUPART_HOST,
        CURLUPART_PORT };
    CURLU *a = curl_url(), *b = curl_url();
    bool same = a != NULL && b != NULL
                && curl_url_set(a, CURLUPART_URL, url, 0) == CURLUE_OK
                && curl_url_set(b, CURLUPART_URL, origin, 0) == CURLUE_OK;
    for (size_t i = 0; i < COUNT(parts) && same; i++) {
        char *one = NULL, *other = NULL;
        same = curl_url_get(a, parts[i], &one, CURLU_DEFAULT_PORT) == CURLUE_OK
               && curl_url_get(b, parts[i], &other, CURLU_DEFAULT_PORT) == CURLUE_OK
               && strcasecmp(one, other) == 0;
        curl_free(one);
        curl_free(other);
    }
    curl_url_cleanup(a);
    curl_url_cleanup(b);
    return same;
}

/* Its value is the worker's, by name, so that no run ever holds it; and it goes only
 * where the worker says, whatever an automation asks for. */
static bool
put_secret(struct call *call, const char *name, struct bytes secret)
{
    const char *value = environment("CAPSTAN_HEADER_", secret);
    const char *space = value != NULL ? strchr(value, ' ') : NULL;
    char origin[ORIGIN_SIZE];
    if (space == NULL || (size_t)(space - value) >= sizeof origin
        || !header_value(text(space + 1)))
        return wrong(call,
            "`secret_headers` names none: the worker has it as CAPSTAN_HEADER_NAME, "
            "such as 'https://crm.example Bearer …'");
    memcpy(origin, value, (size_t)(space - value));
    origin[space - value] = '\0';
    if (!same_origin(call->url, origin))
        return wrong(call, "`url` is not where CAPSTAN_HEADER_NAME of the worker lets "
                           "this of `secret_headers` go");
    put_header(call, name, text(space + 1));
    return true;
}

typedef bool put_fn(struct call *call, const char *name, struct bytes value);

static bool
read_headers(struct call *call, const char *which, put_fn *put, const char *sentence)
{
    struct bytes given = parameter(call, which);
    struct cursor in = cursor_over(given);
    if (given.size == 0 || cursor_type(&in) == PACK_NIL)
        return true;
    if (cursor_type(&in) != PACK_MAP)
        return wrong(call, sentence);
    size_t left = cursor_map(&in);
    if (left > HEADERS_MAX)
        return wrong(call, sentence);
    for (; left > 0; left--) {
        struct bytes name = cursor_text(&in);
        bool is_text = cursor_type(&in) == PACK_TEXT;
        struct bytes value = is_text ? cursor_text(&in) : (struct bytes){ 0 };
        char shown[NAME_MAX_BYTES + 1];
        if (in.bad || !is_text || !header_name(name) || !header_value(value))
            return wrong(call, sentence);
        snprintf(shown, sizeof shown, "%.*s", (int)name.size, (const char *)name.data);
        if (!put(call, shown, value))
            return false;
    }
    return true;
}

static bool
read_all_headers(struct call *call)
{
    return read_headers(call, "headers", put_given,
               "`headers` is a map of at most 64 names of headers to texts")
           && read_headers(call, "secret_headers", put_secret,
               "`secret_headers` is a map of at most 64 names of headers to the names "
               "by which the worker has them");
}

/* A text as it is; anything else as JSON. */
static void
read_body(struct call *call)
{
    struct bytes given = parameter(call, "body");
    struct cursor in = cursor_over(given);
    if (given.size == 0 || cursor_type(&in) == PACK_NIL)
        return;
    call->bodied = true;
    if (cursor_type(&in) == PACK_TEXT) {
        buffer_append_bytes(&call->body, cursor_text(&in));
        return;
    }
    json_text(&call->body, given);
    if (!call->typed)
        put_header(call, "Content-Type", text("application/json"));
}

static bool
read_method(struct call *call)
{
    static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "PATCH",
        "DELETE", "OPTIONS" };
    const char *method = capstan_job_text(call->job, "method");
    if (method == NULL)
        method = call->bodied ? "POST" : "GET";
    for (size_t i = 0; i < COUNT(known); i++) {
        if (strcmp(method, known[i]) != 0)
            continue;
        curl_easy_setopt(call->curl, CURLOPT_NOBODY, i == 1 ? 1L : 0L);
        curl_easy_setopt(call->curl, CURLOPT_CUSTOMREQUEST, known[i]);
        return true;
    }
    return wrong(call, "`method` is GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
}

static bool
read_timeout(struct call *call)
{
    uint64_t ms = TIMEOUT_MS;
    struct bytes given = parameter(call, "timeout");
    const char *duration = capstan_job_text(call->job, "timeout");
    bool good =
        given.size == 0
        || (duration != NULL
                ? duration_read(duration, &ms)
                : duration_seconds(capstan_job_double(call->job, "timeout", -1), &ms));
    if (!good || ms == 0 || ms > TIMEOUT_MAX_MS)
        return wrong(call, "`timeout` is a duration such as 30s, at most 10m");
    curl_easy_setopt(call->curl, CURLOPT_TIMEOUT_MS, (long)ms);
    return true;
}

/* ---- who sent it ---- */

static struct bytes
text_in(struct bytes map, const char *name)
{
    struct bytes found = pack_find(map, name);
    struct cursor in = cursor_over(found);
    return found.size > 0 && cursor_type(&in) == PACK_TEXT ? cursor_text(&in)
                                                           : (struct bytes){ 0 };
}

/* The engine gives it with the job, and no log has it: gateway/signing.h, actions.h. */
static bool
given_key(struct bytes sign, uint8_t key[SIGNATURE_KEY_SIZE])
{
    struct bytes written = text_in(sign, "key");
    return written.size > 0 && signature_key_read(written, key);
}

/* Other keys are the worker's, by name, so that no run ever holds one. */
static bool
find_key(struct bytes secret, uint8_t key[SIGNATURE_KEY_SIZE])
{
    const char *value = environment("CAPSTAN_SIGNING_KEY_", secret);
    return value != NULL && signature_key_read(text(value), key);
}

static void
put_signature(struct call *call, struct bytes secret, struct bytes delivery,
    struct bytes version, const uint8_t key[SIGNATURE_KEY_SIZE])
{
    char signature[SIGNATURE_SIZE], stamp[32];
    uint64_t now_s = clock_unix_ms() / 1000;
    snprintf(stamp, sizeof stamp, "%" PRIu64, now_s);
    put_header(call, "X-Mobius-Signature",
        text(signature_print(
            key, delivery, now_s, buffer_bytes(&call->body), signature)));
    put_header(call, "X-Mobius-Signature-Version", text("v1"));
    put_header(call, "X-Mobius-Timestamp", text(stamp));
    put_header(call, "X-Mobius-Delivery-Id", delivery);
    put_header(call, "Idempotency-Key", delivery);
    put_header(call, "X-Mobius-Secret-Ref", secret);
    put_header(call, "X-Mobius-Secret-Version", version);
}

static bool
sign(struct call *call)
{
    uint8_t key[SIGNATURE_KEY_SIZE];
    struct bytes given = parameter(call, "sign");
    struct cursor in = cursor_over(given);
    if (given.size == 0 || cursor_type(&in) == PACK_NIL)
        return true;
    struct bytes secret = text_in(given, "secret");
    struct bytes event = text_in(given, "event_type");
    struct bytes delivery = text_in(given, "delivery_id");
    struct bytes version = text_in(given, "secret_version");
    if (delivery.size == 0) /* the same for each attempt */
        delivery = text(capstan_job_id(call->job));
    if (!given_key(given, key) && !find_key(secret, key))
        return wrong(call, "`sign.secret` names no key: the worker has it in base64, "
                           "32 bytes, as CAPSTAN_SIGNING_KEY_NAME");
    if (!header_value(secret) || !header_value(event) || !header_value(delivery)
        || !header_value(version)) {
        sodium_memzero(key, sizeof key);
        return wrong(call, "`sign` has a text that no header can have");
    }
    put_signature(call, secret, delivery, version.size > 0 ? version : text("1"), key);
    if (event.size > 0)
        put_header(call, "X-Mobius-Event-Type", event);
    sodium_memzero(key, sizeof key);
    return true;
}

/* ---- the call ---- */

static curl_socket_t
open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct call *call = context;
    (void)purpose;
    /* What the name stands for is judged, when it is connected to. */
    if (!call->policy->private_addresses && !address_public(&address->addr)) {
        call->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t
take_answer(char *data, size_t size, size_t count, void *context)
{
    struct call *call = context;
    call->large = call->answer.size + size * count > ANSWER_MAX;
    if (call->large)
        return 0;
    buffer_append(&call->answer, data, size * count);
    return size * count;
}

static int
look_up(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct call *call = context;
    (void)a, (void)b, (void)c, (void)d;
    return capstan_job_is_cancelled(call->job);
}

static void
set_up(struct call *call)
{
    CURL *curl = call->curl;
    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "capstan/" PACKAGE_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, call);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, call);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (call->bodied) {
        curl_easy_setopt(
            curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body.data);
        put_line(call, "Expect:");
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->headers);
}

/* ---- what came of it ---- */

static void
put_answer(struct buffer *out, struct bytes answer, const char *type)
{
    struct buffer value = { 0 };
    struct fault fault;
    bool json = type != NULL && strstr(type, "json") != NULL
                && json_to_msgpack(answer, &value, NULL, &fault) == ERR_NONE;
    bool is_text = utf8_valid(answer);
    pack_string(out, json || is_text ? "body" : "body_base64");
    if (json)
        buffer_append_bytes(out, buffer_bytes(&value));
    else if (is_text)
        pack_text(out, answer);
    else {
        base64_write(&value, answer);
        pack_text(out, buffer_bytes(&value));
    }
    buffer_free(&value);
}

/* The answer is the output, and not what there is to say of it. */
static int
complete_with_body(struct call *call, const char *type)
{
    struct buffer out = { 0 };
    put_answer(&out, buffer_bytes(&call->answer), type);
    struct cursor in = cursor_over(buffer_bytes(&out));
    cursor_skip(&in); /* its name */
    int result = capstan_job_complete_raw(call->job, in.at, (size_t)(in.end - in.at));
    buffer_free(&out);
    return result;
}

static int
complete(struct call *call, long status, const char *type)
{
    struct buffer out = { 0 };
    const char *output = capstan_job_text(call->job, "output");
    if (output != NULL && strcmp(output, "body") == 0)
        return complete_with_body(call, type);
    pack_map(&out, 3);
    pack_string(&out, "status");
    pack_u64(&out, (uint64_t)status);
    pack_string(&out, "content_type");
    if (type != NULL && utf8_valid(text(type)))
        pack_string(&out, type);
    else
        pack_nil(&out);
    put_answer(&out, buffer_bytes(&call->answer), type);
    int result = capstan_job_complete_raw(call->job, out.data, out.size);
    buffer_free(&out);
    return result;
}

/* Unavailable is what may be tried again. */
static int
fail_by_status(struct call *call, long status)
{
    char message[64 + SHOWN_MAX];
    bool again = status == 408 || status == 429 || status >= 500;
    curl_off_t after_s = 0; /* seconds, or until a date */
    struct bytes said = buffer_bytes(&call->answer);
    size_t shown = said.size < SHOWN_MAX ? said.size : SHOWN_MAX;
    while (!utf8_valid(bytes_of(said.data, shown)))
        shown--;
    snprintf(message, sizeof message, "it was answered %ld%s%.*s", status,
        shown > 0 ? ": " : "", (int)shown, (const char *)said.data);
    curl_easy_getinfo(call->curl, CURLINFO_RETRY_AFTER, &after_s);
    if (after_s > 0)
        capstan_job_retry_after(call->job,
            (uint64_t)(after_s < AFTER_MAX_S ? after_s : AFTER_MAX_S) * 1000);
    return capstan_job_fail(call->job, again ? "Unavailable" : "HttpStatus", message);
}

static int
fail_by_curl(struct call *call, CURLcode code)
{
    const char *why = call->error[0] != '\0' ? call->error : curl_easy_strerror(code);
    if (code == CURLE_ABORTED_BY_CALLBACK && capstan_job_is_cancelled(call->job))
        return 0;
    if (call->large)
        return capstan_job_fail(call->job, "TooLarge", "the answer is above 512 KiB");
    if (call->refused)
        return capstan_job_fail(call->job, "AddressRefused",
            "the address is not public: see --private-addresses of the worker");
    bool input = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
    return capstan_job_fail(call->job, input ? "InvalidInput" : "Unreachable", why);
}

static int
perform(struct call *call)
{
    long status = 0;
    char *type = NULL;
    CURLcode code = curl_easy_perform(call->curl);
    if (code != CURLE_OK)
        return fail_by_curl(call, code);
    curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->curl, CURLINFO_CONTENT_TYPE, &type);
    if (status < 200 || status > 299)
        return fail_by_status(call, status);
    return complete(call, status, type);
}

int
http_run(struct capstan_job *job, void *context)
{
    struct call call = { .job = job, .policy = context, .curl = curl_easy_init() };
    int result;
    if (call.curl == NULL)
        WRONG("out of memory");
    call.url = capstan_job_text(job, "url");
    bool good = call.url != NULL || wrong(&call, "`url` is a text");
    good = good && read_all_headers(&call);
    if (good)
        read_body(&call);
    if (good && read_method(&call) && read_timeout(&call) && sign(&call)) {
        set_up(&call);
        result = perform(&call);
    } else {
        result = capstan_job_fail(job, "InvalidInput", call.wrong);
    }
    curl_slist_free_all(call.headers);
    curl_easy_cleanup(call.curl);
    buffer_free(&call.body);
    buffer_free(&call.answer);
    return result;
}
