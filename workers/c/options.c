#include "workers/c/options.h"

#include "base/pack.h"
#include "base/wrong.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CONCURRENCY_DEFAULT = 1,
    DRAIN_MS = 10000,
    DRAIN_MAX_MS = 86400000, /* that the environment may say */
    RESEND_MS = 2000,
    URL_MAX = 1024,
    WORKER_PORT = 5170
};

static const char *
environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static char *
copy_text(const char *from)
{
    char *copy = from == NULL ? NULL : strdup(from);
    if (from != NULL && copy == NULL)
        WRONG("out of memory");
    return copy;
}

/* The host of a url, brackets included: not who asks, nor the port. */
static struct bytes
host_of(const char *url)
{
    const char *from = strstr(url, "://");
    from = from == NULL ? url : from + 3;
    const char *at = memchr(from, '@', strcspn(from, "/?#"));
    from = at == NULL ? from : at + 1;
    size_t size = strcspn(from, ":/");
    if (from[0] == '[') {
        const char *end = strchr(from, ']');
        size = end == NULL ? strlen(from) : (size_t)(end + 1 - from);
    }
    return bytes_of(from, size);
}

static char *
find_url(const char *given)
{
    char url[URL_MAX];
    if (given == NULL || given[0] == '\0')
        given = environment("CAPSTAN_WORKER_URL");
    if (given != NULL)
        return copy_text(given);
    const char *engine = environment("CAPSTAN_URL");
    struct bytes host = engine == NULL ? text("127.0.0.1") : host_of(engine);
    snprintf(url, sizeof url, "tcp://%.*s:%d", (int)host.size, (const char *)host.data,
        WORKER_PORT);
    return copy_text(url);
}

static bool
is_local(const char *url)
{
    struct bytes host = host_of(url);
    return bytes_begin(text(url), text("ipc://")) || bytes_begin(host, text("127."))
           || bytes_equal(host, text("localhost")) || bytes_equal(host, text("[::1]"));
}

static enum err
check_name(const char *what, struct bytes name, struct fault *fault)
{
    if (name.size == 0 || name.size > NAME_MAX_BYTES)
        return fault_set(fault, ERR_INVALID, "%s: a name has 1 to %d bytes, not %zu",
            what, NAME_MAX_BYTES, name.size);
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] < 0x20 || name.data[i] == 0x7f)
            return fault_set(
                fault, ERR_INVALID, "%s: a name holds a control character", what);
    if (!utf8_valid(name))
        return fault_set(fault, ERR_INVALID, "%s: a name is not UTF-8", what);
    return ERR_NONE;
}

static size_t
count_names(const char *names)
{
    size_t count = 1;
    if (names == NULL || names[0] == '\0')
        return 0;
    for (const char *at = names; *at != '\0'; at++)
        count += *at == ',';
    return count;
}

/* Spaces beside a name are none of it. */
static struct bytes
trimmed(const char *from, size_t size)
{
    for (; size > 0 && from[0] == ' '; size--)
        from++;
    while (size > 0 && from[size - 1] == ' ')
        size--;
    return bytes_of(from, size);
}

enum err
options_names(
    const char *what, const char *names, struct buffer *out, struct fault *fault)
{
    size_t count = count_names(names);
    if (count > NAMES_MAX)
        return fault_set(fault, ERR_INVALID, "%s: %zu names are more than %d", what,
            count, NAMES_MAX);
    pack_array(out, count);
    const char *at = names;
    for (size_t i = 0; i < count; i++) {
        size_t size = strcspn(at, ",");
        struct bytes name = trimmed(at, size);
        enum err e = check_name(what, name, fault);
        if (e != ERR_NONE)
            return e;
        pack_text(out, name);
        at += size + 1;
    }
    return ERR_NONE;
}

/* The engine tells those that it starts when it will kill them. */
static enum err
find_drain_ms(unsigned given, unsigned *ms, struct fault *fault)
{
    const char *said = environment("CAPSTAN_DRAIN_MS");
    *ms = given != 0 ? given : DRAIN_MS;
    if (given != 0 || said == NULL)
        return ERR_NONE;
    unsigned long value = strtoul(said, NULL, 10);
    if (said[strspn(said, "0123456789")] != '\0' || value > DRAIN_MAX_MS)
        return fault_set(fault, ERR_INVALID,
            "CAPSTAN_DRAIN_MS: '%.40s' is no number of ms up to %d", said,
            DRAIN_MAX_MS);
    *ms = (unsigned)value;
    return ERR_NONE;
}

