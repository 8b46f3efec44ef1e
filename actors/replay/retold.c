#include "actors/replay/retold.h"

#include "actors/history.h"
#include "actors/replay/decision.h"
#include "actors/view/event_page.h"
#include "actors/view/run_sheet.h"
#include "actors/view/sheet.h"
#include "actors/view/view.h"
#include "base/wrong.h"

struct telling {
    struct rebuilt rebuilt;
    struct arena arena; /* of what is read from rows */
    struct run_rows run;
    const struct retelling *how;
    struct retold *retold;
    struct decision decision;
    uint64_t events; /* so far */
};

static void
read_run(struct telling *t)
{
    const struct export_file *file = t->rebuilt.file;
    arena_reset(&t->arena);
    if (run_rows_read(
            &t->run, t->rebuilt.journal, &t->arena, &file->project, &file->run)
        != ERR_NONE)
        WRONG("a run that began cannot be read");
}

static const char *
decision_word(const struct decision *decision)
{
    return !decision->known ? "unknown" : decision->same ? "same" : "different";
}

static void
write_verdict(struct telling *t, struct sheet *map)
{
    const struct decision *decision = &t->decision;
    t->retold->unknown += !decision->known;
    t->retold->same += decision->known && decision->same;
    t->retold->different += decision->known && !decision->same;
    if (decision->known)
        sheet_text(map, "led_by", text(led_by_name(decision->led_by)));
    if (!t->how->verify)
        return;
    sheet_text(map, "verdict", text(decision_word(decision)));
    if (decision->known && !decision->same)
        sheet_text(map, "why", buffer_bytes(&decision->why));
}

static void
write_fact(struct telling *t, struct sheet *facts, const struct message *fact)
{
    const char *event = history_name(fact->code);
    sheet_item(facts);
    struct sheet map = sheet_map(facts->out);
    sheet_text(&map, "fact", text(message_shapes[fact->code].name));
    if (event != NULL) {
        sheet_number(&map, "sequence", ++t->events);
        sheet_text(&map, "event_type", text(event));
    }
    sheet_end(&map);
}

static bool
told_before(const struct facts *facts, size_t at, uint32_t step)
{
    uint32_t other;
    for (size_t i = 0; i < at; i++)
        if (fact_step(&facts->list[i], &other) && other == step)
            return true;
    return false;
}

/* What the steps are that the record is about. */
static void
write_steps(struct telling *t, struct sheet *map)
{
    const struct facts *facts = &t->rebuilt.facts;
    uint32_t step;
    sheet_key(map, "steps");
    struct sheet steps = sheet_array(map->out);
    for (size_t i = 0; i < facts->count; i++) {
        if (!fact_step(&facts->list[i], &step) || told_before(facts, i, step)
            || step >= t->run.row.step_count)
            continue;
        struct step_row row = *run_rows_step(&t->run, step);
        sheet_item(&steps);
        struct sheet item = sheet_map(map->out);
        sheet_text(&item, "step", run_rows_plan_step(&t->run, step).key);
        sheet_text(
            &item, "status", text(step_status_name((enum step_status)row.status)));
        sheet_number(&item, "attempt", row.attempt);
        sheet_moment(&item, "due_at", row.due_ms);
        sheet_end(&item);
    }
    sheet_end(&steps);
}

static void
write_record(
    struct telling *t, struct sheet *records, const struct export_record *record)
{
    const struct facts *facts = &t->rebuilt.facts;
    sheet_item(records);
    struct sheet map = sheet_map(records->out);
    sheet_number(&map, "record", record->number);
    sheet_moment(&map, "at", record->at_ms);
    write_verdict(t, &map);
    sheet_key(&map, "facts");
    struct sheet list = sheet_array(map.out);
    for (size_t i = 0; i < facts->count; i++)
        write_fact(t, &list, &facts->list[i]);
    sheet_end(&list);
    read_run(t);
    sheet_text(
        &map, "status", text(run_status_name((enum run_status)t->run.row.status)));
    write_steps(t, &map);
    sheet_end(&map);
}

