#include "actors/view/view.h"

#include "actors/view/event_page.h"
#include "actors/view/explain.h"
#include "actors/view/export.h"
#include "actors/view/inbox.h"
#include "actors/view/log_page.h"
#include "actors/view/run_page.h"
#include "actors/view/run_sheet.h"
#include "base/wrong.h"

enum { LIMIT_USUAL = 100, LIMIT_MAX = 1000 };

static void
refuse(struct outbox *out, uint64_t request, enum err err, struct bytes detail)
{
    say_refused(
        out, (struct refused){ .request = request, .err = err, .detail = detail });
}

static void
show(const struct view *view, struct outbox *out, uint64_t request,
    const struct page_end *end)
{
    say_document(out, (struct document){
                          .request = request,
                          .document = buffer_bytes(&view->document),
                          .position = end->last,
                          .finished = end->finished,
                      });
}

/* The run that a question names, or a refusal. */
static bool
find_run(struct view *view, const struct id *id, uint64_t request, struct outbox *out,
    struct run_rows *run)
{
    uint32_t partition = id_partition(id);
    struct journal *journal = NULL;
    enum err err = ERR_NOT_FOUND;
    if (partition < view->partitions) {
        journal = view->journal(view->self, partition);
        err = journal == NULL
                  ? ERR_UNAVAILABLE
                  : run_rows_read(run, journal, &view->arena, &out->project, id);
    }
    if (err != ERR_NONE)
        refuse(out, request, err,
            text(err == ERR_NOT_FOUND ? "there is no such run in the project"
                                      : "the run cannot be read now"));
    return err == ERR_NONE;
}

static uint32_t
limit_of(uint32_t asked)
{
    if (asked == 0)
        return LIMIT_USUAL;
    return asked < LIMIT_MAX ? asked : LIMIT_MAX;
}

static void
on_run_list(struct view *view, const struct run_list *asked, struct outbox *out)
{
    struct fault fault;
    struct page_end end = { 0 };
    struct run_list limited = *asked;
    limited.limit = limit_of(asked->limit);
    enum err err = run_page(view, &out->project, &limited, &fault);
    if (err == ERR_NONE)
        show(view, out, asked->request, &end);
    else
        refuse(out, asked->request, err, arena_copy(&view->arena, text(fault.detail)));
}

static void
on_run_get(struct view *view, const struct run_get *asked, struct outbox *out)
{
    struct run_rows run;
    if (!find_run(view, &asked->run, asked->request, out, &run))
        return;
    struct page_end end = { .last = run.row.events,
        .finished = run_status_final((enum run_status)run.row.status) };
    run_sheet_whole(&view->document, &run, view->bytes_max);
    show(view, out, asked->request, &end);
}

static void
on_run_explain(struct view *view, const struct run_explain *asked, struct outbox *out)
{
    struct run_rows run;
    if (!find_run(view, &asked->run, asked->request, out, &run))
        return;
    explain(&view->document, &run);
    show(view, out, asked->request,
        &(struct page_end){ .last = run.row.events,
            .finished = run_status_final((enum run_status)run.row.status) });
}

static void
on_run_export(struct view *view, const struct run_export *asked, struct outbox *out)
{
    struct run_rows run;
    struct fault fault;
    struct page_end end;
    if (!find_run(view, &asked->run, asked->request, out, &run))
        return;
    if (export_page(&view->document, &run, asked->after, asked->part, &end, &fault)
        == ERR_NONE)
        show(view, out, asked->request, &end);
    else
        refuse(out, asked->request, fault.err,
            arena_copy(&view->arena, text(fault.detail)));
}

static void
on_interaction_list(
    struct view *view, const struct interaction_list *asked, struct outbox *out)
{
    struct fault fault;
    struct interaction_list limited = *asked;
    limited.limit = limit_of(asked->limit);
    if (inbox_page(view, &out->project, &limited, &fault) == ERR_NONE)
        show(view, out, asked->request, &(struct page_end){ 0 });
    else
        refuse(out, asked->request, fault.err,
            arena_copy(&view->arena, text(fault.detail)));
}

typedef struct page_end
page_fn(struct buffer *out, struct run_rows *run, uint64_t after, uint32_t limit);

static void
on_page(struct view *view, const struct event_list *asked, page_fn *page,
    struct outbox *out)
{
    struct run_rows run;
    if (!find_run(view, &asked->run, asked->request, out, &run))
        return;
    struct page_end end =
        page(&view->document, &run, asked->after, limit_of(asked->limit));
    show(view, out, asked->request, &end);
}

static void
on_log_list(struct view *view, const struct log_list *asked, struct outbox *out)
{
    struct event_list same = { asked->request, asked->run, asked->after, asked->limit };
    on_page(view, &same, log_page, out);
}

void
view_answer(struct view *view, const struct message *in, struct outbox *out)
{
    arena_reset(&view->arena);
    buffer_clear(&view->document);
    switch (in->code) {
    case RUN_LIST: on_run_list(view, &in->run_list, out); return;
    case RUN_GET: on_run_get(view, &in->run_get, out); return;
    case EVENT_LIST: on_page(view, &in->event_list, event_page, out); return;
    case LOG_LIST: on_log_list(view, &in->log_list, out); return;
    case RUN_EXPLAIN: on_run_explain(view, &in->run_explain, out); return;
    case RUN_EXPORT: on_run_export(view, &in->run_export, out); return;
    case INTERACTION_LIST:
        on_interaction_list(view, &in->interaction_list, out);
        return;
    default: WRONG("the catalogue sends the view no such message");
    }
}

void
view_free(struct view *view)
{
    arena_free(&view->arena);
    buffer_free(&view->document);
}
