#include "base/child.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/id.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { SETTINGS_FD = 3, READY_FD = 4, FILES_MAX = 262144 };

_Noreturn static void
by_hand(const char *actor)
{
    fprintf(stderr,
        "%s is a part of the engine and is started by capstand, not by hand.\n", actor);
    exit(2);
}

static bool
read_instance(const char *word, unsigned *instance)
{
    char *end;
    unsigned long value = strtoul(word, &end, 10);
    *instance = (unsigned)value;
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && value < PARTITIONS_MAX;
}

/* A line of "NAME=" and as many bytes in hexadecimal digits. */
static bool
read_hex(FILE *in, const char *name, uint8_t *out, size_t out_size)
{
    char line[16 + 2 * SECRET_SIZE];
    size_t size, name_size = strlen(name), digits = 2 * out_size;
    bool read =
        fgets(line, sizeof line, in) != NULL && strlen(line) == name_size + digits + 1
        && memcmp(line, name, name_size) == 0
        && sodium_hex2bin(out, out_size, line + name_size, digits, NULL, &size, NULL)
               == 0
        && size == out_size;
    sodium_memzero(line, sizeof line);
    return read;
}

static bool
read_clock(FILE *in, int64_t *clock_ms)
{
    char line[40], *end;
    if (fgets(line, sizeof line, in) == NULL || memcmp(line, "clock=", 6) != 0)
        return false;
    *clock_ms = strtoll(line + 6, &end, 10);
    clock_begin(*clock_ms);
    return end > line + 6 && strcmp(end, "\n") == 0;
}

static void
read_settings(struct child *child, const char *actor)
{
    struct fault fault;
    FILE *in = fdopen(SETTINGS_FD, "r");
    if (in == NULL)
        by_hand(actor);
    config_default(&child->config);
    if (!read_hex(in, "secret=", child->secret, SECRET_SIZE)
        || !read_hex(in, "life=", child->life, MAC_SIZE)
        || !read_clock(in, &child->clock_ms))
        by_hand(actor);
    if (config_read(in, &child->config, &fault) != ERR_NONE)
        child_fail(child, "%s", fault.detail);
    fclose(in);
}

/* Threads that start later inherit the mask, so that only stop_fd hears SIGTERM. */
static void
take_signals(struct child *child)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    child->stop_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (child->stop_fd < 0)
        child_fail(child, "signalfd: %s", strerror(errno));
}

static void
raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
    /* With fewer files the limits of config.def are met sooner; nothing breaks. */
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void
child_start(int argc, char **argv, const char *actor, struct child *child)
{
    memset(child, 0, sizeof *child);
    if (argc != 2 || !read_instance(argv[1], &child->instance)
        || fcntl(READY_FD, F_SETFD, FD_CLOEXEC) != 0
        || fcntl(SETTINGS_FD, F_SETFD, FD_CLOEXEC) != 0)
        by_hand(actor);
    (void)fcntl(CHILD_LOCK_FD, F_SETFD, FD_CLOEXEC);
    /* The secret must not be read out of a core or by ptrace. */
    prctl(PR_SET_DUMPABLE, 0);
    if (sodium_init() < 0)
        child_fail(child, "libsodium does not start");
    read_settings(child, actor);
    snprintf(child->name, sizeof child->name, "%s.%u", actor, child->instance);
    log_open(child->name, log_level_named(child->config.log_level));
    folder_path(child->config.data, "run", child->run_folder);
    folder_journal(child->config.data, actor, child->instance, child->journal_folder);
    take_signals(child);
    raise_limit();
    enum err e = counters_open(child->run_folder, child->name);
    if (e != ERR_NONE)
        child_fail(child, "counters in %s: %s", child->run_folder, err_sentence(e));
}

void
child_shut_in(struct child *child, bool owns_journal)
{
    char actor[sizeof child->name];
    snprintf(actor, sizeof actor, "%.*s", (int)strcspn(child->name, "."), child->name);
    struct sandbox sandbox = {
        .actor = actor,
        .config = &child->config,
        .journal = owns_journal ? child->journal_folder : NULL,
    };
    sandbox_enter(&sandbox, child->sandbox);
}

static void
say(const char *word, const char *sentence)
{
    char line[512];
    snprintf(line, sizeof line - 1, "%s %s", word, sentence);
    size_t end = strlen(line);
    while (end > 0 && line[end - 1] == ' ')
        end--;
    line[end] = '\n';
    /* Without a supervisor there is nobody to tell, and we end soon. */
    (void)!write(READY_FD, line, end + 1);
    close(READY_FD);
}

void
child_ready(struct child *child, const char *format, ...)
{
    char detail[256], clock[32] = "";
    char sentence[sizeof detail + sizeof clock + SANDBOX_SAID_MAX + 16];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (clock_offset_ms() != child->clock_ms)
        snprintf(clock, sizeof clock, "clock=%" PRId64 " ", clock_offset_ms());
    snprintf(sentence, sizeof sentence, "%s%s%s%s%s", clock, detail,
        detail[0] != '\0' ? " " : "", child->sandbox[0] != '\0' ? "sandbox=" : "",
        child->sandbox);
    say("ready", sentence);
}

void
child_fail(struct child *child, const char *format, ...)
{
    char sentence[512];
    va_list args;
    (void)child;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    say("failed", sentence);
    /* Without what libraries do at exit: czmq complains of each socket that is open. */
    _exit(1);
}

bool
child_stopping(const struct child *child)
{
    struct pollfd door = { .fd = child->stop_fd, .events = POLLIN };
    return poll(&door, 1, 0) > 0;
}
