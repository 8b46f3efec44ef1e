#include "workers/cli/human.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

const char *
human_span(uint64_t ms, char out[HUMAN_MAX])
{
    uint64_t s = ms / SECOND;
    if (ms < SECOND)
        snprintf(out, HUMAN_MAX, "%" PRIu64 " ms", ms);
    else if (ms < 10 * SECOND)
        snprintf(out, HUMAN_MAX, "%" PRIu64 ".%02" PRIu64 " s", s, ms % SECOND / 10);
    else if (ms < MINUTE)
        snprintf(out, HUMAN_MAX, "%" PRIu64 " s", s);
    else if (ms < HOUR)
        snprintf(out, HUMAN_MAX, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
    else if (ms < DAY)
        snprintf(
            out, HUMAN_MAX, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
    else
        snprintf(
            out, HUMAN_MAX, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
    return out;
}

const char *
human_ago(uint64_t now_ms, uint64_t then_ms, char out[HUMAN_MAX])
{
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = { { DAY, "d" }, { HOUR, "h" }, { MINUTE, "min" }, { SECOND, "s" } };
    bool past = then_ms <= now_ms;
    uint64_t ms = past ? now_ms - then_ms : then_ms - now_ms;
    for (size_t i = 0; i < COUNT(units); i++) {
        if (ms < units[i].ms)
            continue;
        snprintf(out, HUMAN_MAX, "%s%" PRIu64 " %s%s", past ? "" : "in ",
            ms / units[i].ms, units[i].name, past ? " ago" : "");
        return out;
    }
    snprintf(out, HUMAN_MAX, "just now");
    return out;
}

/* "Z", "+02:00" or "-02:00" to minutes east. */
static bool
read_zone(const char *text, int *minutes)
{
    int hour, minute, end = 0;
    *minutes = 0;
    if (strcmp(text, "Z") == 0)
        return true;
    if (sscanf(text + 1, "%2d:%2d%n", &hour, &minute, &end) != 2 || text[1 + end])
        return false;
    *minutes = (text[0] == '-' ? -1 : 1) * (hour * 60 + minute);
    return text[0] == '-' || text[0] == '+';
}

bool
human_read_time(const char *text, uint64_t *unix_ms)
{
    struct tm tm = { 0 };
    unsigned ms = 0, scale = 100;
    int zone;
    const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (at == NULL)
        return false;
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++, scale /= 10)
            ms += (unsigned)(*at - '0') * scale;
    }
    if (*at == '\0' || !read_zone(at, &zone))
        return false;
    time_t seconds = timegm(&tm) - (time_t)zone * 60;
    if (seconds < 0)
        return false;
    *unix_ms = (uint64_t)seconds * SECOND + ms;
    return true;
}

const char *
human_bytes(uint64_t size, char out[HUMAN_MAX])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    uint64_t tenths = size * 10;
    size_t unit = 0;
    if (size < 1024 || size > UINT64_MAX / 10) {
        snprintf(out, HUMAN_MAX, "%" PRIu64 " B", size);
        return out;
    }
    while (tenths >= 10240 && unit + 1 < COUNT(units)) {
        tenths /= 1024;
        unit++;
    }
    snprintf(out, HUMAN_MAX, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
        units[unit]);
    return out;
}

void
human_clean(struct buffer *out, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        /* C1 controls are two bytes in UTF-8, the first of which is 0xc2. */
        bool c1 = c == 0xc2 && i + 1 < text.size && text.data[i + 1] < 0xa0;
        if (c == '\n')
            buffer_append(out, "\\n", 2);
        else if (c == '\t')
            buffer_append(out, "\\t", 2);
        else if (c < 0x20 || c == 0x7f || c1)
            buffer_print(out, "\\x%02x", c1 ? text.data[++i] : c);
        else
            buffer_append(out, &c, 1);
    }
}

void
human_word(struct buffer *out, struct bytes text)
{
    bool plain = text.size > 0;
    for (size_t i = 0; i < text.size; i++)
        plain = plain && strchr(" \"=", text.data[i]) == NULL && text.data[i] >= 0x20;
    if (plain) {
        human_clean(out, text);
        return;
    }
    buffer_append(out, "\"", 1);
    for (size_t i = 0, from = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != '"')
            continue;
        human_clean(out, bytes_of(text.data + from, i - from));
        if (i < text.size)
            buffer_append(out, "\\\"", 2);
        from = i + 1;
    }
    buffer_append(out, "\"", 1);
}
