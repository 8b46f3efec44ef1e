/* cron_read - the text of a schedule. */
#include "actors/schedule/cron.h"
#include "base/duration.h"
#include "base/quoted.h"

#include <stdio.h>

enum { FIELDS_MAX = 6, WORDS_MAX = FIELDS_MAX + 2, INTERVAL_MIN_MS = 1000 };

static const uint64_t interval_max_ms = (uint64_t)365 * 24 * 3600 * 1000;

static const char *const month_names[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN",
    "JUL", "AUG", "SEP", "OCT", "NOV", "DEC" };
static const char *const weekday_names[] = { "SUN", "MON", "TUE", "WED", "THU", "FRI",
    "SAT" };

enum field { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY };

static const struct field_rule {
    const char *name;
    unsigned min, max;
    unsigned top; /* the end of * and of a step */
    const char *const *names;
    size_t name_count; /* the first is `min` */
    const char *expected;
} fields[FIELDS_MAX] = {
    [SECOND] = { "second", 0, 59, 59, NULL, 0, "0-59" },
    [MINUTE] = { "minute", 0, 59, 59, NULL, 0, "0-59" },
    [HOUR] = { "hour", 0, 23, 23, NULL, 0, "0-23" },
    [DAY] = { "day of month", 1, 31, 31, NULL, 0, "1-31, ?, L or L-3" },
    [MONTH] = { "month", 1, 12, 12, month_names, 12, "1-12 or JAN-DEC" },
    [WEEKDAY] = { "day of week", 0, 7, 6, weekday_names, 7,
        "0-7 or SUN-SAT, ?, FRIL or FRI#2" },
};

static const struct {
    const char *name, *fields;
} nicknames[] = {
    { "@hourly", "0 * * * *" },
    { "@daily", "0 0 * * *" },
    { "@midnight", "0 0 * * *" },
    { "@weekly", "0 0 * * 0" },
    { "@monthly", "0 0 1 * *" },
    { "@yearly", "0 0 1 1 *" },
    { "@annually", "0 0 1 1 *" },
};

/* One item of a field's list. */
struct item {
    const uint8_t *at, *end;
    const struct field_rule *rule;
    struct bytes whole;
    struct cron *cron;
    char *mistake;
};

static bool
refuse(const struct item *in, const char *why)
{
    snprintf(in->mistake, CRON_MISTAKE_SIZE, "%s: %s %s: expected %s", in->rule->name,
        quoted(in->whole).text, why, in->rule->expected);
    return false;
}

static bool
take(struct item *in, char c)
{
    if (in->at == in->end || *in->at != (uint8_t)c)
        return false;
    in->at++;
    return true;
}

static bool
same_letters(const uint8_t *at, const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((at[i] & ~0x20) != name[i])
            return false;
    return true;
}

static bool
take_name(struct item *in, unsigned *value)
{
    for (size_t i = 0; i < in->rule->name_count; i++)
        if (in->end - in->at >= 3 && same_letters(in->at, in->rule->names[i], 3)) {
            in->at += 3;
            *value = in->rule->min + (unsigned)i;
            return true;
        }
    return false;
}

/* At most three digits, so that it cannot overflow. */
static bool
take_number(struct item *in, unsigned *value)
{
    const uint8_t *begin = in->at;
    *value = 0;
    while (in->at < in->end && in->at - begin < 3 && *in->at >= '0' && *in->at <= '9')
        *value = *value * 10 + (unsigned)(*in->at++ - '0');
    return in->at > begin;
}

static bool
take_value(struct item *in, unsigned *value)
{
    if (take_name(in, value))
        return true;
    if (!take_number(in, value))
        return refuse(in, "is no value");
    if (*value < in->rule->min || *value > in->rule->max)
        return refuse(in, "is out of range");
    return true;
}

/* L, L-3 */
static bool
last_days(struct item *in)
{
    unsigned before = 0;
    if (take(in, '-') && (!take_number(in, &before) || before > 30))
        return refuse(in, "is out of range");
    in->cron->days_left |= (uint32_t)1 << before;
    return in->at == in->end || refuse(in, "goes on after L");
}

/* FRIL, FRI#2 */
static bool
nth_weekday(struct item *in, unsigned weekday, bool last)
{
    unsigned nth = 0;
    if (!last && (!take_number(in, &nth) || nth < 1 || nth > 5))
        return refuse(in, "is out of range: a month has a first to a fifth");
    in->cron->weekday_nth[weekday % 7] |= (uint8_t)(1 << nth);
    return in->at == in->end || refuse(in, "goes on after L or #");
}

static bool
take_step(struct item *in, unsigned *step)
{
    if (take(in, '/') && (!take_number(in, step) || *step < 1 || *step > in->rule->top))
        return refuse(in, "has no such step");
    return in->at == in->end || refuse(in, "cannot be read to its end");
}

/* What is in one item, as bits of `set`. */
static bool
read_item(struct item *in, uint64_t *set)
{
    unsigned low = in->rule->min, high = in->rule->top, step = 1;
    bool of_days = in->rule == &fields[DAY], of_weekdays = in->rule == &fields[WEEKDAY];
    if (of_days && (take(in, 'L') || take(in, 'l')))
        return last_days(in);
    if (!take(in, '*')) {
        if (!take_value(in, &low))
            return false;
        if (of_weekdays && (take(in, 'L') || take(in, 'l')))
            return nth_weekday(in, low, true);
        if (of_weekdays && take(in, '#'))
            return nth_weekday(in, low, false);
        if (take(in, '-')) {
            if (!take_value(in, &high))
                return false;
        } else if (in->at == in->end || *in->at != '/') {
            high = low;
        }
    }
    if (!take_step(in, &step))
        return false;
    if (high < low)
        return refuse(in, "runs backwards");
    for (unsigned value = low; value <= high; value += step)
        *set |= (uint64_t)1 << value;
    return true;
}

