#include "tests/contract/child.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int report_to;

int
in_child(void (*child)(struct place *place), struct place *place, struct buffer *said)
{
    int ends[2], status;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        child(place);
        _exit(0);
    }
    close(ends[1]);
    char chunk[512];
    for (ssize_t size; (size = read(ends[0], chunk, sizeof chunk)) > 0;)
        buffer_append(said, chunk, (size_t)size);
    close(ends[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

void
write_for_ever(struct place *place)
{
    struct journal *j = place_open(place);
    for (uint64_t i = journal_last(j) + 1;; i++) {
        bool durable = i % 3 != 0;
        journal_append(j, i, numbered("fact", i));
        journal_put(j, text("count"), numbered("", i));
        journal_put(j, numbered("key", i), numbered("value", i));
        if (journal_commit(j, durable) != ERR_NONE)
            _exit(1);
        if (write(report_to, &i, sizeof i) != sizeof i)
            _exit(2);
    }
}

uint64_t
write_and_kill(struct place *place, int reports)
{
    int ends[2];
    uint64_t last = 0, number;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(ends[0]);
        report_to = ends[1];
        write_for_ever(place);
    }
    close(ends[1]);
    while (reports-- > 0 && read(ends[0], &number, sizeof number) == sizeof number)
        last = number;
    kill(pid, SIGKILL);
    while (read(ends[0], &number, sizeof number) == sizeof number)
        last = number;
    close(ends[0]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    return last;
}
