#include "base/buffer.h"
#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_SIZE_MAX = 1024 * 1024 };

/* One that may not be read counts: to begin without it would be to begin as another
 * engine. */
static bool
is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

const char *
config_file(char out[CONFIG_TEXT_MAX + 1])
{
    const char *named = getenv("CAPSTAN_CONFIG"), *home = getenv("XDG_CONFIG_HOME");
    const char *below = "capstan/capstan.yaml";
    if (named != NULL && named[0] != '\0') {
        snprintf(out, CONFIG_TEXT_MAX + 1, "%s", named);
        return out;
    }
    if (is_there("capstan.yaml"))
        return strcpy(out, "capstan.yaml");
    if (home == NULL || home[0] == '\0') {
        home = getenv("HOME");
        below = ".config/capstan/capstan.yaml";
    }
    if (home == NULL)
        return NULL;
    snprintf(out, CONFIG_TEXT_MAX + 1, "%s/%s", home, below);
    return is_there(out) ? out : NULL;
}

static enum err
read_all(const char *path, struct buffer *in, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fault_set(fault, ERR_NOT_FOUND, "%.200s: %s", path, strerror(errno));
    ssize_t size;
    do {
        size = read(fd, buffer_reserve(in, 65536), 65536);
        in->size += size > 0 ? (size_t)size : 0;
    } while (size > 0 && in->size <= FILE_SIZE_MAX);
    int why = errno;
    close(fd);
    if (size < 0)
        return fault_set(fault, ERR_IO, "%.200s: %s", path, strerror(why));
    return ERR_NONE;
}

enum err
config_read_file(const char *path, struct config *config, struct fault *fault)
{
    struct buffer in = { 0 };
    struct fault inner = { 0 };
    enum err e = read_all(path, &in, fault);
    if (e == ERR_NONE) {
        e = config_read_yaml(buffer_bytes(&in), config, &inner);
        if (e != ERR_NONE)
            fault_set(fault, e, "%.100s: %.290s", path, inner.detail);
    }
    buffer_free(&in);
    return e;
}
