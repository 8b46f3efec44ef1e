#include "transport/messages.h"

#include <assert.h>

#define MESSAGE(number, code, name, kind, from, to, about)                             \
    static const struct field name##_field_rows[] = { name##_FIELDS(FIELD_ROW, name) };
#include "transport/messages.def"

const struct shape message_shapes[MESSAGE_END] = {
#define MESSAGE(number, code, name, kind, from, to, about) [code] = SHAPE(name),
#include "transport/messages.def"
};

const struct route message_routes[MESSAGE_END] = {
#define MESSAGE(number, code, name, kind, from, to, about)                             \
    [code] = { kind, ACTOR_##from, ACTOR_##to, about },
#include "transport/messages.def"
};

void
message_ask_again(struct message *m, uint64_t number)
{
    assert(strcmp(message_shapes[m->code].fields[0].name, "request") == 0);
    memcpy(m->body, &number, sizeof number);
}

void
message_ask(struct message *m, uint64_t number)
{
    const struct shape *shape = &message_shapes[m->code];
    message_ask_again(m, number);
    if (shape->field_count > 1 && strcmp(shape->fields[1].name, "question") == 0)
        memcpy(m->body + sizeof number, &number, sizeof number);
}

size_t
message_size(const struct message *m)
{
    enum { ENVELOPE = 256, EACH = 24 /* a number or an id, and what names it */ };
    const struct shape *shape = &message_shapes[m->code];
    size_t size = ENVELOPE + EACH * shape->field_count;
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        struct bytes value = { 0 };
        if (field->type >= FIELD_text)
            memcpy(&value, m->body + field->offset, sizeof value);
        size += value.size;
    }
    return size;
}

enum err
refused_err(const struct refused *refused)
{
    return refused->err > ERR_NONE && refused->err < ERR_COUNT ? (enum err)refused->err
                                                               : ERR_CORRUPT;
}

struct bytes
refused_sentence(const struct refused *refused)
{
    return refused->detail.size > 0 ? refused->detail
                                    : text(err_sentence(refused_err(refused)));
}

const char *
run_status_name(enum run_status status)
{
    static const char *const names[] = {
        [RUN_WAITING] = "queued",
        [RUN_RUNNING] = "running",
        [RUN_SUSPENDED] = "suspended",
        [RUN_DONE] = "completed",
        [RUN_BROKEN] = "failed",
        [RUN_STOPPED] = "cancelled",
    };
    unsigned row = (unsigned)status;
    return row < COUNT(names) && names[row] != NULL ? names[row] : "unknown";
}

enum run_status
run_status_read(struct bytes name)
{
    for (unsigned i = RUN_WAITING; i <= RUN_STOPPED; i++)
        if (bytes_equal(name, text(run_status_name((enum run_status)i))))
            return (enum run_status)i;
    return (enum run_status)0;
}

struct id
interaction_id(const struct id *run, uint32_t step, uint32_t attempt, bool escalated)
{
    static const uint64_t tag = (uint64_t)'i' << 56;
    struct id of_step = id_derive(run, step);
    return id_derive(&of_step, tag | (uint64_t)attempt << 1 | escalated);
}

const char *
automation_status_name(enum automation_status status)
{
    static const char *const names[] = {
        [AUTOMATION_ACTIVE] = "active",
        [AUTOMATION_DRAFT] = "draft",
        [AUTOMATION_PAUSED] = "paused",
        [AUTOMATION_ARCHIVED] = "archived",
    };
    unsigned row = (unsigned)status;
    return row < COUNT(names) && names[row] != NULL ? names[row] : "unknown";
}

const char *
actor_name_text(enum actor_name name)
{
    static const char *const names[ACTOR_COUNT] = { "nobody", "any", "registry",
        "trigger", "scheduler", "lease", "view", "gateway" };
    return (unsigned)name < ACTOR_COUNT ? names[name] : "unknown";
}
