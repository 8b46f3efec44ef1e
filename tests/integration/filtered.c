/* Become a program that may make no system calls but those named on standard input, a
 * line each: as a SystemCallFilter of systemd lets it. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    char name[128];
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (argc < 2 || filter == NULL)
        return EXIT_FAILURE;
    while (fgets(name, sizeof name, stdin) != NULL) {
        name[strcspn(name, "\n")] = '\0';
        int call = seccomp_syscall_resolve_name(name);
        if (call >= 0 && seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) != 0)
            return EXIT_FAILURE;
    }
    if (seccomp_load(filter) != 0)
        return EXIT_FAILURE;
    execv(argv[1], argv + 1);
    return EXIT_FAILURE;
}
