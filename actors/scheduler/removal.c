/* Runs that ended long ago go, with all that was said of them: rows, facts, payloads.
 *
 * Now and then all runs are looked at, project by project, the oldest first, some in
 * each turn.  A run is removed by a fact; what is said of it is taken out of the
 * records with the same commit, so that whoever folds what is left meets no part of a
 * run.
 *
 * Two rows know of runs that may be gone: of a concurrency group, and of failures in a
 * row.  A run that moved them leaves its first and last facts, which are all that it
 * takes to move them again.
 */
#include "actors/record.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/start.h"
#include "base/wrong.h"

enum {
    LOOKED_MAX = 256,        /* runs, in one turn */
    REMOVED_MAX = 32,        /* of them */
    STRIPPED_MAX = 512,      /* records in one turn, but for those of its first run */
    STRIPPED_OF_RUN = 8192,  /* a run with more keeps its facts */
    NAMED_MAX = 256,         /* rows about what others do not know */
    GREETING_MS = 60 * 1000, /* within this, a peer has said again what it may */
    REST_MS_MIN = 60 * 1000,
    REST_MS_MAX = 60 * 60 * 1000
};

/* ---- when ---- */

uint64_t
removal_due(const struct scheduler_state *s)
{
    const struct sweep *sweep = &s->sweep;
    if (s->config->runs_kept_ms == 0 || sweep->greeted_ms == 0)
        return UINT64_MAX;
    uint64_t known_ms = sweep->greeted_ms + GREETING_MS;
    return sweep->rest_ms > known_ms ? sweep->rest_ms : known_ms;
}

/* ---- which ---- */

struct search {
    const struct scheduler_state *state;
    uint64_t before_ms;     /* who ended before this goes */
    struct id project, run; /* looked at last */
    uint32_t looked, count;
    uint64_t records;
    uint8_t found[REMOVED_MAX * ID_SIZE];
    bool stopped;
};

struct naming {
    const struct id *run;
    bool named;
};

static bool
count_row(void *self, struct bytes key, struct bytes value)
{
    (void)key;
    (void)value;
    return ++*(uint32_t *)self < NAMED_MAX;
}

/* There are so many that runs cannot be looked for in them one by one. */
static bool
is_crowded(const struct scheduler_state *s, char letter)
{
    struct row_key from = row_key(letter), to = row_key_after(&from);
    uint32_t rows = 0;
    journal_scan(
        s->journal, row_key_bytes(&from), row_key_bytes(&to), false, count_row, &rows);
    return rows == NAMED_MAX;
}

/* Wherever it stands in key or value. */
static bool
names(struct bytes in, const struct id *run)
{
    for (size_t at = 0; at + ID_SIZE <= in.size; at++)
        if (memcmp(in.data + at, run->bytes, ID_SIZE) == 0)
            return true;
    return false;
}

static bool
look_for_name(void *self, struct bytes key, struct bytes value)
{
    struct naming *naming = self;
    naming->named = names(key, naming->run) || names(value, naming->run);
    return !naming->named;
}

/* Another actor may still have to hear something of it. */
static bool
is_named(const struct scheduler_state *s, char letter, const struct id *run)
{
    struct row_key from = row_key(letter), to = row_key_after(&from);
    struct naming naming = { .run = run };
    journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        look_for_name, &naming);
    return naming.named;
}

static uint64_t
records_of(const struct run_row *row)
{
    return (uint64_t)row->pages * POSITIONS_PER_PAGE
           + position_list_count(row->positions);
}

static bool
look_at_run(void *self, struct bytes key, struct bytes value)
{
    struct search *search = self;
    const struct scheduler_state *s = search->state;
    struct bytes left = bytes_of(key.data + 1, key.size - 1);
    struct id project = row_take_id(&left), run = row_take_id(&left);
    struct cursor in = cursor_over(value);
    struct run_row row;
    search->stopped = true;
    if (search->count > 0 && !id_equal(&project, &search->project))
        return false; /* a record is about one project */
    search->project = project;
    search->run = run;
    if (id_unix_ms(&run) >= search->before_ms) {
        memset(search->run.bytes, 0xff, ID_SIZE); /* on to the next project */
        return false;
    }
    if (fields_read(&in, &run_row_shape, NULL, &row) != ERR_NONE)
        WRONG("a row of a run cannot be read");
    if (row.finished_ms != 0 && row.finished_ms < search->before_ms
        && !is_named(s, 'D', &run) && !is_named(s, 'Y', &run)) {
        memcpy(search->found + ID_SIZE * search->count++, run.bytes, ID_SIZE);
        search->records += records_of(&row);
    }
    search->stopped = ++search->looked == LOOKED_MAX || search->count == REMOVED_MAX
                      || search->records >= STRIPPED_MAX;
    return !search->stopped;
}

void
remove_runs(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out)
{
    const struct sweep *sweep = &state->sweep;
    struct search *search = arena_take(out->arena, sizeof *search);
    uint64_t kept_ms = state->config->runs_kept_ms;
    struct row_key from = row_key('R'), to = row_key_after(&from);
    *search = (struct search){ .state = state,
        .before_ms = now_ms > kept_ms ? now_ms - kept_ms : 0 };
    if (sweep->begun) {
        from = row_key_run('R', &sweep->project, &sweep->run);
        row_key_u8(&from, 0); /* the first key after it */
    }
    if (!is_crowded(state, 'D') && !is_crowded(state, 'Y'))
        journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
            look_at_run, search);
    out->project = search->project;
    if (search->count > 0)
        say_runs_removed(
            out, (struct runs_removed){
                     .runs = bytes_of(search->found, ID_SIZE * search->count),
                 });
    say_runs_swept(out, (struct runs_swept){
                            .project = search->project,
                            .run = search->run,
                            .more = search->stopped,
                        });
}

