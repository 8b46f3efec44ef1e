/* What a link can do: messages per second one way in packets, and round trips of one.
 */
#include "base/clock.h"
#include "tests/bench/rows.h"
#include "transport/mailbox.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUND_MS = 1000, PACKET = 64 };

static struct mailbox *
open_as(enum actor_name self, const char *folder)
{
    struct mailbox_options options = {
        .self = self,
        .epoch = clock_unix_ms() * 1000,
        .schedulers = 1,
        .folder = folder,
        .message_max = 1 << 20,
    };
    struct mailbox *mailbox;
    struct fault fault;
    if (mailbox_open(&options, &mailbox, &fault) != ERR_NONE) {
        fprintf(stderr, "%s\n", fault.detail);
        exit(EXIT_FAILURE);
    }
    return mailbox;
}

/* The other side: answers each RUN_CANCEL with a RUN_ACCEPTED. */
static void
echo(const char *folder)
{
    struct mailbox *mailbox = open_as(ACTOR_scheduler, folder);
    for (;;) {
        struct message in;
        mailbox_wait(mailbox, UINT64_MAX, -1);
        while (mailbox_receive(mailbox, &in)) {
            if (in.code != RUN_CANCEL)
                continue;
            struct message out = { .code = RUN_ACCEPTED, .to = ACTOR_gateway };
            out.run_accepted.request = in.run_cancel.request;
            mailbox_send(mailbox, &out);
        }
        mailbox_flush(mailbox);
        mailbox_release(mailbox);
    }
}

struct bench {
    struct mailbox *mailbox;
    unsigned packet;
};

static unsigned
answers(struct mailbox *mailbox)
{
    unsigned count = 0;
    struct message in;
    mailbox_wait(mailbox, 1000, -1);
    while (mailbox_receive(mailbox, &in))
        count += in.code == RUN_ACCEPTED;
    mailbox_release(mailbox);
    return count;
}

static double
round_of(void *self)
{
    struct bench *bench = self;
    uint64_t begin_us = clock_monotonic_us(), trips = 0, now_us = begin_us;
    while (now_us - begin_us < ROUND_MS * 1000) {
        for (unsigned i = 0; i < bench->packet; i++) {
            struct message m = { .code = RUN_CANCEL, .to = ACTOR_scheduler };
            m.run_cancel.request = i + 1;
            m.run_cancel.reason = text("a reason of some length, as people give it");
            mailbox_send(bench->mailbox, &m);
        }
        mailbox_flush(bench->mailbox);
        for (unsigned seen = 0; seen < bench->packet;)
            seen += answers(bench->mailbox);
        trips += bench->packet;
        now_us = clock_monotonic_us();
    }
    return (double)trips * 1e6 / (double)(now_us - begin_us);
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: bench_transport FOLDER\n");
        return 2;
    }
    pid_t child = fork();
    if (child == 0)
        echo(argv[1]);
    struct bench bench = { open_as(ACTOR_gateway, argv[1]), 1 };
    bench_row("transport: round trips, one at a time", "trips/s", round_of, &bench);
    bench.packet = PACKET;
    bench_row("transport: round trips, 64 in a packet", "trips/s", round_of, &bench);
    mailbox_close(&bench.mailbox);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return EXIT_SUCCESS;
}
