/* Functions of time: arithmetic on RFC 3339 texts and unix milliseconds.  Nobody asks a
 * clock or a time zone; the calendar is the Gregorian one, of the years 0 to 9999. */
#include "actors/expression/functions.h"
#include "base/calendar.h"
#include "base/duration.h"

#include <stdio.h>

static const int64_t day_ms = 86400000;
/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z */
static const int64_t first_ms = -62167219200000, last_ms = 253402300799999;

static const char *const months[] = { "January", "February", "March", "April", "May",
    "June", "July", "August", "September", "October", "November", "December" };
static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday", "Wednesday",
    "Thursday", "Friday", "Saturday" };

struct moment {
    int64_t unix_ms;
    unsigned year, month, day, of_year,
        weekday; /* from 1; the weekday from 0, Sunday */
    unsigned hour, minute, second, ms;
};

static bool
is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned
days_in(unsigned year, unsigned month)
{
    return month == 2 ? 28u + is_leap(year) : 30u + (month + (month > 7)) % 2;
}

static struct moment
moment_of(int64_t unix_ms)
{
    struct moment m = { .unix_ms = unix_ms };
    int64_t days = (unix_ms - first_ms) / day_ms + first_ms / day_ms; /* floor */
    struct date date = calendar_date(days);
    m.year = (unsigned)date.year;
    m.month = date.month;
    m.day = date.day;
    m.of_year = (unsigned)(days - calendar_days(date.year, 1, 1)) + 1;
    m.weekday = (unsigned)((days % 7 + 11) % 7);
    unsigned of_day = (unsigned)(unix_ms - days * day_ms);
    m.hour = of_day / 3600000;
    m.minute = of_day / 60000 % 60;
    m.second = of_day / 1000 % 60;
    m.ms = of_day % 1000;
    return m;
}

struct reader {
    const uint8_t *at, *end;
    bool wrong;
};

static unsigned
digits(struct reader *r, unsigned count)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count && !r->wrong; i++) {
        r->wrong = r->at == r->end || *r->at < '0' || *r->at > '9';
        if (!r->wrong)
            value = value * 10 + (unsigned)(*r->at++ - '0');
    }
    return value;
}

static bool
accept(struct reader *r, const char *any)
{
    if (r->wrong || r->at == r->end || memchr(any, *r->at, strlen(any)) == NULL)
        return false;
    r->at++;
    return true;
}

static void
expect(struct reader *r, const char *any)
{
    if (!accept(r, any))
        r->wrong = true;
}

/* .123456: what is finer than milliseconds is cut. */
static unsigned
fraction(struct reader *r)
{
    unsigned ms = 0, scale = 100;
    if (!accept(r, "."))
        return 0;
    ms += scale * digits(r, 1);
    while (!r->wrong && r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        scale /= 10;
        ms += scale * digits(r, 1);
    }
    return ms;
}

static int64_t
offset_minutes(struct reader *r)
{
    if (accept(r, "Zz"))
        return 0;
    bool west = accept(r, "-");
    if (!west)
        expect(r, "+");
    unsigned hours = digits(r, 2);
    expect(r, ":");
    unsigned minutes = digits(r, 2);
    r->wrong |= hours > 23 || minutes > 59;
    int64_t offset = (int64_t)hours * 60 + minutes;
    return west ? -offset : offset;
}

/* A day alone is its midnight. */
static bool
moment_read(struct bytes in, int64_t *unix_ms)
{
    struct reader r = { in.data, in.data + in.size, false };
    unsigned year = digits(&r, 4), hour = 0, minute = 0, second = 0, ms = 0;
    int64_t offset = 0;
    expect(&r, "-");
    unsigned month = digits(&r, 2);
    expect(&r, "-");
    unsigned day = digits(&r, 2);
    if (r.at < r.end) {
        expect(&r, "Tt ");
        hour = digits(&r, 2);
        expect(&r, ":");
        minute = digits(&r, 2);
        expect(&r, ":");
        second = digits(&r, 2);
        ms = fraction(&r);
        offset = offset_minutes(&r);
    }
    if (r.wrong || r.at < r.end || month < 1 || month > 12 || day < 1
        || day > days_in(year, month) || hour > 23 || minute > 59 || second > 59)
        return false;
    *unix_ms = calendar_days((int32_t)year, month, day) * day_ms
               + ((int64_t)hour * 60 + minute - offset) * 60000 + (int64_t)second * 1000
               + ms;
    return *unix_ms >= first_ms && *unix_ms <= last_ms;
}

/* A text, or a whole number of milliseconds. */
static bool
want_time(struct evaluation *e, struct bytes value, int64_t *unix_ms)
{
    if (is_number(value))
        return want_whole(e, value, first_ms, last_ms, unix_ms);
    if (live(e) && type_of(value) == PACK_TEXT) {
        if (moment_read(text_of(value), unix_ms))
            return true;
        call_refuse(e, "wants a time such as 2026-11-25T10:00:00Z");
        return false;
    }
    if (live(e))
        call_refuse(e, "wants a time, not %s", type_sentence(value));
    return false;
}

