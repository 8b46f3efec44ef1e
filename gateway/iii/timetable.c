#include "gateway/iii/timetable.h"

#include "base/calendar.h"
#include "base/quoted.h"

enum { FIELDS_MAX = 7, FIELDS_MIN = 6, DAY_S = 86400, NAME_SIZE = 3 };

enum field { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEAR };

static const char *const month_names[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN",
    "JUL", "AUG", "SEP", "OCT", "NOV", "DEC" };
static const char *const weekday_names[] = { "SUN", "MON", "TUE", "WED", "THU", "FRI",
    "SAT" };

static const struct field_rule {
    const char *name;
    unsigned min, max;
    const char *const *names; /* the first is `min` */
    size_t name_count;
    const char *expected;
} fields[FIELDS_MAX] = {
    [SECOND] = { "second", 0, 59, NULL, 0, "0-59" },
    [MINUTE] = { "minute", 0, 59, NULL, 0, "0-59" },
    [HOUR] = { "hour", 0, 23, NULL, 0, "0-23" },
    [DAY] = { "day of month", 1, 31, NULL, 0, "1-31" },
    [MONTH] = { "month", 1, 12, month_names, 12, "1-12 or JAN-DEC" },
    [WEEKDAY] = { "day of week", 1, 7, weekday_names, 7,
        "1-7 from Sunday on, or SUN-SAT" },
    [YEAR] = { "year", TIMETABLE_YEAR_MIN, TIMETABLE_YEAR_MIN + TIMETABLE_YEARS - 1,
        NULL, 0, "1970-2100" },
};

static const struct {
    const char *name, *fields;
} nicknames[] = {
    { "@hourly", "0 0 * * * *" },
    { "@daily", "0 0 0 * * *" },
    { "@weekly", "0 0 0 * * SUN" },
    { "@monthly", "0 0 0 1 * *" },
    { "@yearly", "0 0 0 1 1 *" },
};

static void
set_bit(struct timetable *t, enum field field, unsigned value)
{
    unsigned since = value - TIMETABLE_YEAR_MIN;
    switch (field) {
    case SECOND: t->seconds |= (uint64_t)1 << value; return;
    case MINUTE: t->minutes |= (uint64_t)1 << value; return;
    case HOUR: t->hours |= (uint32_t)1 << value; return;
    case DAY: t->days |= (uint32_t)1 << value; return;
    case MONTH: t->months |= (uint32_t)1 << value; return;
    case WEEKDAY: t->weekdays |= (uint32_t)1 << value; return;
    case YEAR: t->years[since / 64] |= (uint64_t)1 << since % 64; return;
    }
}

/* What is left of an item. */
static bool
take(struct bytes *in, char c)
{
    if (in->size == 0 || in->data[0] != (uint8_t)c)
        return false;
    *in = bytes_of(in->data + 1, in->size - 1);
    return true;
}

static bool
same_letters(const uint8_t *at, const char *name)
{
    for (size_t i = 0; i < NAME_SIZE; i++)
        if ((at[i] & ~0x20) != name[i])
            return false;
    return true;
}

static bool
take_value(struct bytes *in, const struct field_rule *rule, unsigned *value)
{
    size_t size = 0;
    *value = 0;
    for (size_t i = 0; i < rule->name_count && in->size >= NAME_SIZE; i++)
        if (same_letters(in->data, rule->names[i])) {
            *value = rule->min + (unsigned)i;
            *in = bytes_of(in->data + NAME_SIZE, in->size - NAME_SIZE);
            return true;
        }
    for (;
         size < in->size && size < 4 && in->data[size] >= '0' && in->data[size] <= '9';
         size++)
        *value = *value * 10 + (unsigned)(in->data[size] - '0');
    *in = bytes_of(in->data + size, in->size - size);
    return size > 0 && *value >= rule->min && *value <= rule->max;
}

static bool
take_step(struct bytes *in, unsigned *step)
{
    size_t size = 0;
    *step = 0;
    for (;
         size < in->size && size < 3 && in->data[size] >= '0' && in->data[size] <= '9';
         size++)
        *step = *step * 10 + (unsigned)(in->data[size] - '0');
    *in = bytes_of(in->data + size, in->size - size);
    return *step > 0;
}

static bool
read_item(struct bytes in, enum field field, struct timetable *t)
{
    const struct field_rule *rule = &fields[field];
    unsigned low = rule->min, high = rule->max, step = 1;
    bool any = take(&in, '*') || take(&in, '?'), range = any;
    if (!any && !take_value(&in, rule, &low))
        return false;
    if (!any && take(&in, '-')) {
        range = true;
        if (!take_value(&in, rule, &high))
            return false;
    }
    if (take(&in, '/')) {
        range = true;
        if (!take_step(&in, &step))
            return false;
    }
    if (!range)
        high = low;
    for (unsigned value = low; value <= high; value += step)
        set_bit(t, field, value);
    return in.size == 0 && low <= high;
}

