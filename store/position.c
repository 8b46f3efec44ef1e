#include "store/position.h"

#include <assert.h>

/* Of a list of before. */
enum { WIDE_SIZE = 16, NARROW_MAX = 20 };

struct position_list
position_list_over(struct bytes list)
{
    return (struct position_list){
        .left = list,
        .wide = list.size > 0 && list.data[0] == 0,
    };
}

static uint64_t
take_wide(struct bytes *left)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | left->data[i];
    left->data += 8;
    left->size -= 8;
    return number;
}

static bool
take_growth(struct bytes *left, uint64_t *number)
{
    uint64_t growth = 0;
    for (unsigned shift = 0; left->size > 0 && shift < 64; shift += 7) {
        uint8_t byte = *left->data++;
        left->size--;
        growth |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *number += growth;
            return true;
        }
    }
    return false;
}

bool
position_list_next(struct position_list *list, struct position *position)
{
    struct position *last = &list->last;
    if (list->wide) {
        if (list->left.size < WIDE_SIZE)
            return false;
        last->record = take_wide(&list->left);
        last->events = take_wide(&list->left);
    } else if (!take_growth(&list->left, &last->record)
               || !take_growth(&list->left, &last->events)) {
        return false;
    }
    *position = *last;
    return true;
}

uint32_t
position_list_count(struct bytes list)
{
    struct position_list all = position_list_over(list);
    struct position position;
    uint32_t count = 0;
    while (position_list_next(&all, &position))
        count++;
    return count;
}

static size_t
put_growth(uint8_t *at, uint64_t growth)
{
    size_t size = 0;
    for (; growth >= 0x80; growth >>= 7)
        at[size++] = (uint8_t)(growth | 0x80);
    at[size++] = (uint8_t)growth;
    return size;
}

static size_t
put_wide(uint8_t *at, const struct position *position)
{
    for (int i = 0; i < 8; i++) {
        at[i] = (uint8_t)(position->record >> (56 - 8 * i));
        at[8 + i] = (uint8_t)(position->events >> (56 - 8 * i));
    }
    return WIDE_SIZE;
}

struct bytes
position_list_add(
    struct bytes list, const struct position *position, struct arena *arena)
{
    struct position_list all = position_list_over(list);
    struct position last;
    while (position_list_next(&all, &last))
        ;
    last = all.last;
    if (last.record == position->record)
        return list;
    assert(position->record > last.record);
    assert(position->events >= last.events);
    uint8_t *longer = arena_take(arena, list.size + NARROW_MAX);
    if (list.size > 0)
        memcpy(longer, list.data, list.size);
    size_t size = list.size;
    if (all.wide) {
        size += put_wide(longer + size, position);
    } else {
        size += put_growth(longer + size, position->record - last.record);
        size += put_growth(longer + size, position->events - last.events);
    }
    return bytes_of(longer, size);
}
