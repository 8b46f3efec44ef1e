/* Runs that ended long ago.  When all else is judged, some worlds are told to keep runs
 * for a minute; schedulers die meanwhile, and schedules go on. */
#include "actors/history.h"
#include "store/journal.h"
#include "store/rows.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

enum { KEPT_S = 60, ONE_OF = 8, GREETED_S = 60, MOMENTS_MAX_S = 5, REST_S = 130 };

struct looking {
    const struct machine *machine;
    char letter;
    bool newest; /* keys end with ~run; else the run is behind the project */
};

static bool
has_run(struct journal *journal, const struct id *project, const struct id *run)
{
    struct row_key key = row_key_run('R', project, run);
    return journal_get(journal, row_key_bytes(&key)).data != NULL;
}

static bool
a_row_of_a_run_has_its_run(void *self, struct bytes key, struct bytes value)
{
    const struct looking *looking = self;
    struct bytes left = bytes_of(key.data + 1, key.size - 1);
    struct id project = row_take_id(&left), run;
    (void)value;
    if (looking->newest) {
        left = bytes_of(key.data + key.size - ID_SIZE, ID_SIZE);
        run = row_take_newest(&left);
    } else {
        run = row_take_id(&left);
    }
    HOLDS(looking->machine->sim, has_run(looking->machine->journal, &project, &run),
        "%s has a row '%c' of a run that is gone", looking->machine->title,
        looking->letter);
    return true;
}

static void
look_at_rows(const struct machine *m)
{
    static const char under_runs[] = "SEGHV", newest[] = "AOX";
    for (const char *at = under_runs; *at != '\0'; at++) {
        struct looking looking = { m, *at, false };
        struct row_key from = row_key(*at), to = row_key_after(&from);
        journal_scan(m->journal, row_key_bytes(&from), row_key_bytes(&to), false,
            a_row_of_a_run_has_its_run, &looking);
    }
    for (const char *at = newest; *at != '\0'; at++) {
        struct looking looking = { m, *at, true };
        struct row_key from = row_key(*at), to = row_key_after(&from);
        journal_scan(m->journal, row_key_bytes(&from), row_key_bytes(&to), false,
            a_row_of_a_run_has_its_run, &looking);
    }
}

/* Of a run that is gone, the log says no more than that it began and ended. */
static void
what_is_gone_is_not_in_the_log(void *self, uint64_t at_ms, const struct message *fact)
{
    (void)at_ms;
    const struct machine *m = self;
    const char *name = history_name(fact->code);
    if (name == NULL || strncmp(name, "run.", 4) == 0)
        return;
    const struct id *run = (const void *)fact->body;
    HOLDS(m->sim, has_run(m->journal, &fact->envelope.project, run),
        "%s: %s of a run that is gone", m->title, name);
}

static void
what_ended_long_ago_is_gone(const struct sim *sim, const struct start *start)
{
    struct id project = project_id(start->project);
    const struct machine *m =
        machine_named(sim, ACTOR_scheduler, id_partition(&start->run));
    HOLDS(sim, !has_run(m->journal, &project, &start->run), "%s still has a run",
        m->title);
}

static void
crash_all(struct sim *sim)
{
    for (size_t i = 0; i < sim->machine_count; i++)
        if (sim->machines[i]->name == ACTOR_scheduler)
            machine_crash(sim->machines[i], true, MS_US);
}

void
removal_judge(struct sim *sim)
{
    const struct oracle *o = sim->oracle;
    struct chance *c = sim_chance(sim, STREAM_DIALS);
    if (sim->seed % ONE_OF != 0)
        return;
    sim->removing = true;
    sim->config.runs_kept_ms = (uint64_t)KEPT_S * 1000;
    crash_all(sim);
    sim_live(sim, GREETED_S + chance_below(c, MOMENTS_MAX_S));
    crash_all(sim);
    sim_live(sim, GREETED_S + REST_S);
    for (size_t i = 0; i < o->start_count; i++)
        what_ended_long_ago_is_gone(sim, &o->starts[i]);
    for (size_t i = 0; i < sim->machine_count; i++) {
        struct machine *m = sim->machines[i];
        if (m->name != ACTOR_scheduler)
            continue;
        look_at_rows(m);
        log_each(m, what_is_gone_is_not_in_the_log, m);
        oracle_replay(m);
    }
}
