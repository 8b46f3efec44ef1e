#include "actors/keeper/environment.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Handed on as they are. */
static const char *const inherited[] = { "PATH", "HOME", "USER", "LOGNAME", "SHELL",
    "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "http_proxy",
    "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "PIP_CERT",
    "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE" };

/* Libraries for workers, where they lie beside the engine: two folders above
 * libexec/capstan, also in a build folder. */
static const struct {
    const char *name, *path;
} beside[] = {
    { "PKG_CONFIG_PATH", "/lib/pkgconfig" },
    { "PYTHONPATH", "/share/capstan/workers/python" },
};

enum {
    PATH_SIZE = 64,  /* of beside */
    LEAVE_MS = 1000, /* from when a worker waits no more until it is gone */
    OWN_MAX = 7 + COUNT(beside),
    LIST_MAX = COUNT(inherited) + MANIFEST_ENV_MAX + OWN_MAX
};

struct list {
    struct arena *arena;
    char **items;
    size_t count;
};

/* The last of a name holds. */
static void
put(struct list *list, const char *name, const char *value)
{
    size_t length = strlen(name), size = length + 1 + strlen(value) + 1, at = 0;
    char *item = arena_take(list->arena, size);
    snprintf(item, size, "%s=%s", name, value);
    while (at < list->count && strncmp(list->items[at], item, length + 1) != 0)
        at++;
    list->items[at] = item;
    list->count += at == list->count;
}

static const char *
path_beside(const char *path, char out[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - PATH_SIZE);
    out[size > 0 ? size : 0] = '\0';
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(out, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    snprintf(out + strlen(out), PATH_SIZE, "%s", path);
    return access(out, X_OK) == 0 ? out : NULL;
}

char **
environment_make(const struct manifest *manifest, const struct config *config,
    unsigned grace_ms, const char *key, struct arena *arena)
{
    char url[CONFIG_URL_MAX], path[PATH_MAX], drain_ms[16];
    struct list list = { arena, arena_take(arena, (LIST_MAX + 1) * sizeof(char *)), 0 };
    for (size_t i = 0; i < COUNT(inherited); i++)
        if (getenv(inherited[i]) != NULL)
            put(&list, inherited[i], getenv(inherited[i]));
    for (size_t i = 0; i < COUNT(beside); i++)
        if (path_beside(beside[i].path, path) != NULL)
            put(&list, beside[i].name, path);
    put(&list, "CAPSTAN_API_KEY", key);
    for (size_t i = 0; i < manifest->env_count; i++)
        put(&list, manifest->env[i].name, manifest->env[i].value);
    config_http_url(url, config, "http", config->http_address, config->http_port);
    put(&list, "CAPSTAN_URL", url);
    config_url(url, "tcp", config->worker_address, config->worker_port);
    put(&list, "CAPSTAN_WORKER_URL", url);
    config_http_url(url, config, "ws", config->iii_address, config->iii_port);
    put(&list, "III_URL", url);
    put(&list, "III_ENGINE_URL", url);
    put(&list, "III_WORKER_NAME", manifest->name);
    snprintf(
        drain_ms, sizeof drain_ms, "%u", grace_ms > LEAVE_MS ? grace_ms - LEAVE_MS : 0);
    put(&list, "CAPSTAN_DRAIN_MS", drain_ms);
    return list.items;
}
