#include "gateway/said.h"

struct bytes
said_text(struct bytes document, const char *name)
{
    struct cursor c = cursor_over(pack_find(document, name));
    return cursor_type(&c) == PACK_TEXT ? cursor_text(&c) : (struct bytes){ 0 };
}

uint64_t
said_number(struct bytes document, const char *name)
{
    struct cursor c = cursor_over(pack_find(document, name));
    return cursor_type(&c) == PACK_UNSIGNED ? cursor_u64(&c) : 0;
}

struct id
said_id(struct bytes document, const char *name, const char *prefix)
{
    struct id id;
    return id_read(said_text(document, name), prefix, &id) == ERR_NONE
               ? id
               : (struct id){ { 0 } };
}

struct cursor
said_items(struct bytes document, const char *name, size_t *count)
{
    struct cursor c = cursor_over(pack_find(document, name));
    *count = cursor_type(&c) == PACK_ARRAY ? cursor_array(&c) : 0;
    return c;
}
