/* loops - automations as Mobius' loops, and as the automations of its release before.
 */
#ifndef GATEWAY_MOBIUS_LOOPS_H
#define GATEWAY_MOBIUS_LOOPS_H
#include "gateway/mobius/form.h"

/* Our name for the loop or automation of the path: "loop_…" is "aut_…" here, anything
 * else is a name. */
struct bytes loop_name(struct request *r);
/* One of the project's projects, as they see it; its handle is that of the path. */
void project_write(struct request *r, struct buffer *out);
void project_id(const struct request *r, char out[ID_TEXT_MAX]);

/* The documents of the registry in their shapes; `definition` is the text as msgpack,
 * or nothing. */
void loop_write(struct buffer *out, struct bytes document, struct bytes definition);
void automation_write(const struct request *r, struct buffer *out,
    struct bytes document, struct bytes definition);

/* Both times of what we keep no date of: it is as old as the key that asks. */
void mobius_stamps(const struct request *r, struct form *form);

/* `limit` and `cursor` of a page; false: refused. */
bool mobius_page(struct request *r, uint32_t *limit, struct bytes *cursor);

/* The text of a document as msgpack; nothing if it is no JSON. */
struct bytes definition_of(struct request *r, struct bytes document);
#endif
