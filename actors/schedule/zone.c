#include "actors/schedule/zone.h"

#include "base/calendar.h"

enum {
    HEADER_SIZE = 44,
    TIME_SIZE = 8,
    TYPE_SIZE = 6,
    OFFSET_MAX = 26 * 3600,
    HOURS_MAX = 167,
    DAY_S = 86400,
    SPANS_MAX = 16, /* of two days */
};

/* No file goes back further: before the universe began.  Keeps sums from overflowing.
 */
static const int64_t earliest_s = -((int64_t)1 << 59), latest_s = (int64_t)1 << 40;

static uint32_t
u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t
time_at(const struct zone *zone, size_t i)
{
    const uint8_t *at = zone->times + i * TIME_SIZE;
    return (int64_t)((uint64_t)u32_at(at) << 32 | u32_at(at + 4));
}

static int32_t
type_offset(const uint8_t *types, unsigned kind)
{
    return (int32_t)u32_at(types + kind * TYPE_SIZE);
}

/* The counts of one of the two headers, and where its data ends. */
struct header {
    uint64_t is_utc, is_standard, leaps, times, types, letters;
    uint64_t size; /* of the data */
};

static const char *
header_read(struct bytes in, unsigned time_size, struct header *h)
{
    if (in.size < HEADER_SIZE || memcmp(in.data, "TZif", 4) != 0)
        return "it is not a TZif file";
    if (in.data[4] < '2')
        return "it is a TZif file of version 1: expected at least 2";
    h->is_utc = u32_at(in.data + 20);
    h->is_standard = u32_at(in.data + 24);
    h->leaps = u32_at(in.data + 28);
    h->times = u32_at(in.data + 32);
    h->types = u32_at(in.data + 36);
    h->letters = u32_at(in.data + 40);
    h->size = h->times * (time_size + 1) + h->types * TYPE_SIZE + h->letters
              + h->leaps * (time_size + 4) + h->is_standard + h->is_utc;
    if (h->size > in.size - HEADER_SIZE)
        return "it is cut short";
    return NULL;
}

/* The footer: a TZ text of POSIX with the extensions of RFC 8536. */
struct reader {
    const uint8_t *at, *end;
    bool bad;
};

static bool
take(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != (uint8_t)c)
        return false;
    r->at++;
    return true;
}

static int32_t
take_number(struct reader *r, int32_t most)
{
    int32_t number = 0;
    const uint8_t *begin = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && number <= most)
        number = number * 10 + (*r->at++ - '0');
    if (r->at == begin || number > most)
        r->bad = true;
    return r->bad ? 0 : number;
}

static bool
letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void
pass_name(struct reader *r)
{
    bool quoted = take(r, '<');
    const uint8_t *begin = r->at;
    while (r->at < r->end
           && (letter(*r->at)
               || (quoted && *r->at != '>' && *r->at > ' ' && *r->at < 0x7f)))
        r->at++;
    if (r->at - begin < 3 || (quoted && !take(r, '>')))
        r->bad = true;
}

/* [+-]hh[:mm[:ss]] */
static int32_t
take_time(struct reader *r, int32_t hours_max)
{
    bool negative = take(r, '-');
    if (!negative)
        take(r, '+');
    int32_t s = take_number(r, hours_max) * 3600;
    if (take(r, ':'))
        s += take_number(r, 59) * 60;
    if (take(r, ':'))
        s += take_number(r, 59);
    return negative ? -s : s;
}

static int32_t
take_between(struct reader *r, int32_t least, int32_t most)
{
    int32_t number = take_number(r, most);
    if (number < least)
        r->bad = true;
    return number;
}

static struct zone_rule
take_rule(struct reader *r)
{
    struct zone_rule rule = { .time_s = 2 * 3600 };
    if (!take(r, ','))
        r->bad = true;
    if (take(r, 'M')) {
        rule.kind = ZONE_WEEKDAY;
        rule.month = (uint8_t)take_between(r, 1, 12);
        r->bad |= !take(r, '.');
        rule.week = (uint8_t)take_between(r, 1, 5);
        r->bad |= !take(r, '.');
        rule.day = (uint16_t)take_number(r, 6);
    } else if (take(r, 'J')) {
        rule.kind = ZONE_JULIAN;
        rule.day = (uint16_t)take_between(r, 1, 365);
    } else {
        rule.kind = ZONE_OF_YEAR;
        rule.day = (uint16_t)take_number(r, 365);
    }
    if (take(r, '/'))
        rule.time_s = take_time(r, HOURS_MAX);
    return rule;
}

/* Signs are as POSIX has them: hours behind UTC. */
static const char *
footer_read(struct bytes in, struct zone_future *future)
{
    struct reader r = { in.data, in.data + in.size, false };
    pass_name(&r);
    future->standard_s = -take_time(&r, 24);
    if (r.at < r.end && !r.bad) {
        future->changes = true;
        pass_name(&r);
        bool given = r.at < r.end && *r.at != ',';
        future->summer_s = given ? -take_time(&r, 24) : future->standard_s + 3600;
        future->begin = take_rule(&r);
        future->end = take_rule(&r);
    }
    return r.bad || r.at != r.end ? "its footer is not a POSIX time zone" : NULL;
}

static const char *
changes_check(const struct zone *zone, uint64_t types)
{
    for (size_t i = 0; i < zone->time_count; i++) {
        int64_t before_s = i > 0 ? time_at(zone, i - 1) : earliest_s - 1;
        if (time_at(zone, i) <= before_s || time_at(zone, i) > latest_s)
            return "its changes are not in order of time";
        if (zone->kinds[i] >= types)
            return "a change has no type";
    }
    return NULL;
}

