#include "gateway/workflow_graph/look.h"

#include "base/calendar.h"
#include "gateway/workflow_graph/names.h"

static unsigned
number_at(struct bytes in, size_t at, size_t size)
{
    unsigned number = 0;
    for (size_t i = at; i < at + size; i++)
        number = number * 10 + (unsigned)(in.data[i] - '0');
    return number;
}

/* Of stamp.h: 2026-11-23T22:17:06.123Z. */
uint64_t
look_moment(struct bytes document, const char *name)
{
    enum { SIZE = 24 };
    struct bytes in = said_text(document, name);
    if (in.size != SIZE)
        return 0;
    int64_t days = calendar_days(
        (int32_t)number_at(in, 0, 4), number_at(in, 5, 2), number_at(in, 8, 2));
    uint64_t seconds = (uint64_t)days * 86400 + number_at(in, 11, 2) * 3600u
                       + number_at(in, 14, 2) * 60u + number_at(in, 17, 2);
    return seconds * 1000 + number_at(in, 20, 3);
}

struct bytes
look_key(struct request *r, struct bytes id)
{
    struct buffer key = { 0 };
    key_from_id(&key, id);
    struct bytes kept = arena_copy(&r->arena, buffer_bytes(&key));
    buffer_free(&key);
    return kept;
}

bool
look_final(struct bytes summary)
{
    return run_status_final(run_status_read(said_text(summary, "status")));
}

bool
look_active(const struct look *look)
{
    return look->has_run && !look_final(look->summary);
}

/* The document of an answer, in the arena; nothing if it is a refusal. */
static struct bytes
keep(struct request *r, const struct message *answer)
{
    return answer->code == DOCUMENT ? arena_copy(&r->arena, answer->document.document)
                                    : (struct bytes){ 0 };
}

static bool
not_found(const struct message *answer)
{
    return answer->code == REFUSED && answer->refused.err == ERR_NOT_FOUND;
}

static void
miss(struct look *look)
{
    if (look->missing != NULL)
        look->missing(look);
    else
        request_refuse(look->request, ERR_NOT_FOUND, "%s", "");
}

static void
got_steps(struct request *r, const struct message *answer)
{
    struct look *look = r->own;
    look->document = keep(r, answer);
    if (answer->code == DOCUMENT)
        look->found(look);
    else
        request_show(r, answer);
}

static void
got_runs(struct request *r, const struct message *answer)
{
    struct look *look = r->own;
    /* The view may not have heard of it: then it has no run that the view knows. */
    if (answer->code != DOCUMENT && !not_found(answer)) {
        if (look->refused != NULL)
            look->refused(look, answer);
        else
            request_show(r, answer);
        return;
    }
    struct bytes page = keep(r, answer);
    struct cursor items = cursor_over(pack_find(page, "items"));
    look->has_run = cursor_array(&items) > 0;
    look->summary = look->has_run ? cursor_skip(&items) : (struct bytes){ 0 };
    look->has_run =
        look->has_run
        && id_read(said_text(look->summary, "id"), "run_", &look->run) == ERR_NONE;
    if (look->depth < LOOK_STEPS || !look->has_run) {
        look->found(look);
        return;
    }
    look->question = request_message(r, RUN_GET, ACTOR_view);
    look->question->run_get.run = look->run;
    request_ask(r, look->question, got_steps);
}

uint64_t
look_again(struct look *look)
{
    struct request *r = look->request;
    look->has_run = false;
    look->summary = look->document = (struct bytes){ 0 };
    look->question = request_message(r, RUN_LIST, ACTOR_view);
    look->question->run_list.automation = look->name;
    look->question->run_list.limit = 1;
    return request_ask(r, look->question, got_runs);
}

static void ask_automation(struct look *look);

static void
got_automation(struct request *r, const struct message *answer)
{
    struct look *look = r->own;
    struct bytes key = look_key(r, look->id);
    if (not_found(answer)) {
        /* As it is called here, else as files and clients had to call it. */
        bool last = bytes_equal(look->name, key);
        look->name = key;
        if (last)
            miss(look);
        else
            ask_automation(look);
        return;
    }
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    look->automation = keep(r, answer);
    look->name = said_text(look->automation, "id");
    look_again(look);
}

static void
ask_automation(struct look *look)
{
    struct request *r = look->request;
    look->question = request_message(r, AUTOMATION_GET, ACTOR_registry);
    look->question->automation_get.name = look->name;
    look->question->automation_get.definition = look->depth >= LOOK_WORKFLOW;
    request_ask(r, look->question, got_automation);
}

void
look_begin(struct request *r, struct look *look, struct bytes id, enum look_depth depth)
{
    look->request = r;
    look->depth = depth;
    look->id = look->name = id;
    r->own = look;
    ask_automation(look);
}
