#include "gateway/development.h"

#include "base/clock.h"
#include "base/folder.h"
#include "base/list.h"
#include "base/log.h"
#include "base/wrong.h"
#include "gateway/bridge.h"
#include "gateway/private_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { RETRY_MS = 1000 };

struct development {
    struct gateway *gateway;
    const struct key *valid; /* as auth knows it; NULL: none */
    struct alarm alarm;      /* to ask again */
    struct key key;
    char prefix[KEY_PREFIX_SIZE];
    struct message message;
    bool done;
};

/* Whoever can read the file holds the key in it. */
static void
read_file(struct development *d)
{
    char line[KEY_TEXT_SIZE] = { 0 };
    char path[FOLDER_PATH_MAX];
    const char *data = d->gateway->child.config.data;
    int file = open(folder_path(data, "gateway/dev.key", path), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    if (read(file, line, sizeof line) == (ssize_t)sizeof line)
        d->valid = auth_check(d->gateway->auth, bytes_of(line, sizeof line));
    close(file);
    sodium_memzero(line, sizeof line);
}

static void answered(void *self, const struct message *answer);

static void
ask(struct development *d)
{
    struct gateway *g = d->gateway;
    struct message *m = &d->message;
    *m = (struct message){ .code = KEY_CREATE, .to = ACTOR_registry };
    m->envelope.project = d->key.project;
    m->envelope.trace = d->key.id;
    m->key_create.key = d->key.id;
    m->key_create.name = text(d->key.name);
    m->key_create.hash = bytes_of(d->key.hash.bytes, HASH_SIZE);
    m->key_create.scopes = d->key.scopes;
    m->key_create.prefix = bytes_of(d->prefix, sizeof d->prefix);
    bridge_ask(g->bridge, m, answered, d);
}

static void
ask_again(struct alarm *alarm)
{
    ask(LIST_OF(alarm, struct development, alarm));
}

static void
answered(void *self, const struct message *answer)
{
    struct development *d = self;
    if (answer->code == DOCUMENT) {
        auth_learn(d->gateway->auth, &d->key);
        d->done = true;
        read_file(d);
        return;
    }
    /* It names its own id: asking twice makes one key. */
    log_line(LOG_UNUSUAL, "development_key", "err=%s",
        err_name(
            answer->code == REFUSED ? refused_err(&answer->refused) : ERR_CORRUPT));
    alarm_set(&d->gateway->alarms, &d->alarm, clock_monotonic_ms() + RETRY_MS);
}

/* The file first: should we die in between, the next life makes another of both. */
static bool
mint(struct development *d)
{
    struct gateway *g = d->gateway;
    uint8_t chance[KEY_SECRET_SIZE];
    char line[KEY_TEXT_SIZE + 2];
    struct fault fault;
    d->key.id = id_fresh(0);
    d->key.project = id_of_name(text("default"));
    d->key.scopes = SCOPES_ALL;
    key_name(&d->key, text("development"));
    chance_fill(chance, sizeof chance);
    auth_mint(g->auth, &d->key.id, chance, line, &d->key.hash);
    memcpy(d->prefix, line, sizeof d->prefix);
    line[KEY_TEXT_SIZE] = '\n';
    enum err err = private_file_write(g->child.config.data, "dev.key", 0600,
        bytes_of(line, KEY_TEXT_SIZE + 1), &fault);
    sodium_memzero(chance, sizeof chance);
    sodium_memzero(line, sizeof line);
    if (err != ERR_NONE)
        log_line(LOG_BROKEN, "development_key", "detail=\"%s\"", fault.detail);
    return err == ERR_NONE;
}

void
development_begin(struct gateway *g)
{
    if (g->development != NULL || !config_loopback(g->child.config.http_address))
        return;
    struct development *d = g->development = calloc(1, sizeof *d);
    if (d == NULL)
        WRONG("out of memory");
    d->gateway = g;
    d->alarm.ring = ask_again;
    d->done = g->key_count > 0;
    if (d->done)
        read_file(d);
    else if (mint(d))
        ask(d);
    else
        d->done = true;
}

bool
development_pending(const struct gateway *g)
{
    return g->development != NULL && !g->development->done;
}

const struct key *
development_key(const struct gateway *g)
{
    const struct key *key = g->development == NULL ? NULL : g->development->valid;
    return key == NULL || key->refused ? NULL : key;
}

void
development_free(struct gateway *g)
{
    free(g->development);
    g->development = NULL;
}