static enum err
check_numbers(const struct options *o, struct fault *fault)
{
    if (o->concurrency > CONCURRENCY_MAX)
        return fault_set(fault, ERR_INVALID, "concurrency: %u is more than %d",
            o->concurrency, CONCURRENCY_MAX);
    if (o->server_key != NULL && strlen(o->server_key) != 40)
        return fault_set(
            fault, ERR_INVALID, "server_key: a key of CURVE has 40 characters");
    if (o->key != NULL && strlen(o->key) > KEY_MAX)
        return fault_set(
            fault, ERR_INVALID, "key: it is longer than %d bytes", KEY_MAX);
    return ERR_NONE;
}

static void
take_texts(const struct capstan_options *from, struct options *o)
{
    char instance[256];
    const char *given = from->instance;
    const char *key = from->key != NULL ? from->key : environment("CAPSTAN_API_KEY");
    o->url = find_url(from->url);
    o->local = is_local(o->url);
    o->key = copy_text(key);
    o->server_key =
        copy_text(from->server_key != NULL ? from->server_key
                                           : environment("CAPSTAN_SERVER_KEY"));
    o->instance = copy_text(
        given != NULL && given[0] != '\0' ? given : capstan_instance(instance));
    o->name =
        copy_text(from->name != NULL ? from->name : environment("III_WORKER_NAME"));
    o->version = copy_text(from->version);
    o->environment = copy_text(from->environment);
}

static void
take_numbers(const struct capstan_options *from, struct options *o)
{
    o->concurrency = from->concurrency ? from->concurrency : CONCURRENCY_DEFAULT;
    o->heartbeat_ms = from->heartbeat_ms;
    o->resend_ms = from->resend_ms ? from->resend_ms : RESEND_MS;
    o->plain = from->plain != 0;
    o->log = from->log;
    o->after_batch = from->after_batch;
    o->context = from->context;
}

static enum err
check_optional(const char *what, const char *name, struct fault *fault)
{
    return name == NULL || name[0] == '\0' ? ERR_NONE
                                           : check_name(what, text(name), fault);
}

enum err
options_take(const struct capstan_options *from, struct options *o, struct fault *fault)
{
    *o = (struct options){ 0 };
    take_texts(from, o);
    take_numbers(from, o);
    o->actions_given = from->actions != NULL && from->actions[0] != '\0';
    enum err e = check_numbers(o, fault);
    if (e == ERR_NONE)
        e = find_drain_ms(from->drain_ms, &o->drain_ms, fault);
    if (e == ERR_NONE)
        e = check_name("instance", text(o->instance), fault);
    if (e == ERR_NONE)
        e = check_optional("name", o->name, fault);
    if (e == ERR_NONE)
        e = check_optional("version", o->version, fault);
    if (e == ERR_NONE)
        e = check_optional("environment", o->environment, fault);
    if (e == ERR_NONE)
        e = options_names("queues", from->queues, &o->queues, fault);
    if (e == ERR_NONE)
        e = options_names("labels", from->labels, &o->labels, fault);
    if (e == ERR_NONE && o->actions_given)
        e = options_names("actions", from->actions, &o->actions, fault);
    return e;
}

void
options_free(struct options *o)
{
    free(o->url);
    free(o->key);
    free(o->server_key);
    free(o->instance);
    free(o->name);
    free(o->version);
    free(o->environment);
    buffer_free(&o->queues);
    buffer_free(&o->actions);
    buffer_free(&o->labels);
    *o = (struct options){ 0 };
}

/* <data>/dev.key, where <data> is the engine's folder as base/folder.h finds it. */
static FILE *
open_development_key(void)
{
    char path[URL_MAX];
    const char *found;
    int size = 0;
    if ((found = environment("CAPSTAN_DATA")) != NULL)
        size = snprintf(path, sizeof path, "%s/dev.key", found);
    else if ((found = environment("XDG_DATA_HOME")) != NULL)
        size = snprintf(path, sizeof path, "%s/capstan/dev.key", found);
    else if ((found = environment("HOME")) != NULL)
        size = snprintf(path, sizeof path, "%s/.local/share/capstan/dev.key", found);
    return size > 0 && (size_t)size < sizeof path ? fopen(path, "re") : NULL;
}

const char *
options_key(const struct options *o, char out[KEY_MAX + 1])
{
    out[0] = '\0';
    if (o->key != NULL)
        return o->key;
    FILE *in = o->local ? open_development_key() : NULL;
    if (in == NULL)
        return out;
    if (fgets(out, KEY_MAX + 1, in) == NULL)
        out[0] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    fclose(in);
    return out;
}
