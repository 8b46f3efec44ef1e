#include "base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOW_PORTS = 1u << CAP_NET_BIND_SERVICE };

/* All sets at once: those of `kept` that we have, and that a program we start has too.
 */
static bool
keep(uint32_t kept)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &head, sets) != 0)
        return false;
    kept &= sets[0].permitted;
    if (kept == 0 && sets[0].permitted == 0 && sets[1].permitted == 0)
        return true; /* systemd forbids the call to who has nothing to give up */
    memset(sets, 0, sizeof sets);
    sets[0].permitted = sets[0].effective = sets[0].inheritable = kept;
    if (syscall(SYS_capset, &head, sets) != 0)
        return false;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return kept == 0
           || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0)
                  == 0;
}

bool
privileges_drop(bool low_ports)
{
    /* What is not in the bounding set, no program can give us.  Who may not say so has
     * no_new_privs. */
    bool may = true;
    for (unsigned long c = 0; may && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
        if (!low_ports || c != CAP_NET_BIND_SERVICE)
            may = prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0;
    return keep(low_ports ? LOW_PORTS : 0)
           && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

enum err
privileges_of_owner(const char *folder, bool *changed, struct fault *fault)
{
    struct stat found;
    *changed = false;
    if (geteuid() != 0)
        return ERR_NONE;
    if (stat(folder, &found) != 0)
        return fault_set(fault, ERR_IO, "%.250s: %s", folder, strerror(errno));
    if (found.st_uid == 0)
        return ERR_NONE;
    *changed = true;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0
        || setresgid(found.st_gid, found.st_gid, found.st_gid) != 0
        || setresuid(found.st_uid, found.st_uid, found.st_uid) != 0)
        return fault_set(fault, ERR_IO,
            "%.250s belongs to user %u, whom we cannot be: %s", folder,
            (unsigned)found.st_uid, strerror(errno));
    return ERR_NONE;
}
