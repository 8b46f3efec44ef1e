#include "base/sandbox.h"

#include "base/landlock.h"
#include "base/privileges.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __has_feature
    #if __has_feature(address_sanitizer) && !defined __SANITIZE_ADDRESS__
        #define __SANITIZE_ADDRESS__
    #endif
#endif

enum { FAMILIES_MAX = 64, LOW_PORT_MAX = 1023 };
enum who { ANY, JOURNALED, VIEW, GATEWAY };
enum root { DATA, JOURNAL, WORKFLOWS, ZONEINFO, HOST };

static const struct place {
    enum who who;
    enum root root;
    const char *below;
    enum landlock_rights rights;
} places[] = {
#define PLACE(who, root, below, rights) { who, root, below, LANDLOCK_##rights },
#include "base/sandbox.def"
};

static const char *const forbidden[] = {
#define FORBIDDEN(call) #call,
#include "base/sandbox_calls.def"
};

static bool
is_who(const struct sandbox *sandbox, enum who who)
{
    switch (who) {
    case ANY: return true;
    case JOURNALED: return sandbox->journal != NULL;
    case VIEW: return strcmp(sandbox->actor, "view") == 0;
    case GATEWAY: return strcmp(sandbox->actor, "gateway") == 0;
    }
    return false;
}

/* ---- files and ports ---- */

static const char *
root_of(const struct sandbox *sandbox, enum root root)
{
    switch (root) {
    case DATA: return sandbox->config->data;
    case JOURNAL: return sandbox->journal;
    case WORKFLOWS: return sandbox->config->workflows;
    case ZONEINFO: return sandbox->config->zoneinfo;
    case HOST: return "";
    }
    return "";
}

static void
allow_places(struct landlock *landlock, const struct sandbox *sandbox)
{
    char path[CONFIG_TEXT_MAX + 64];
    for (size_t i = 0; i < COUNT(places); i++) {
        const struct place *p = &places[i];
        if (!is_who(sandbox, p->who))
            continue;
        snprintf(path, sizeof path, "%s%s%s", root_of(sandbox, p->root),
            p->root == DATA ? "/" : "", p->below);
        if (path[0] != '\0')
            landlock_allow_path(landlock, path, p->rights);
    }
}

enum { PORT_COUNT = 4 };

/* The lowest of those that are listened at: 0, if a free one is looked for. */
static uint32_t
ports_of(const struct config *config, uint32_t ports[PORT_COUNT])
{
    const uint32_t all[PORT_COUNT] = { config->http_port, config->worker_port,
        config->iii_port, config->iii_http_port };
    uint32_t lowest = UINT32_MAX;
    memcpy(ports, all, sizeof all);
    for (size_t i = 0; i < PORT_COUNT; i++)
        lowest = all[i] < lowest ? all[i] : lowest;
    return lowest;
}

/* Returns the ABI of Landlock, 0 for none. */
static int
limit_files(const struct sandbox *sandbox)
{
    struct landlock landlock;
    uint32_t ports[PORT_COUNT];
    bool listens = is_who(sandbox, GATEWAY);
    bool any = ports_of(sandbox->config, ports) == 0 && listens;
    if (!landlock_begin(&landlock, any))
        return 0;
    allow_places(&landlock, sandbox);
    for (size_t i = 0; listens && !any && i < PORT_COUNT; i++)
        landlock_allow_port(&landlock, ports[i]);
    return landlock_end(&landlock) ? landlock.abi : 0;
}

/* ---- system calls ---- */

/* Threads are wanted, processes are not.  Where the flags of a call lie in memory, they
 * cannot be judged: the C library then makes the older call. */
static int
forbid_processes(scmp_filter_ctx filter)
{
    int failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
        SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return failed;
}

static int
forbid_signals(scmp_filter_ctx filter)
{
    scmp_datum_t self = (scmp_datum_t)getpid();
    static const int calls[] = { SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(tkill),
        SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo) };
    int failed = 0;
    for (size_t i = 0; i < COUNT(calls); i++)
        failed |= seccomp_rule_add(
            filter, SCMP_ACT_ERRNO(EPERM), calls[i], 1, SCMP_A0(SCMP_CMP_NE, self));
    return failed;
}

/* The gateway asks the kernel for its addresses by NETLINK. */
static int
forbid_families(scmp_filter_ctx filter, bool gateway)
{
    int failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
        SCMP_A0(SCMP_CMP_GE, FAMILIES_MAX));
    for (scmp_datum_t family = 0; family < FAMILIES_MAX; family++) {
        bool needed =
            family == AF_UNIX
            || (gateway
                && (family == AF_INET || family == AF_INET6 || family == AF_NETLINK));
        if (!needed)
            failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket),
                1, SCMP_A0(SCMP_CMP_EQ, family));
    }
    return failed;
}

static bool
limit_calls(const struct sandbox *sandbox)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int failed = filter == NULL;
    for (size_t i = 0; !failed && i < COUNT(forbidden); i++) {
        int call = seccomp_syscall_resolve_name(forbidden[i]);
        /* Negative: it is of another kind of machine, or newer than the library. */
        if (call >= 0)
            failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
    }
    failed = failed || forbid_processes(filter) || forbid_signals(filter)
             || forbid_families(filter, is_who(sandbox, GATEWAY));
    if (!failed) {
        (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
        failed = seccomp_load(filter);
    }
    seccomp_release(filter);
    return !failed;
}

/* ---- the rest ---- */

static bool
has_low_port(const struct config *config)
{
    uint32_t ports[PORT_COUNT];
    (void)ports_of(config, ports);
    for (size_t i = 0; i < PORT_COUNT; i++)
        if (ports[i] > 0 && ports[i] <= LOW_PORT_MAX)
            return true;
    return false;
}

static bool
limit_resources(void)
{
    struct rlimit files, none = { 0, 0 };
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return false;
    files.rlim_max = files.rlim_cur;
    return setrlimit(RLIMIT_NOFILE, &files) == 0 && setrlimit(RLIMIT_CORE, &none) == 0
           && setrlimit(RLIMIT_MSGQUEUE, &none) == 0;
}

static void
say(char said[SANDBOX_SAID_MAX], bool done, const char *missing)
{
    size_t used = strlen(said);
    if (!done)
        snprintf(
            said + used, SANDBOX_SAID_MAX - used, "%s%s", used > 0 ? "," : "", missing);
}

/* An older one lets by what it does not know: TCP below 4, signals below 6. */
static void
say_landlock(char said[SANDBOX_SAID_MAX], int abi)
{
    char older[16];
    snprintf(older, sizeof older, abi > 0 ? "landlock_%d" : "no_landlock", abi);
    say(said, abi >= LANDLOCK_ABI_WHOLE, older);
}

void
sandbox_enter(const struct sandbox *sandbox, char said[SANDBOX_SAID_MAX])
{
    said[0] = '\0';
#ifdef __SANITIZE_ADDRESS__
    const bool wanted = false; /* its leak check starts a process that looks at us */
#else
    const bool wanted = sandbox->config->sandbox != 0;
#endif
    if (!wanted) {
        snprintf(said, SANDBOX_SAID_MAX, "off");
        return;
    }
    bool low_ports = is_who(sandbox, GATEWAY) && has_low_port(sandbox->config);
    say(said, limit_resources(), "no_limits");
    say(said, privileges_drop(low_ports), "capabilities");
    say_landlock(said, limit_files(sandbox));
    say(said, limit_calls(sandbox), "no_seccomp");
    if (said[0] == '\0')
        snprintf(said, SANDBOX_SAID_MAX, "whole");
}
