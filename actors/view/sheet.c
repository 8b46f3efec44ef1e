#include "actors/view/sheet.h"

#include "base/pack.h"
#include "base/stamp.h"

/* msgpack's longest heads, so that the count can be filled in later: a byte that says
 * what it is, then 32 bits, big-endian. */
enum { MAP_32 = 0xdf, ARRAY_32 = 0xdd, HEAD_SIZE = 5 };

static struct sheet
begin(struct buffer *out, uint8_t what)
{
    uint8_t head[HEAD_SIZE] = { what };
    struct sheet sheet = { .out = out, .head = out->size };
    buffer_append(out, head, sizeof head);
    return sheet;
}

struct sheet
sheet_map(struct buffer *out)
{
    return begin(out, MAP_32);
}

struct sheet
sheet_array(struct buffer *out)
{
    return begin(out, ARRAY_32);
}

void
sheet_end(struct sheet *sheet)
{
    uint8_t *count = sheet->out->data + sheet->head + 1;
    for (int i = 0; i < 4; i++)
        count[i] = (uint8_t)(sheet->count >> (24 - 8 * i));
}

void
sheet_key(struct sheet *map, const char *key)
{
    sheet_key_text(map, text(key));
}

void
sheet_key_text(struct sheet *map, struct bytes key)
{
    map->count++;
    pack_text(map->out, key);
}

void
sheet_item(struct sheet *array)
{
    array->count++;
}

void
sheet_text(struct sheet *map, const char *key, struct bytes value)
{
    if (value.size == 0)
        return;
    sheet_key(map, key);
    pack_text(map->out, value);
}

void
sheet_id(struct sheet *map, const char *key, const char *prefix, const struct id *id)
{
    char printed[ID_TEXT_MAX];
    if (!id_is_zero(id))
        sheet_text(map, key, text(id_print(id, prefix, printed)));
}

void
sheet_moment(struct sheet *map, const char *key, uint64_t unix_ms)
{
    char stamp[STAMP_SIZE];
    if (unix_ms != 0)
        sheet_text(map, key, text(stamp_print(unix_ms, stamp)));
}

void
sheet_number(struct sheet *map, const char *key, uint64_t value)
{
    sheet_key(map, key);
    pack_u64(map->out, value);
}

void
sheet_bool(struct sheet *map, const char *key, bool value)
{
    sheet_key(map, key);
    pack_bool(map->out, value);
}

void
sheet_payload(struct sheet *map, const char *key, struct bytes payload)
{
    sheet_key(map, key);
    sheet_value(map, payload);
}

void
sheet_value(struct sheet *sheet, struct bytes payload)
{
    bool whole = payload.size > 0 && pack_check(payload) == ERR_NONE;
    pack_raw(sheet->out, whole ? payload : (struct bytes){ 0 });
}
