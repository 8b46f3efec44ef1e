/* registry_story - a registry in a trace, and what is said to it, in a few words.
 *
 * There are two schedulers.  Ids print as AUT1, AUT2, AUT3.
 */
#ifndef TESTS_TRACES_REGISTRY_STORY_H
#define TESTS_TRACES_REGISTRY_STORY_H
#include "actors/registry/registry.h"
#include "tests/support/trace.h"

#include <check.h>

/* An automation `greet` of two steps, with a schedule. */
extern const char registry_greet_yaml[];

struct id registry_id(unsigned n);
const char *registry_id_text(unsigned n, char out[ID_TEXT_MAX]);
bool registry_is(const struct id *id, unsigned n);

/* Nobody has greeted yet. */
void registry_open_alone(struct trace *t);
void registry_greet(struct trace *t);
/* Everybody has. */
void registry_open(struct trace *t);

void registry_apply_text(
    struct trace *t, uint64_t request, const char *definition, unsigned automation);
void registry_get(struct trace *t, uint64_t request, const char *name);
void registry_list(struct trace *t, uint32_t limit, const char *cursor);

/* A peer knows a version; its revision is the same number, as long as nothing happens
 * but that versions are published. */
void registry_know(
    struct trace *t, uint32_t partition, unsigned automation, uint32_t version);
void registry_know_triggers(struct trace *t, unsigned automation, uint32_t version);
void registry_know_all(struct trace *t, unsigned automation, uint32_t version);

/* The last document that was answered. */
struct bytes registry_document(const struct trace *t);
/* Compare a msgpack value with one written as JSON with single quotes. */
void registry_expect_value(struct bytes value, const char *expected);
void registry_expect_field(struct bytes map, const char *field, const char *expected);
/* The last request was refused for this; what was sent before is forgotten. */
void registry_expect_refused(struct trace *t, enum err err, const char *detail);

/* A msgpack text of so many bytes, and a map with one, for as long as the test runs. */
struct bytes registry_long_text(size_t size);
struct bytes registry_long_map(size_t size);
#endif