static const char *
types_check(const struct zone *zone, uint64_t types)
{
    if (types == 0 || types > 256)
        return "it has no type of time";
    for (unsigned i = 0; i < types; i++) {
        int32_t offset_s = type_offset(zone->types, i);
        if (offset_s < -OFFSET_MAX || offset_s > OFFSET_MAX)
            return "a type is more than 26 hours from UTC";
    }
    return NULL;
}

/* What is behind the tables: a line feed, the rule, a line feed. */
static const char *
future_read(struct bytes in, struct zone *zone)
{
    if (in.size < 2 || in.data[0] != '\n')
        return "it has no footer";
    const uint8_t *end = memchr(in.data + 1, '\n', in.size - 1);
    if (end == NULL)
        return "its footer is cut short";
    if (end == in.data + 1) { /* no rule is known: the last type holds for ever */
        size_t last = zone->time_count;
        zone->future.standard_s =
            last > 0 ? type_offset(zone->types, zone->kinds[last - 1]) : zone->before_s;
        return NULL;
    }
    return footer_read(
        bytes_of(in.data + 1, (size_t)(end - in.data) - 1), &zone->future);
}

static struct bytes
behind(struct bytes in, uint64_t size)
{
    return bytes_of(in.data + size, in.size - (size_t)size);
}

const char *
zone_read(struct bytes tzif, struct zone *zone)
{
    struct header h;
    *zone = (struct zone){ 0 };
    const char *wrong = header_read(tzif, 4, &h);
    if (wrong != NULL)
        return wrong;
    /* What follows is said again with times of 64 bits. */
    tzif = behind(tzif, HEADER_SIZE + h.size);
    if ((wrong = header_read(tzif, TIME_SIZE, &h)) != NULL)
        return wrong;
    if (h.leaps > 0)
        return "it counts leap seconds, which unix time does not";
    zone->time_count = (size_t)h.times;
    zone->times = tzif.data + HEADER_SIZE;
    zone->kinds = zone->times + h.times * TIME_SIZE;
    zone->types = zone->kinds + h.times;
    if ((wrong = types_check(zone, h.types)) != NULL
        || (wrong = changes_check(zone, h.types)) != NULL)
        return wrong;
    zone->before_s = type_offset(zone->types, 0);
    return future_read(behind(tzif, HEADER_SIZE + h.size), zone);
}

static int64_t
rule_day(const struct zone_rule *rule, int32_t year)
{
    int64_t first = calendar_days(year, 1, 1);
    if (rule->kind == ZONE_OF_YEAR)
        return first + rule->day;
    if (rule->kind == ZONE_JULIAN) {
        bool leap = calendar_days(year, 3, 1) - first == 60;
        return first + rule->day - 1 + (leap && rule->day >= 60);
    }
    int64_t month = calendar_days(year, rule->month, 1);
    int64_t next = rule->month == 12 ? calendar_days(year + 1, 1, 1)
                                     : calendar_days(year, rule->month + 1u, 1);
    int64_t weekday = ((month + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = month + (rule->day - weekday + 7) % 7 + (rule->week - 1) * 7;
    return day >= next ? day - 7 : day;
}

/* The span of a moment after the table, as the footer's rule has it. */
static struct zone_span
future_span(const struct zone_future *future, int64_t unix_s)
{
    struct zone_span span = { INT64_MIN, INT64_MAX, future->standard_s };
    if (!future->changes || unix_s < -latest_s || unix_s > latest_s)
        return span;
    int64_t days = unix_s >= 0 ? unix_s / DAY_S : (unix_s - (DAY_S - 1)) / DAY_S;
    int32_t year = calendar_date(days).year;
    for (int32_t y = year - 1; y <= year + 1; y++) {
        int64_t begin_s = rule_day(&future->begin, y) * DAY_S + future->begin.time_s
                          - future->standard_s;
        int64_t end_s =
            rule_day(&future->end, y) * DAY_S + future->end.time_s - future->summer_s;
        int64_t changes[2] = { end_s, begin_s }; /* at the same moment, it begins */
        for (unsigned i = 0; i < 2; i++) {
            if (changes[i] <= unix_s && changes[i] >= span.begin_s) {
                span.begin_s = changes[i];
                span.offset_s = i == 1 ? future->summer_s : future->standard_s;
            } else if (changes[i] > unix_s && changes[i] < span.end_s) {
                span.end_s = changes[i];
            }
        }
    }
    return span;
}

struct zone_span
zone_span(const struct zone *zone, int64_t unix_s)
{
    size_t low = 0, high = zone->time_count; /* how many changes are not after it? */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (time_at(zone, middle) <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    struct zone_span span = { INT64_MIN, INT64_MAX, zone->before_s };
    if (low > 0 && low == zone->time_count)
        span = future_span(&zone->future, unix_s);
    else if (low > 0)
        span.offset_s = type_offset(zone->types, zone->kinds[low - 1]);
    else if (zone->time_count == 0)
        return future_span(&zone->future, unix_s);
    if (low > 0 && span.begin_s < time_at(zone, low - 1))
        span.begin_s = time_at(zone, low - 1);
    if (low < zone->time_count)
        span.end_s = time_at(zone, low);
    return span;
}

size_t
zone_moments(const struct zone *zone, int64_t wall_s, int64_t unix_s[2])
{
    size_t count = 0;
    int64_t until_s = wall_s + OFFSET_MAX;
    struct zone_span span = zone_span(zone, wall_s - OFFSET_MAX);
    for (unsigned i = 0; i < SPANS_MAX && count < 2; i++) {
        int64_t moment_s = wall_s - span.offset_s;
        if (moment_s >= span.begin_s && moment_s < span.end_s)
            unix_s[count++] = moment_s;
        if (span.end_s > until_s)
            break;
        span = zone_span(zone, span.end_s);
    }
    return count;
}