void
apply_runs_swept(struct scheduler_state *s, uint64_t at_ms, const struct message *note)
{
    const struct runs_swept *swept = &note->runs_swept;
    uint64_t rest_ms = s->config->runs_kept_ms / 16;
    rest_ms = rest_ms < REST_MS_MIN ? REST_MS_MIN : rest_ms;
    rest_ms = rest_ms > REST_MS_MAX ? REST_MS_MAX : rest_ms;
    s->sweep.begun = swept->more;
    s->sweep.project = swept->project;
    s->sweep.run = swept->run;
    s->sweep.rest_ms = swept->more ? at_ms : at_ms + rest_ms;
}

/* ---- the removal ---- */

/* The rows by which it is found. */
static void
drop_names(struct scheduler_state *s, const struct run *run)
{
    const struct run_row *row = &run->row;
    struct row_key of = row_key('A'), ended = row_key('X');
    row_key_id(&of, &run->project);
    row_key_id(&of, &row->automation);
    row_key_newest(&of, &run->id);
    scheduler_drop(s, &of);
    row_key_id(&ended, &run->project);
    row_key_u8(&ended, (uint8_t)row->status);
    row_key_newest(&ended, &run->id);
    scheduler_drop(s, &ended);
    if (row->key.size == 0)
        return;
    struct row_key key = start_key(&run->project, row->key);
    if (bytes_equal(journal_get(s->journal, row_key_bytes(&key)), id_bytes(&run->id)))
        scheduler_drop(s, &key);
}

/* What moves a group or counts failures. */
static bool
moves_others(enum message_code code)
{
    return code == RUN_QUEUED || code == RUN_STARTED || code == RUN_RESUMED
           || code == RUN_COMPLETED || code == RUN_FAILED || code == RUN_CANCELLED;
}

struct stripping {
    struct scheduler_state *s;
    const struct run *run;
    struct record_strip strip;
};

/* What was asked of people has a row that only its fact names. */
static void
fact_gone(void *self, const struct message *fact)
{
    struct stripping *stripping = self;
    if (fact->code != INTERACTION_REQUESTED)
        return;
    struct row_key key = row_key_run(
        'Q', &stripping->run->project, &fact->interaction_requested.interaction);
    scheduler_drop(stripping->s, &key);
}

static void
strip_positions(const struct stripping *stripping, struct bytes positions)
{
    struct journal *journal = stripping->s->journal;
    struct buffer rest = { 0 };
    struct position_list list = position_list_over(positions);
    struct position at;
    while (position_list_next(&list, &at)) {
        struct record record;
        if (journal_read(journal, at.record, &record) != ERR_NONE)
            WRONG("a record of a run cannot be read");
        buffer_clear(&rest);
        if (record_without(journal, record.facts, &stripping->strip, &rest))
            journal_strip(journal, at.record, buffer_bytes(&rest));
    }
    buffer_free(&rest);
}

static void
strip_records(struct scheduler_state *s, const struct run *run)
{
    bool leaves_trace = !id_is_zero(&run->row.group) || run->plan.failures_max > 0;
    struct stripping stripping = { s, run,
        { run->id, leaves_trace ? moves_others : NULL, fact_gone, &stripping } };
    for (uint32_t page = 0; page < run->row.pages; page++) {
        struct row_key key = row_key_run('E', &run->project, &run->id);
        row_key_u32(&key, page);
        strip_positions(&stripping, journal_get(s->journal, row_key_bytes(&key)));
    }
    strip_positions(&stripping, run->row.positions);
}

/* The same of a run whose facts are not looked at: by the names that it can have. */
static void
drop_asked(struct scheduler_state *s, struct run *run)
{
    struct interaction_row row;
    for (uint32_t step = 0; step < run->row.step_count; step++) {
        bool asks = kind_rules(run_plan_step(run, step).kind)->due == interaction_due;
        uint32_t questions = asks ? 2 * run_step(run, step)->attempt : 0;
        for (uint32_t i = 0; i < questions; i++) {
            bool escalated = i % 2 != 0;
            struct id asked = interaction_id(&run->id, step, 1 + i / 2, escalated);
            struct row_key key = row_key_run('Q', &run->project, &asked);
            if (interaction_read(s->journal, &run->project, &asked, &row))
                scheduler_drop(s, &key);
        }
    }
}

/* A run that is not there was taken out of the records before they were folded. */
static void
remove_run(struct scheduler_state *s, const struct id *project, const struct id *id)
{
    static const char letters[] = "SEGHVR"; /* the run's own row last */
    struct run run;
    if (!run_read(&run, s->journal, s->plans, &s->arena, project, id))
        return;
    if (!run_over(&run))
        WRONG("a run is removed that is not over");
    if (records_of(&run.row) <= STRIPPED_OF_RUN)
        strip_records(s, &run);
    else
        drop_asked(s, &run);
    drop_names(s, &run);
    for (size_t i = 0; letters[i] != '\0'; i++) {
        struct row_key of = row_key_run(letters[i], project, id);
        scheduler_drop_all(s, &of);
    }
}

void
apply_runs_removed(struct scheduler_state *s, const struct message *fact)
{
    struct bytes left = fact->runs_removed.runs;
    scheduler_put_down(s);
    while (left.size >= ID_SIZE) {
        struct id run = row_take_id(&left);
        remove_run(s, &fact->envelope.project, &run);
    }
}