static uint64_t
events_in(const struct facts *facts)
{
    uint64_t events = 0;
    for (size_t i = 0; i < facts->count; i++)
        events += history_name(facts->list[i].code) != NULL;
    return events;
}

/* Follow the records up to that of the event `how->at`. */
static enum err
follow(struct telling *t, struct export_file *file, struct sheet *records,
    struct fault *fault)
{
    struct rebuilt *r = &t->rebuilt;
    struct export_record record;
    uint64_t events = 0;
    export_rewind(file);
    while ((t->how->at == 0 || events < t->how->at) && export_next(file, &record)) {
        enum err e = rebuilt_read(r, &record, fault);
        if (e != ERR_NONE)
            return e;
        if (t->how->whole)
            decision_ask(r, &record, &t->decision);
        rebuilt_follow(r, &record);
        events += events_in(&r->facts);
        t->retold->records++;
        if (t->how->whole)
            write_record(t, records, &record);
    }
    read_run(t);
    return ERR_NONE;
}

static enum err
check_end(const struct telling *t, const struct export_file *file, struct fault *fault)
{
    const struct run_row *row = &t->run.row;
    if (t->how->at != 0)
        return ERR_NONE;
    if (row->events != file->events || row->status != file->status)
        return fault_set(fault, ERR_CORRUPT,
            "the facts lead to another state than the file says at its end");
    if (!bytes_equal(row->chain, file->chain))
        return fault_set(fault, ERR_CORRUPT,
            "the chain of the facts is not the one that the file says at its end");
    return ERR_NONE;
}

static void
open_telling(struct telling *t, const struct export_file *file,
    const struct retelling *how, struct retold *retold)
{
    *t = (struct telling){ .how = how, .retold = retold };
    *retold = (struct retold){ 0 };
    rebuilt_open(&t->rebuilt, file);
}

static void
close_telling(struct telling *t)
{
    buffer_free(&t->decision.why);
    arena_free(&t->arena);
    rebuilt_close(&t->rebuilt);
}

static void
write_count(struct sheet *map, const struct retold *retold)
{
    sheet_key(map, "verified");
    struct sheet counts = sheet_map(map->out);
    sheet_number(&counts, "same", retold->same);
    sheet_number(&counts, "different", retold->different);
    sheet_number(&counts, "unknown", retold->unknown);
    sheet_end(&counts);
}

static enum err
tell_records(struct telling *t, struct export_file *file, struct buffer *out,
    struct fault *fault)
{
    struct sheet map = sheet_map(out);
    sheet_id(&map, "run_id", "run_", &file->run);
    sheet_text(&map, "automation", file->name);
    sheet_number(&map, "version", file->version);
    sheet_key(&map, "records");
    struct sheet records = sheet_array(out);
    enum err e = follow(t, file, &records, fault);
    sheet_end(&records);
    if (e == ERR_NONE) {
        sheet_key(&map, "state");
        run_sheet_whole(out, &t->run, DOCUMENT_BYTES_MAX);
        if (t->how->verify)
            write_count(&map, t->retold);
    }
    sheet_end(&map);
    return e;
}

enum err
retell(struct export_file *file, const struct retelling *how, struct buffer *out,
    struct retold *retold, struct fault *fault)
{
    struct telling t;
    enum err e;
    open_telling(&t, file, how, retold);
    if (how->whole)
        e = tell_records(&t, file, out, fault);
    else
        e = follow(&t, file, NULL, fault);
    if (e == ERR_NONE)
        e = check_end(&t, file, fault);
    if (e == ERR_NONE && !how->whole)
        run_sheet_whole(out, &t.run, DOCUMENT_BYTES_MAX);
    close_telling(&t);
    return e;
}

enum err
retell_events(struct export_file *file, uint64_t after, uint32_t limit,
    struct buffer *out, struct fault *fault)
{
    struct retelling how = { 0 };
    struct retold retold;
    struct telling t;
    open_telling(&t, file, &how, &retold);
    enum err e = follow(&t, file, NULL, fault);
    if (e == ERR_NONE)
        e = check_end(&t, file, fault);
    if (e == ERR_NONE)
        event_page(out, &t.run, after, limit);
    close_telling(&t);
    return e;
}
