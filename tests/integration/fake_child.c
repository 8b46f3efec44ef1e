/* A process that plays any part of the engine, badly if asked to.
 *
 * It is started under its part's name.  Beside it lies `PART.plan`, with a word for
 * each of its lives, the last one for all that follow:
 *
 *   ready   say so and wait for the end
 *   late    the same, once a file `go` is beside it
 *   die     end before being ready
 *   refuse  say that a port is in use
 *   deaf    be ready and do not hear SIGTERM
 *
 * Each life adds a line "PART.INSTANCE PID SURPRISES" to the file `lives`, each orderly
 * end a line "PART.INSTANCE" to `ends`.  Surprises are descriptors that nobody
 * promised, and a missing lock. */
#include "base/child.h"
#include "base/log.h"

#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

static char folder[512], part[32];

static void
add_line(const char *file, const char *line)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
        abort();
    close(fd);
}

/* The lives of this process so far. */
static unsigned
count_lives(const char *name)
{
    char path[600], line[128];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/lives", folder);
    FILE *in = fopen(path, "r");
    while (in != NULL && fgets(line, sizeof line, in) != NULL)
        count += strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ';
    if (in != NULL)
        fclose(in);
    return count;
}

static unsigned
count_surprises(void)
{
    unsigned count = fcntl(5, F_GETFD) == -1;
    for (int fd = 6; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

static void
read_plan(unsigned life, char word[32])
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s.plan", folder, part);
    FILE *in = fopen(path, "r");
    strcpy(word, "ready");
    for (unsigned i = 0; in != NULL && i <= life; i++)
        if (fscanf(in, "%31s", word) != 1)
            break;
    if (in != NULL)
        fclose(in);
}

static void
wait_for_go(void)
{
    char path[600], event[4096];
    int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, folder, IN_CREATE) < 0)
        abort();
    snprintf(path, sizeof path, "%s/go", folder);
    while (access(path, F_OK) != 0)
        if (read(watch, event, sizeof event) <= 0)
            abort();
    close(watch);
}

static void
play(struct child *child, const char *word)
{
    if (strcmp(word, "die") == 0) {
        fputs("something a library says\n", stderr);
        exit(3);
    }
    if (strcmp(word, "refuse") == 0)
        child_fail(
            child, "http_port: %u on 127.0.0.1 is in use", child->config.http_port);
    if (strcmp(word, "late") == 0)
        wait_for_go();
    if (strcmp(part, "gateway") == 0)
        child_ready(child, "http=%u worker=5171 iii=5172 iii_http=5173",
            child->config.http_port == 0 ? 4000 : child->config.http_port);
    else
        child_ready(child, "%s", "");
    while (strcmp(word, "deaf") == 0)
        pause();
}

int
main(int argc, char **argv)
{
    struct child child;
    char line[128], word[32], path[512];
    snprintf(path, sizeof path, "%s", argv[0]);
    snprintf(folder, sizeof folder, "%s", dirname(path));
    snprintf(path, sizeof path, "%s", argv[0]);
    snprintf(part, sizeof part, "%s", basename(path));
    unsigned surprises = count_surprises();
    child_start(argc, argv, part, &child);
    unsigned life = count_lives(child.name);
    snprintf(line, sizeof line, "%s %d %u\n", child.name, getpid(), surprises);
    add_line("lives", line);
    log_line(LOG_INFO, "playing", "life=%u", life);
    read_plan(life, word);
    play(&child, word);
    struct pollfd door = { .fd = child.stop_fd, .events = POLLIN };
    while (!child_stopping(&child))
        (void)poll(&door, 1, -1);
    snprintf(line, sizeof line, "%s\n", child.name);
    add_line("ends", line);
    return 0;
}
