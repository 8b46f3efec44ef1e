#include "actors/keeper/kin.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

void
kin_signal(
    int signal, bool (*spared)(const void *context, pid_t pid), const void *context)
{
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *in = fopen(path, "re");
    /* Without that file of the kernel's a group is all that can be reached. */
    while (in != NULL && fscanf(in, "%d", &pid) == 1)
        if (spared == NULL || !spared(context, pid))
            kill(pid, signal);
    if (in != NULL)
        fclose(in);
}
