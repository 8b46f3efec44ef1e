#include "gateway/publishing.h"

#include "base/arena.h"
#include "base/wrong.h"
#include "gateway/said.h"

#include <stdlib.h>

/* Of all connections, beyond what each event may have. */
enum { WAITING_BYTES_MAX = 64 << 20 };

struct publication {
    struct list link;
    struct publishing *publishing;
    struct message question;
    struct arena arena; /* what it borrows, */
    size_t held;        /* bytes of that */
    struct bytes identity, id;
};

static void
publication_free(struct publication *p)
{
    list_remove(&p->link);
    holding_drop(&p->publishing->waiting, &p->held);
    arena_free(&p->arena);
    free(p);
}

void
publishing_open(struct publishing *publishing)
{
    list_open(&publishing->open);
    publishing->waiting.bytes_max = WAITING_BYTES_MAX;
}

void
publishing_close(struct publishing *publishing)
{
    struct list *at;
    while ((at = list_first(&publishing->open)) != NULL)
        publication_free(LIST_OF(at, struct publication, link));
}

static void
answered(void *self, const struct message *answer)
{
    struct publication *p = self;
    struct buffer frame = { 0 };
    if (answer->code == DOCUMENT) {
        worker_write_published(
            &frame, p->id, said_number(answer->document.document, "number"));
    } else {
        const struct refused *refused = &answer->refused;
        worker_write_unpublished(
            &frame, refused_err(refused), refused_sentence(refused), p->id);
    }
    p->publishing->answer(p->publishing->self, p->identity, buffer_bytes(&frame));
    buffer_free(&frame);
    publication_free(p);
}

static struct publication *
publication_new(struct publishing *publishing, struct bytes identity,
    const struct id *project, const struct worker_frame *said)
{
    struct publication *p = calloc(1, sizeof *p);
    if (p == NULL)
        WRONG("out of memory");
    p->publishing = publishing;
    p->identity = arena_copy(&p->arena, identity);
    p->id = arena_copy(&p->arena, said->id);
    p->question = (struct message){ .code = EVENT_PUBLISH, .to = ACTOR_trigger };
    p->question.envelope.project = *project;
    p->question.event_publish = (struct event_publish){
        .id = p->id,
        .type = arena_copy(&p->arena, said->event),
        .source = arena_copy(&p->arena, said->source),
        .data = arena_copy(&p->arena, said->data),
        .meta = arena_copy(&p->arena, said->meta),
    };
    list_append(&publishing->open, &p->link);
    return p;
}

void
publishing_ask(struct publishing *publishing, struct bytes identity,
    const struct id *project, const struct worker_frame *said)
{
    struct publication *p = publication_new(publishing, identity, project, said);
    if (holding_grow(
            &publishing->waiting, &p->held, said->data.size + said->meta.size)) {
        bridge_ask(publishing->bridge, &p->question, answered, p);
        return;
    }
    struct message full = { .code = REFUSED, .refused = { .err = ERR_OVERLOADED } };
    answered(p, &full);
}
