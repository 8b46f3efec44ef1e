/* What is asked of people: who may answer, how often, until when, and when it is over.
 */
#include "base/pack.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/tale.h"

#include <inttypes.h>

void
question_asked(
    struct reading *r, struct step_tale *s, const struct interaction_requested *asked)
{
    s->targets = arena_copy(&r->arena, asked->targets);
    s->all_of = asked->all_of != 0;
    s->judged = !bytes_equal(asked->protocol, text("request_information"));
    s->answers = 0;
}

bool
has_answered(const struct reading *r, const struct id *interaction, struct bytes who)
{
    for (size_t i = 0; i < r->answer_count; i++)
        if (id_equal(&r->answers[i].interaction, interaction)
            && bytes_equal(text(r->answers[i].who), who))
            return true;
    return false;
}

static void
note_answer(struct reading *r, const struct interaction_responded *said)
{
    struct answered *answers =
        arena_take(&r->arena, (r->answer_count + 1) * sizeof *answers);
    if (r->answer_count > 0)
        memcpy(answers, r->answers, r->answer_count * sizeof *answers);
    char *who = arena_take(&r->arena, said->principal.size + 1);
    memcpy(who, said->principal.data, said->principal.size);
    answers[r->answer_count++] = (struct answered){ said->run, said->interaction, who };
    r->answers = answers;
}

static void
everybody_answers_a_question_once(struct reading *r, struct tale *t,
    const struct step_tale *s, const struct interaction_responded *said)
{
    TALE_HOLDS(r, t, s->waiting, "step %" PRIu32 " asks nothing", said->step);
    TALE_HOLDS(r, t, !has_answered(r, &said->interaction, said->principal), "%.*s did",
        (int)said->principal.size, (const char *)said->principal.data);
}

static void
nobody_answers_what_has_expired(struct reading *r, struct tale *t,
    const struct step_tale *s, const struct interaction_responded *said)
{
    TALE_HOLDS(
        r, t, s->due_ms == 0 || r->at_ms < s->due_ms, "step %" PRIu32, said->step);
}

static void
only_who_is_asked_answers(struct reading *r, struct tale *t, const struct step_tale *s,
    const struct interaction_responded *said)
{
    struct cursor in = cursor_over(s->targets);
    size_t count = cursor_array(&in);
    bool asked = false;
    for (size_t i = 0; i < count; i++)
        asked |= bytes_equal(cursor_text(&in), said->principal);
    TALE_HOLDS(r, t, asked, "%.*s was not", (int)said->principal.size,
        (const char *)said->principal.data);
}

static void
a_question_is_over_when_its_answers_say_so(struct reading *r, struct tale *t,
    const struct step_tale *s, const struct interaction_responded *said)
{
    struct cursor value = cursor_over(said->value), targets = cursor_over(s->targets);
    bool no = s->judged && cursor_type(&value) == PACK_BOOL && !cursor_bool(&value);
    bool over = !s->all_of || no || s->answers == cursor_array(&targets);
    TALE_HOLDS(
        r, t, over == (said->resolved != 0), "%" PRIu32 " have answered", s->answers);
}

void
question_answered(struct reading *r, struct tale *t, struct step_tale *s,
    const struct interaction_responded *said)
{
    everybody_answers_a_question_once(r, t, s, said);
    nobody_answers_what_has_expired(r, t, s, said);
    only_who_is_asked_answers(r, t, s, said);
    note_answer(r, said);
    s->answers++;
    a_question_is_over_when_its_answers_say_so(r, t, s, said);
    s->waiting = !said->resolved;
}