static void
keep(struct cron *cron, enum field field, uint64_t set)
{
    switch (field) {
    case SECOND: cron->seconds = set; break;
    case MINUTE: cron->minutes = set; break;
    case HOUR: cron->hours = (uint32_t)set; break;
    case DAY: cron->days = (uint32_t)set; break;
    case MONTH: cron->months = (uint32_t)set; break;
    case WEEKDAY: cron->weekdays = (uint8_t)((set | set >> 7) & 0x7f); break;
    }
}

static bool
read_field(struct bytes word, enum field field, struct cron *cron, char *mistake)
{
    const struct field_rule *rule = &fields[field];
    bool days = field == DAY || field == WEEKDAY;
    bool any = word.data[0] == '*' || word.data[0] == '?';
    uint64_t set = 0;
    if (days && bytes_equal(word, text("?")))
        word = text("*");
    const uint8_t *at = word.data, *end = word.data + word.size;
    for (;;) {
        const uint8_t *comma = memchr(at, ',', (size_t)(end - at));
        const uint8_t *stop = comma != NULL ? comma : end;
        struct item in = { at, stop, rule, bytes_of(at, (size_t)(stop - at)), cron,
            mistake };
        if (!read_item(&in, &set))
            return false;
        if (comma == NULL)
            break;
        at = comma + 1;
    }
    keep(cron, field, set);
    if (field == DAY)
        cron->any_day = any;
    else if (field == WEEKDAY)
        cron->any_weekday = any;
    else if (field == MINUTE)
        cron->running |= any;
    else if (field == HOUR)
        cron->running |= set == 0xffffff;
    return true;
}

static bool
blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* The words of `in`, which begins with one; the last place takes all that is too much.
 */
static size_t
split(struct bytes in, struct bytes words[WORDS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < in.size;) {
        size_t begin = i;
        while (i < in.size && !blank(in.data[i]))
            i++;
        words[count < WORDS_MAX ? count : WORDS_MAX - 1] =
            bytes_of(in.data + begin, i - begin);
        count++;
        while (i < in.size && blank(in.data[i]))
            i++;
    }
    return count;
}

static bool
read_fields(struct bytes in, struct cron *cron, char *mistake)
{
    struct bytes words[WORDS_MAX];
    size_t count = split(in, words), first = count == FIELDS_MAX ? SECOND : MINUTE;
    if (count != FIELDS_MAX && count != FIELDS_MAX - 1) {
        snprintf(mistake, CRON_MISTAKE_SIZE,
            "%s has %zu fields: expected 5 (minute, hour, day of month, month, day of "
            "week), or 6 with the second first",
            quoted(in).text, count);
        return false;
    }
    cron->seconds = 1;
    for (size_t i = 0; i < count; i++)
        if (!read_field(words[i], (enum field)(first + i), cron, mistake))
            return false;
    return true;
}

static bool
read_every(struct bytes span, struct cron *cron, char *mistake)
{
    if (duration_read(span, &cron->interval_ms) && cron->interval_ms >= INTERVAL_MIN_MS
        && cron->interval_ms <= interval_max_ms)
        return true;
    snprintf(mistake, CRON_MISTAKE_SIZE,
        "@every %s: expected a duration from 1s to 8760h, such as 1h30m",
        quoted(span).text);
    return false;
}

static bool
read_nickname(struct bytes in, struct cron *cron, char *mistake)
{
    struct bytes words[WORDS_MAX];
    size_t count = split(in, words);
    if (count == 2 && bytes_equal(words[0], text("@every")))
        return read_every(words[1], cron, mistake);
    for (size_t i = 0; count == 1 && i < COUNT(nicknames); i++)
        if (bytes_equal(words[0], text(nicknames[i].name)))
            return read_fields(text(nicknames[i].fields), cron, mistake);
    snprintf(mistake, CRON_MISTAKE_SIZE,
        "%s is no schedule: expected @hourly, @daily, @midnight, @weekly, @monthly, "
        "@yearly, @annually, or @every and a duration",
        quoted(in).text);
    return false;
}

bool
cron_read(struct bytes in, struct cron *cron, char mistake[CRON_MISTAKE_SIZE])
{
    *cron = (struct cron){ 0 };
    mistake[0] = '\0';
    while (in.size > 0 && blank(in.data[0]))
        in = bytes_of(in.data + 1, in.size - 1);
    if (in.size > CRON_TEXT_MAX) {
        snprintf(mistake, CRON_MISTAKE_SIZE, "it has %zu bytes: expected at most %d",
            in.size, CRON_TEXT_MAX);
        return false;
    }
    if (in.size > 0 && in.data[0] == '@')
        return read_nickname(in, cron, mistake);
    return read_fields(in, cron, mistake);
}

bool
cron_dst_read(struct bytes in, enum cron_dst *dst)
{
    static const char *const names[] = { "first", "skip", "both" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (bytes_equal(in, text(names[i]))) {
            *dst = (enum cron_dst)i;
            return true;
        }
    return false;
}
