/* fields - reading the JSON that clients of workflow-graph send, as msgpack.
 *
 * What is missing or of another type refuses the request with 422 and returns false;
 * what is not asked for is ignored.
 */
#ifndef GATEWAY_WORKFLOW_GRAPH_FIELDS_H
#define GATEWAY_WORKFLOW_GRAPH_FIELDS_H
#include "gateway/request.h"

enum presence { OPTIONAL, REQUIRED };

/* Values borrow from `map`; an optional one that is not there is empty, or 0. */
bool fields_text(struct request *r, struct bytes map, const char *name,
    enum presence presence, struct bytes *value);
/* One of `words`, which ends with NULL; a text that is not there is none. */
bool fields_word(struct request *r, struct bytes map, const char *name,
    enum presence presence, const char *const *words);
/* An array of texts, as it is; and a map of texts. */
bool fields_texts(struct request *r, struct bytes map, const char *name,
    enum presence presence, struct bytes *value);
bool fields_text_map(
    struct request *r, struct bytes map, const char *name, struct bytes *value);
bool fields_list(struct request *r, struct bytes map, const char *name,
    enum presence presence, struct bytes *value);
/* A whole number up to `max`, at which larger ones are cut; `value` stays as it is if
 * the field is not there. */
bool fields_number(struct request *r, struct bytes map, const char *name, uint64_t max,
    uint64_t *value);
bool fields_flag(struct request *r, struct bytes map, const char *name, bool *value);
#endif