static enum err
read_field(
    struct bytes word, enum field field, struct timetable *t, struct fault *fault)
{
    const struct field_rule *rule = &fields[field];
    struct bytes rest = word;
    for (;;) {
        const uint8_t *comma = rest.size > 0 ? memchr(rest.data, ',', rest.size) : NULL;
        size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.data);
        if (!read_item(bytes_of(rest.data, size), field, t))
            return fault_set(fault, ERR_MALFORMED,
                "expression: %s: %s is not in range or cannot be read: expected %s",
                rule->name, quoted(word).text, rule->expected);
        if (comma == NULL)
            return ERR_NONE;
        rest = bytes_of(comma + 1, rest.size - size - 1);
    }
}

/* The words of `in`; the last place takes all that is too much. */
static size_t
split(struct bytes in, struct bytes words[FIELDS_MAX + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < in.size;) {
        size_t begin = i;
        while (i < in.size && in.data[i] != ' ' && in.data[i] != '\t')
            i++;
        if (i > begin && count <= FIELDS_MAX)
            words[count++] = bytes_of(in.data + begin, i - begin);
        while (i < in.size && (in.data[i] == ' ' || in.data[i] == '\t'))
            i++;
    }
    return count;
}

enum err
timetable_read(struct bytes in, struct timetable *t, struct fault *fault)
{
    struct bytes words[FIELDS_MAX + 1];
    *t = (struct timetable){ 0 };
    if (in.size > TIMETABLE_TEXT_MAX)
        return fault_set(fault, ERR_MALFORMED,
            "expression: it has %zu bytes: expected at most %d", in.size,
            TIMETABLE_TEXT_MAX);
    for (size_t i = 0; i < COUNT(nicknames); i++)
        if (bytes_equal(in, text(nicknames[i].name)))
            in = text(nicknames[i].fields);
    size_t count = split(in, words);
    if (count != FIELDS_MIN && count != FIELDS_MAX)
        return fault_set(fault, ERR_MALFORMED,
            "expression: %s: expected 6 fields (second, minute, hour, day of month, "
            "month, day of week) or 7 with the year",
            quoted(in).text);
    if (count == FIELDS_MIN)
        words[YEAR] = text("*");
    for (size_t i = 0; i < FIELDS_MAX; i++) {
        enum err err = read_field(words[i], (enum field)i, t, fault);
        if (err != ERR_NONE)
            return err;
    }
    return ERR_NONE;
}

/* The least member that is not below `from`, at most 60; 64 if there is none. */
static unsigned
least_from(uint64_t set, unsigned from)
{
    if (set >> from == 0)
        return 64;
    return from + (unsigned)__builtin_ctzll(set >> from);
}

/* The first second of a day that fires, from `second` on; DAY_S if there is none. */
static unsigned
time_from(const struct timetable *t, unsigned second)
{
    unsigned from_h = second / 3600, from_m = second / 60 % 60, from_s = second % 60;
    for (unsigned h = least_from(t->hours, from_h); h < 24;
         h = least_from(t->hours, h + 1)) {
        unsigned m = least_from(t->minutes, h == from_h ? from_m : 0);
        for (; m < 60; m = least_from(t->minutes, m + 1)) {
            bool first = h == from_h && m == from_m;
            unsigned s = least_from(t->seconds, first ? from_s : 0);
            if (s < 60)
                return h * 3600 + m * 60 + s;
        }
    }
    return DAY_S;
}

static bool
day_fits(const struct timetable *t, const struct date *date, int64_t day)
{
    unsigned weekday = (unsigned)((day + 4) % 7) + 1; /* 1970 began on Thursday */
    return t->days >> date->day & 1 && t->weekdays >> weekday & 1;
}

uint64_t
timetable_next(const struct timetable *t, uint64_t after_ms)
{
    uint64_t from_s = after_ms / 1000 + 1;
    int64_t day = (int64_t)(from_s / DAY_S);
    unsigned second = (unsigned)(from_s % DAY_S);
    for (;;) {
        struct date date = calendar_date(day);
        unsigned since = (unsigned)date.year - TIMETABLE_YEAR_MIN;
        unsigned found = DAY_S;
        if (since >= TIMETABLE_YEARS)
            return UINT64_MAX;
        if (!(t->years[since / 64] >> since % 64 & 1)) {
            day = calendar_days(date.year + 1, 1, 1);
        } else if (!(t->months >> date.month & 1)) {
            bool last = date.month == 12;
            day = calendar_days(date.year + last, last ? 1 : date.month + 1u, 1);
        } else {
            if (day_fits(t, &date, day))
                found = time_from(t, second);
            if (found < DAY_S)
                return ((uint64_t)day * DAY_S + found) * 1000;
            day++;
        }
        second = 0;
    }
}
