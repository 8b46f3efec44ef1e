#include "base/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What <linux/landlock.h> of Debian 12 does not know yet. */
enum {
    ABI_REFER = 2,
    ABI_TRUNCATE,
    ABI_TCP,
    ABI_IOCTL,
    ABI_SCOPE = LANDLOCK_ABI_WHOLE
};
enum { RULE_PORT = 2, TCP_BIND = 1 << 0, TCP_CONNECT = 1 << 1 };
enum { SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1 };
enum { RIGHTS_1 = (1 << 13) - 1, TRUNCATE = 1 << 14, IOCTL_DEV = 1 << 15 };

struct ruleset {
    uint64_t files, ports, scopes;
};

struct port_rule {
    uint64_t rights, port;
};

static const uint64_t of_files =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE;
static const uint64_t rights_of[] = {
    [LANDLOCK_READ] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    [LANDLOCK_WRITE] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR
                       | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG
                       | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK
                       | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR
                       | TRUNCATE,
};

/* All that this kernel can forbid. */
static uint64_t
handled(int abi)
{
    uint64_t rights = RIGHTS_1;
    if (abi >= ABI_REFER)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= ABI_TRUNCATE)
        rights |= TRUNCATE;
    if (abi >= ABI_IOCTL)
        rights |= IOCTL_DEV;
    return rights;
}

bool
landlock_begin(struct landlock *landlock, bool any_port)
{
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    landlock->abi = (int)abi;
    landlock->fd = -1;
    if (abi < 1)
        return false;
    struct ruleset all = { .files = handled((int)abi) };
    size_t size = sizeof all.files;
    if (abi >= ABI_TCP) {
        all.ports = any_port ? TCP_CONNECT : TCP_BIND | TCP_CONNECT;
        size += sizeof all.ports;
    }
    if (abi >= ABI_SCOPE) {
        all.scopes = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
        size += sizeof all.scopes;
    }
    landlock->fd = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
    return landlock->fd >= 0;
}

void
landlock_allow_path(
    struct landlock *landlock, const char *path, enum landlock_rights rights)
{
    struct stat found;
    struct landlock_path_beneath_attr rule = {
        .allowed_access = rights_of[rights] & handled(landlock->abi),
        .parent_fd = open(path, O_PATH | O_CLOEXEC),
    };
    if (rule.parent_fd < 0)
        return;
    if (fstat(rule.parent_fd, &found) == 0 && !S_ISDIR(found.st_mode))
        rule.allowed_access &= of_files;
    (void)syscall(
        SYS_landlock_add_rule, landlock->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
}

void
landlock_allow_port(struct landlock *landlock, unsigned port)
{
    struct port_rule rule = { TCP_BIND, port };
    if (landlock->abi >= ABI_TCP)
        (void)syscall(SYS_landlock_add_rule, landlock->fd, RULE_PORT, &rule, 0);
}

bool
landlock_end(struct landlock *landlock)
{
    long failed = syscall(SYS_landlock_restrict_self, landlock->fd, 0);
    close(landlock->fd);
    landlock->fd = -1;
    return failed == 0;
}
