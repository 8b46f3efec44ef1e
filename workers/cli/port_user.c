#include "workers/cli/port_user.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LISTENS = 0x0a, LINE_SIZE = 512, PATH_SIZE = 64 };

/* A connection that is over has no inode any more. */
static void
read_table(
    const char *path, unsigned port, struct port_user *user, unsigned long *inode)
{
    char line[LINE_SIZE];
    FILE *table = fopen(path, "re");
    if (table == NULL)
        return;
    while (fgets(line, sizeof line, table) != NULL) {
        unsigned local, state;
        unsigned long node;
        if (sscanf(line, "%*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %lu",
                &local, &state, &node)
                != 3
            || local != port)
            continue;
        enum port_use use = state == LISTENS ? PORT_LISTENED : PORT_CONNECTED;
        if (use > user->use || (use == user->use && node != 0)) {
            user->use = use;
            *inode = node;
        }
    }
    fclose(table);
}

/* Has the process this socket? */
static bool
holds(const char *pid, const char *socket)
{
    char path[PATH_SIZE + 256], found[PATH_SIZE];
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    DIR *open = opendir(path);
    struct dirent *entry;
    bool holds = false;
    while (open != NULL && !holds && (entry = readdir(open)) != NULL) {
        snprintf(path, sizeof path, "/proc/%.20s/fd/%.200s", pid, entry->d_name);
        ssize_t size = readlink(path, found, sizeof found - 1);
        found[size > 0 ? size : 0] = '\0';
        holds = strcmp(found, socket) == 0;
    }
    if (open != NULL)
        closedir(open);
    return holds;
}

static void
name_program(struct port_user *user)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)user->pid);
    FILE *name = fopen(path, "re");
    if (name == NULL)
        return;
    if (fgets(user->program, sizeof user->program, name) != NULL)
        user->program[strcspn(user->program, "\n")] = '\0';
    fclose(name);
}

void
port_user_find(unsigned port, struct port_user *user)
{
    char socket[PATH_SIZE];
    unsigned long inode = 0;
    struct dirent *entry;
    *user = (struct port_user){ .use = PORT_FREE };
    read_table("/proc/net/tcp", port, user, &inode);
    read_table("/proc/net/tcp6", port, user, &inode);
    DIR *all = inode != 0 ? opendir("/proc") : NULL;
    if (all == NULL)
        return;
    snprintf(socket, sizeof socket, "socket:[%lu]", inode);
    while (user->pid == 0 && (entry = readdir(all)) != NULL)
        if (isdigit((unsigned char)entry->d_name[0]) && holds(entry->d_name, socket))
            user->pid = (pid_t)strtol(entry->d_name, NULL, 10);
    closedir(all);
    if (user->pid != 0)
        name_program(user);
}