static struct bytes
time_value(struct evaluation *e, int64_t unix_ms)
{
    char out[64];
    if (unix_ms < first_ms || unix_ms > last_ms)
        return call_refuse(e, "leaves the years 0 to 9999");
    struct moment m = moment_of(unix_ms);
    int size = snprintf(out, sizeof out, "%04u-%02u-%02uT%02u:%02u:%02u", m.year,
        m.month, m.day, m.hour, m.minute, m.second);
    if (m.ms > 0)
        size += snprintf(out + size, sizeof out - (size_t)size, ".%03u", m.ms);
    snprintf(out + size, sizeof out - (size_t)size, "Z");
    return value_text(e, text(out));
}

CALL(toUnixMs)
{
    int64_t ms;
    return want_time(e, args[0], &ms) ? value_whole(e, ms) : (struct bytes){ 0 };
}

CALL(toUnix)
{
    int64_t ms;
    if (!want_time(e, args[0], &ms))
        return (struct bytes){ 0 };
    return value_whole(e, (ms - first_ms) / 1000 + first_ms / 1000);
}

CALL(fromUnix)
{
    int64_t seconds;
    if (!want_whole(e, args[0], first_ms / 1000, last_ms / 1000, &seconds))
        return (struct bytes){ 0 };
    return time_value(e, seconds * 1000);
}

CALL(fromUnixMs)
{
    int64_t ms;
    if (!want_whole(e, args[0], first_ms, last_ms, &ms))
        return (struct bytes){ 0 };
    return time_value(e, ms);
}

/* What one letter behind % says; false: nothing. */
static bool
part_print(const struct moment *m, uint8_t letter, char out[32])
{
    int shown = 1;
    switch (letter) {
    case 'Y': shown = snprintf(out, 32, "%04u", m->year); break;
    case 'y': shown = snprintf(out, 32, "%02u", m->year % 100); break;
    case 'm': shown = snprintf(out, 32, "%02u", m->month); break;
    case 'd': shown = snprintf(out, 32, "%02u", m->day); break;
    case 'e': shown = snprintf(out, 32, "%u", m->day); break;
    case 'j': shown = snprintf(out, 32, "%03u", m->of_year); break;
    case 'H': shown = snprintf(out, 32, "%02u", m->hour); break;
    case 'M': shown = snprintf(out, 32, "%02u", m->minute); break;
    case 'S': shown = snprintf(out, 32, "%02u", m->second); break;
    case 'L': shown = snprintf(out, 32, "%03u", m->ms); break;
    case 'a': shown = snprintf(out, 32, "%.3s", weekdays[m->weekday]); break;
    case 'A': shown = snprintf(out, 32, "%s", weekdays[m->weekday]); break;
    case 'b': shown = snprintf(out, 32, "%.3s", months[m->month - 1]); break;
    case 'B': shown = snprintf(out, 32, "%s", months[m->month - 1]); break;
    case 'u': shown = snprintf(out, 32, "%u", m->weekday == 0 ? 7 : m->weekday); break;
    case 'F':
        shown = snprintf(out, 32, "%04u-%02u-%02u", m->year, m->month, m->day);
        break;
    case 'T':
        shown = snprintf(out, 32, "%02u:%02u:%02u", m->hour, m->minute, m->second);
        break;
    case 's':
        shown = snprintf(out, 32, "%lld",
            (long long)((m->unix_ms - first_ms) / 1000 + first_ms / 1000));
        break;
    case '%': shown = snprintf(out, 32, "%%"); break;
    default: return false;
    }
    return shown > 0;
}

CALL(formatTime)
{
    int64_t ms;
    size_t mark = e->scratch.size;
    struct bytes format = want_text(e, args[1]);
    if (!want_time(e, args[0], &ms))
        return (struct bytes){ 0 };
    struct moment m = moment_of(ms);
    for (size_t i = 0; i < format.size && live(e); i++) {
        char out[32];
        if (format.data[i] != '%')
            put(e, bytes_of(format.data + i, 1));
        else if (++i < format.size && part_print(&m, format.data[i], out))
            put(e, text(out));
        else
            return call_refuse(e,
                "knows %%Y %%m %%d %%H %%M %%S %%L and a few more, but not "
                "what is at %zu in this format",
                i);
    }
    return taken_text(e, mark);
}

/* With a sign or without. */
static bool
want_duration(struct evaluation *e, struct bytes value, int64_t *ms)
{
    uint64_t size;
    struct bytes in = want_text(e, value);
    bool back = in.size > 0 && in.data[0] == '-';
    if (!live(e))
        return false;
    if (!duration_read(back ? bytes_of(in.data + 1, in.size - 1) : in, &size)) {
        call_refuse(e, "wants a duration such as 1h30m");
        return false;
    }
    *ms = back ? -(int64_t)size : (int64_t)size;
    return true;
}

CALL(addDuration)
{
    int64_t ms, more;
    if (!want_time(e, args[0], &ms) || !want_duration(e, args[1], &more))
        return (struct bytes){ 0 };
    return time_value(e, ms + more);
}

CALL(timeBetween)
{
    int64_t from, to;
    if (!want_time(e, args[0], &from) || !want_time(e, args[1], &to))
        return (struct bytes){ 0 };
    return value_whole(e, (wide)to - from);
}

CALL(duration)
{
    int64_t ms;
    char out[DURATION_TEXT_SIZE];
    if (!want_whole(e, args[0], 0, (int64_t)1 << 53, &ms))
        return (struct bytes){ 0 };
    duration_print((uint64_t)ms, out);
    return value_text(e, text(out));
}

CALL(durationMs)
{
    int64_t ms;
    return want_duration(e, args[0], &ms) ? value_whole(e, ms) : (struct bytes){ 0 };
}
