/* The status of an automation: what people set, and what follows from failures. */
#include "actors/registry/state.h"

#include <stdio.h>

enum { REASON_MAX = 160 };

static void
say_changed(struct outbox *out, const struct id *automation,
    const struct automation_entry *entry, enum automation_status status,
    struct bytes reason)
{
    say_automation_changed(out, (struct automation_changed){
                                    .automation = *automation,
                                    .status = status,
                                    .reason = reason,
                                    .revision = entry->revision + 1,
                                });
}

static bool
settable(uint32_t status)
{
    return status == AUTOMATION_ACTIVE || status == AUTOMATION_PAUSED
           || status == AUTOMATION_ARCHIVED;
}

void
on_automation_set(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct automation_set *asked = &in->automation_set;
    struct version_name name = { .project = out->project };
    struct automation_entry automation;
    if (!automation_find(state, &name.project, asked->name, &name.automation)) {
        refuse_unknown(out, asked->request);
        return;
    }
    if (!settable(asked->status)) {
        refuse(out, asked->request, ERR_INVALID,
            text("status must be active, paused or archived"));
        return;
    }
    if (waits_full(&state->waits)) {
        refuse(out, asked->request, ERR_BUSY, text("too many clients are waiting"));
        return;
    }
    automation_read(state, &name.project, &name.automation, &automation);
    name.version = automation_current(&automation);
    enum automation_status before = automation.status == 0
                                        ? AUTOMATION_ACTIVE
                                        : (enum automation_status)automation.status;
    if (before != asked->status)
        say_changed(out, &name.automation, &automation,
            (enum automation_status)asked->status, asked->reason);
    wait_for(state, now_ms, in, asked->request, &name, false, out);
}

/* A scheduler has counted so many failures in a row that the automation is to be
 * paused; unless something about it has changed since the runs that failed were
 * started. */
void
on_automation_failing(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct automation_failing *failing = &in->automation_failing;
    struct automation_entry automation;
    char reason[REASON_MAX], run[ID_TEXT_MAX];
    if (automation_read(state, &out->project, &failing->automation, &automation)
        && automation.revision == failing->revision
        && automation_status_of(&automation) == AUTOMATION_ACTIVE) {
        int size =
            snprintf(reason, sizeof reason, "%u runs in a row failed, the last %s",
                failing->failures, id_print(&failing->run, "run_", run));
        say_changed(out, &failing->automation, &automation, AUTOMATION_PAUSED,
            arena_copy(out->arena, bytes_of(reason, (size_t)size)));
    }
    say_failing_known(out, (struct failing_known){
                               .automation = failing->automation,
                               .revision = failing->revision,
                           });
}
