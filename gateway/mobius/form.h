/* form - answers in Mobius' shapes, written field by field as JSON.
 *
 * What is empty or absent is left out: their Python client takes no field that their
 * schema does not name, and few that are null.
 */
#ifndef GATEWAY_MOBIUS_FORM_H
#define GATEWAY_MOBIUS_FORM_H
#include "gateway/request.h"
#include "gateway/said.h"

struct form {
    struct buffer *out;
    bool more; /* a comma is due */
};

/* An object, after the name of its field if there is one. */
struct form form_open(struct buffer *out);
struct form form_inside(struct form *form, const char *name);
void form_close(struct form *form);
/* A list; items are whole values, each announced. */
struct form form_list(struct form *form, const char *name);
void form_item(struct form *list);
void form_close_list(struct form *list);

void form_name(struct form *form, const char *name);
void form_text(struct form *form, const char *name, struct bytes value);
void form_string(struct form *form, const char *name, const char *value);
void form_number(struct form *form, const char *name, uint64_t value);
void form_bool(struct form *form, const char *name, bool value);
void
form_id(struct form *form, const char *name, const char *prefix, const struct id *id);
/* Anything, from msgpack; nothing and nil are left out. */
void form_value(struct form *form, const char *name, struct bytes msgpack);
/* The same of an object; another value stands in one as "output", as their workers put
 * it there: their clients take no other. */
void form_object(struct form *form, const char *name, struct bytes msgpack);
/* As form_value, of the field `from` of a msgpack map; or, under the same name, of each
 * field of a list that ends with NULL. */
void
form_copy(struct form *form, const char *name, struct bytes document, const char *from);
void form_copy_all(struct form *form, struct bytes document, const char *const *names);

/* Answer with what was written, and free it. */
void form_answer(struct request *r, unsigned status, struct buffer *out);
/* Write an item of a page of ours; false: it is not shown. */
typedef bool form_write(struct request *r, struct buffer *out, struct bytes item);
/* {"items":[…],"has_more":…,"next_cursor":…} of a page of ours. */
void form_answer_page(struct request *r, struct bytes page, form_write *write);
/* The same of a list that has no pages, which is all that it says: {"items":[…]}. */
void form_answer_list(struct request *r, struct bytes items, form_write *write);
/* The same as of a page, of those items that are shown: more pages of ours are asked
 * for until they fill one of theirs; or until there were very many, and then more
 * follow behind its cursor.  Uses r->own and r->left. */
struct form_pages {
    struct message *question;
    uint32_t *limit;      /* of the question, as the client asked */
    struct bytes *cursor; /* the same */
    form_write *write;
};
void form_fill(struct request *r, const struct form_pages *pages);
#endif
