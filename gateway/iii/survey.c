#include "gateway/iii/survey.h"

#include "gateway/iii/invoke.h"
#include "gateway/said.h"

enum { PAGE_MAX = 1000 };
enum stage { CONFIG_ASKED, AUTOMATIONS_LISTED, FAILED_LISTED, OPEN_LISTED, RUNS_ASKED };

/* Room for one more; what lies in an arena is moved, and the rest is left behind. */
static void *
room(struct arena *arena, void *items, size_t size, size_t count, size_t *capacity)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity * 2 + 16;
    void *larger = arena_take(arena, *capacity * size);
    if (count > 0)
        memcpy(larger, items, count * size);
    return larger;
}

static void
add_automation(
    struct iii_question *question, struct iii_survey *survey, struct bytes item)
{
    struct iii_surveyed found = { 0 };
    struct arena *arena = &question->arena;
    struct bytes automation = said_text(item, "name");
    if (!iii_queue_parts(automation, &found.source, &found.name, &found.function)
        || (survey->wanted.size > 0 && !bytes_equal(found.name, survey->wanted))
        || survey->automation_count == III_SURVEYED_MAX)
        return;
    found.automation = arena_copy(arena, automation);
    (void)iii_queue_parts(
        found.automation, &found.source, &found.name, &found.function);
    found.active = bytes_equal(said_text(item, "status"), text("active"));
    survey->automations = room(arena, survey->automations, sizeof found,
        survey->automation_count, &survey->automation_room);
    survey->automations[survey->automation_count++] = found;
}

static void
add_failed(struct iii_question *question, struct iii_survey *survey, struct bytes line)
{
    uint64_t place = survey->seen++;
    survey->automations[survey->at].found++;
    if (survey->ask == NULL || place < survey->first
        || place - survey->first >= survey->most
        || survey->line_count == III_SURVEYED_MAX)
        return;
    survey->lines = room(&question->arena, survey->lines, sizeof *survey->lines,
        survey->line_count, &survey->line_room);
    survey->lines[survey->line_count++] = arena_copy(&question->arena, line);
}

static bool
list_automations(struct iii_question *question, struct bytes cursor)
{
    struct message *m = iii_question_again(question, AUTOMATION_LIST, ACTOR_registry);
    m->automation_list = (struct automation_list){ .limit = PAGE_MAX,
        .cursor = arena_copy(&question->arena, cursor) };
    iii_ask(question);
    return true;
}

static void
ask_config(struct iii_question *question)
{
    const struct iii_survey *survey = question->own;
    struct buffer lane = { 0 };
    struct message *m = iii_question_again(question, QUEUE_GET, ACTOR_registry);
    iii_queue_lane(survey->wanted, &lane);
    m->queue_get.queue = arena_copy(&question->arena, buffer_bytes(&lane));
    buffer_free(&lane);
    iii_ask(question);
}

static bool
list_runs(struct iii_question *question, struct bytes cursor)
{
    const struct iii_survey *survey = question->own;
    struct message *m = iii_question_again(question, RUN_LIST, ACTOR_view);
    m->run_list = (struct run_list){
        .automation = survey->automations[survey->at].automation,
        .status = text(survey->stage == FAILED_LISTED ? "failed" : "open"),
        .limit = PAGE_MAX,
        .cursor = arena_copy(&question->arena, cursor),
    };
    iii_ask(question);
    return true;
}

static struct id
run_of(struct bytes line)
{
    return said_id(line, "id", "run_");
}

/* The next thing there is to ask; false: there is none. */
static bool
go_further(struct iii_question *question)
{
    struct iii_survey *survey = question->own;
    for (; survey->stage < RUNS_ASKED; survey->stage++, survey->at = 0) {
        bool wanted = survey->stage == FAILED_LISTED ? survey->failed : survey->open;
        if (wanted && survey->at < survey->automation_count)
            return list_runs(question, (struct bytes){ 0 });
    }
    if (survey->at == survey->line_count)
        return false;
    struct id run = run_of(survey->lines[survey->at]);
    survey->ask(question, &run);
    iii_ask(question);
    return true;
}

static void
take_page(struct iii_question *question, struct bytes page)
{
    struct iii_survey *survey = question->own;
    size_t count;
    struct cursor items = said_items(page, "items", &count);
    for (size_t i = 0; i < count && !items.bad; i++) {
        struct bytes item = cursor_skip(&items);
        if (survey->stage == AUTOMATIONS_LISTED)
            add_automation(question, survey, item);
        else if (survey->stage == FAILED_LISTED)
            add_failed(question, survey, item);
        else
            survey->automations[survey->at].open++;
    }
}

/* A page, or the lack of one: of an automation that has had no run nobody knows. */
static bool
take(struct iii_question *question, const struct message *answer)
{
    struct iii_survey *survey = question->own;
    struct bytes page = answer->document.document;
    struct bytes cursor = { 0 };
    if (answer->code == DOCUMENT) {
        take_page(question, page);
        cursor = said_text(page, "next_cursor");
    }
    if (cursor.size > 0)
        return survey->stage == AUTOMATIONS_LISTED ? list_automations(question, cursor)
                                                   : list_runs(question, cursor);
    if (survey->stage == AUTOMATIONS_LISTED)
        survey->stage = FAILED_LISTED;
    else
        survey->at++;
    return go_further(question);
}

static bool
hear(struct iii_question *question, struct iii_worker *caller,
    const struct message *answer)
{
    struct iii_survey *survey = question->own;
    bool more;
    if (survey->stage == CONFIG_ASKED) {
        if (answer->code == DOCUMENT)
            survey->settings = arena_copy(
                &question->arena, pack_find(answer->document.document, "settings"));
        survey->stage = AUTOMATIONS_LISTED;
        return list_automations(question, (struct bytes){ 0 });
    }
    /* What was said of one run is for its caller to judge, unless the rest would fare
     * no better. */
    if (iii_passing(answer)
        || (answer->code == REFUSED && refused_err(&answer->refused) != ERR_NOT_FOUND
            && survey->stage != RUNS_ASKED)) {
        iii_refused(caller, &question->asked, &answer->refused);
        return false;
    }
    if (survey->stage == RUNS_ASKED) {
        survey->said(survey, survey->lines[survey->at++], answer);
        more = go_further(question);
    } else {
        more = take(question, answer);
    }
    if (!more)
        survey->done(survey, caller, &question->asked);
    return more;
}

static void
over(struct iii_question *question)
{
    struct iii_survey *survey = question->own;
    buffer_free(&survey->out);
}

void
iii_survey(struct iii_worker *caller, const struct iii_frame *asked, unsigned scope,
    const struct iii_survey *survey)
{
    if ((caller->key->scopes & scope) == 0 || caller->key->revoked) {
        iii_refuse(caller, asked, "FORBIDDEN", text("the key may not do that"));
        return;
    }
    struct iii_question *question =
        iii_question_new(caller, asked, AUTOMATION_LIST, ACTOR_registry);
    if (question == NULL)
        return;
    struct iii_survey *own = arena_take(&question->arena, sizeof *own);
    *own = *survey;
    own->stage = survey->config ? CONFIG_ASKED : AUTOMATIONS_LISTED;
    own->wanted = arena_copy(&question->arena, survey->wanted);
    own->target = arena_copy(&question->arena, survey->target);
    question->own = own;
    question->next = hear;
    question->over = over;
    if (survey->config)
        ask_config(question);
    else
        (void)list_automations(question, (struct bytes){ 0 });
}
