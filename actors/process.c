#include "actors/process.h"

#include "actors/loop.h"
#include "actors/zones_load.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/epoch.h"
#include "base/log.h"
#include "base/wrong.h"
#include "transport/mailbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_DEVICE = 111 };

struct process {
    struct child child;
    struct mailbox *mailbox;
    struct journal *journal;
    struct zones zones;
    uint64_t epoch;
};

static uint64_t
now_ms(void *self)
{
    (void)self;
    return clock_unix_ms();
}

/* Wall time may have been set back since the journal was written: the engine's time
 * goes on from there, and the supervisor and our peers hear so. */
static void
reach_journal(const struct process *p)
{
    uint64_t behind_ms = clock_reach(journal_last_ms(p->journal));
    if (behind_ms > 0)
        log_line(LOG_UNUSUAL, "clock_behind", "ms=%" PRIu64, behind_ms);
}

static bool
receive(void *self, uint64_t until_ms, struct message *in)
{
    struct process *p = self;
    bool waits = until_ms != 0;
    if (!(waits && mailbox_drained(p->mailbox)) && mailbox_receive(p->mailbox, in))
        return true;
    if (!waits)
        return false;
    uint64_t at_ms = now_ms(p), timeout_ms = UINT64_MAX;
    if (until_ms != UINT64_MAX)
        timeout_ms = until_ms > at_ms ? until_ms - at_ms : 0;
    return mailbox_wait(p->mailbox, timeout_ms, p->child.stop_fd)
           && mailbox_receive(p->mailbox, in);
}

static void
send(void *self, const struct message *m)
{
    struct process *p = self;
    mailbox_send(p->mailbox, m);
}

static void
flush(void *self)
{
    struct process *p = self;
    mailbox_flush(p->mailbox);
    mailbox_release(p->mailbox);
}

static void
begin_journal(struct process *p, process_journal *open_journal)
{
    const struct config *config = &p->child.config;
    struct journal_options options = {
        .epoch = p->epoch,
        .memtable_bytes = config->memtable_bytes,
        .block_cache_bytes = config->cache_bytes,
        .state_cache_bytes = config->state_cache_bytes,
    };
    char url[FOLDER_PATH_MAX + 16];
    struct fault fault;
    snprintf(url, sizeof url, "rocksdb:%s", p->child.journal_folder);
    if (open_journal(url, &options, &p->journal, &fault) != ERR_NONE)
        child_fail(&p->child, "%s", fault.detail);
    reach_journal(p);
}

static void
open_mailbox(struct process *p, enum actor_name self)
{
    const struct config *config = &p->child.config;
    struct mailbox_options options = {
        .self = self,
        .instance = p->child.instance,
        .epoch = p->epoch,
        .schedulers = config->schedulers,
        .folder = p->child.run_folder,
        .message_max = config_message_max(config),
    };
    struct fault fault;
    if (mailbox_open(&options, &p->mailbox, &fault) != ERR_NONE)
        child_fail(&p->child, "%s", fault.detail);
}

static int
run(struct process *p, const struct actor *actor)
{
    struct world world = { p, now_ms, receive, send, flush };
    struct actor_setup setup = {
        .config = &p->child.config,
        .journal = p->journal,
        .zones = &p->zones,
        .instance = p->child.instance,
        .epoch = p->epoch,
    };
    struct loop_options options = {
        .epoch = p->epoch,
        .inline_max = p->child.config.inline_max,
    };
    struct loop loop;
    enum err err = ERR_NONE;
    void *state = calloc(1, actor->state_size);

    if (state == NULL)
        WRONG("out of memory");
    memcpy(setup.secret, p->child.secret, SECRET_SIZE);
    actor->open(state, &setup);
    loop_open(&loop, actor, state, p->journal, &world, &options);
    child_ready(&p->child, "%s", "");
    while (err == ERR_NONE && !child_stopping(&p->child))
        err = loop_turn(&loop);
    if (err != ERR_NONE) {
        /* Whether the batch is durable is unknown: only a new life can tell. */
        log_line(LOG_BROKEN, "journal_commit", "err=%s", err_name(err));
        _exit(EXIT_DEVICE); /* at once: no thread may touch the store any more */
    }
    loop_close(&loop);
    actor->close(state);
    free(state);
    return EXIT_SUCCESS;
}

int
process_run(
    int argc, char **argv, const struct actor *actor, process_journal *open_journal)
{
    struct process p = { 0 };
    struct fault fault;
    child_start(argc, argv, actor_name_text(actor->name), &p.child);
    child_shut_in(&p.child, open_journal != NULL);
    if (epoch_next(p.child.config.data, p.child.name, &p.epoch, &fault) != ERR_NONE)
        child_fail(&p.child, "%s", fault.detail);
    if (zones_load(p.child.config.zoneinfo, &p.zones, &fault) != ERR_NONE)
        child_fail(&p.child, "%s", fault.detail);
    if (open_journal != NULL)
        begin_journal(&p, open_journal);
    open_mailbox(&p, actor->name);
    int status = run(&p, actor);
    mailbox_close(&p.mailbox);
    journal_close(&p.journal);
    zones_free(&p.zones);
    return status;
}
