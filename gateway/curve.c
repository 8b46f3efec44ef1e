#include "gateway/curve.h"

#include "base/folder.h"
#include "gateway/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <zmq.h>

static enum err
make(const char *data, char secret[CURVE_TEXT_SIZE], struct fault *fault)
{
    char public[CURVE_TEXT_SIZE];
    if (zmq_curve_keypair(public, secret) != 0)
        return fault_set(fault, ERR_IO, "libzmq has no CURVE");
    /* The public half first: the secret's being there means that both are. */
    enum err err = private_file_write(data, "curve.public", 0644, text(public), fault);
    if (err != ERR_NONE)
        return err;
    return private_file_write(data, "curve.secret", 0600, text(secret), fault);
}

enum err
curve_secret(const char *data, char secret[CURVE_TEXT_SIZE], struct fault *fault)
{
    char path[FOLDER_PATH_MAX];
    int fd =
        open(folder_path(data, "gateway/curve.secret", path), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return make(data, secret, fault);
    if (fd < 0)
        return fault_set(fault, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    ssize_t size = read(fd, secret, CURVE_TEXT_SIZE);
    close(fd);
    if (size != CURVE_TEXT_SIZE - 1)
        return fault_set(fault, ERR_CORRUPT, "%s is not a key of 40 characters", path);
    secret[CURVE_TEXT_SIZE - 1] = '\0';
    return ERR_NONE;
}
