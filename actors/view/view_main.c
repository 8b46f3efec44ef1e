#include "actors/view/followers.h"
#include "actors/view/view.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/epoch.h"
#include "transport/mailbox.h"

#include <assert.h>
#include <stdlib.h>

enum {
    BATCH_MAX = 256,       /* questions */
    BATCH_BYTES = 8 << 20, /* of answers, before they are let go */
    QUESTION_BYTES_MAX = 65536,
    REFRESH_MS = 60000
};

struct process {
    struct child child;
    struct mailbox *mailbox;
    struct followers followers;
    struct view view;
    struct message questions[BATCH_MAX];
    struct message answer;
    uint64_t refreshed_ms;
};

static void
open_mailbox(struct process *p)
{
    struct mailbox_options options = {
        .self = ACTOR_view,
        .instance = p->child.instance,
        .schedulers = p->child.config.schedulers,
        .folder = p->child.run_folder,
        .message_max = QUESTION_BYTES_MAX,
    };
    struct fault fault;
    if (epoch_next(p->child.config.data, p->child.name, &options.epoch, &fault)
            != ERR_NONE
        || mailbox_open(&options, &p->mailbox, &fault) != ERR_NONE)
        child_fail(&p->child, "%s", fault.detail);
}

static void
open_view(struct process *p)
{
    const struct config *config = &p->child.config;
    /* Less than the gateway takes: the steps come on top. */
    size_t fits = (size_t)config->payload_max * 2 + config->automation_max;
    followers_open(&p->followers, config);
    p->view = (struct view){
        .partitions = config->schedulers,
        .journal = followers_journal,
        .self = &p->followers,
        .bytes_max = fits < DOCUMENT_BYTES_MAX ? fits : DOCUMENT_BYTES_MAX,
    };
}

/* All that has arrived, so that what it asks for is read once.  A HELLO asks nothing.
 */
static size_t
drain(struct process *p)
{
    size_t count = 0;
    while (count < BATCH_MAX && mailbox_receive(p->mailbox, &p->questions[count]))
        count += p->questions[count].code != HELLO;
    return count;
}

/* Returns the bytes of the answer. */
static size_t
answer(struct process *p, const struct message *in)
{
    struct outbox out = { .in = in,
        .project = in->envelope.project,
        .partition = in->envelope.partition,
        .arena = &p->view.arena,
        .messages = &p->answer };
    uint64_t until_ms = in->envelope.deadline_ms;
    if (until_ms != 0 && clock_unix_ms() > until_ms)
        return 0; /* nobody waits for it */
    view_answer(&p->view, in, &out);
    assert(out.count == 1);
    mailbox_send(p->mailbox, &p->answer);
    count(COUNTER_turns, 1);
    return p->view.document.size;
}

static void
answer_all(struct process *p)
{
    size_t bytes = 0, questions = drain(p);
    followers_begin(&p->followers);
    for (size_t i = 0; i < questions; i++) {
        bytes += answer(p, &p->questions[i]);
        if (bytes > BATCH_BYTES || i + 1 == questions) {
            mailbox_flush(p->mailbox);
            bytes = 0;
        }
    }
    mailbox_release(p->mailbox);
}

/* At first, and then now and then, though nobody asks: HELLOs wake us often enough. */
static void
refresh(struct process *p)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (p->refreshed_ms != 0 && now_ms - p->refreshed_ms < REFRESH_MS)
        return;
    p->refreshed_ms = now_ms;
    followers_refresh(&p->followers);
}

int
main(int argc, char **argv)
{
    struct process p = { 0 };
    child_start(argc, argv, "view", &p.child);
    child_shut_in(&p.child, false);
    open_mailbox(&p);
    open_view(&p);
    child_ready(&p.child, "%s", "");
    while (!child_stopping(&p.child)) {
        refresh(&p);
        mailbox_wait(p.mailbox, UINT64_MAX, p.child.stop_fd);
        answer_all(&p);
    }
    mailbox_close(&p.mailbox);
    followers_close(&p.followers);
    view_free(&p.view);
    return EXIT_SUCCESS;
}
