#include "actors/schedule/zones.h"

#include "base/nearest.h"
#include "base/quoted.h"
#include "base/wrong.h"

#include <stdio.h>

static const struct zones none;

bool
zones_find(const struct zones *zones, struct bytes name, struct zone *zone)
{
    *zone = (struct zone){ 0 };
    if (bytes_equal(name, text("UTC")))
        return true;
    zones = zones != NULL ? zones : &none;
    size_t low = 0, high = zones->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct zone_entry *entry = &zones->list[middle];
        int order = bytes_order(name, text(entry->name));
        if (order == 0) {
            if (zone_read(entry->tzif, zone) != NULL)
                WRONG("a time zone that was read before cannot be read");
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* What is behind the last slash: the city. */
static struct bytes
city_of(struct bytes name)
{
    for (size_t i = name.size; i-- > 0;)
        if (name.data[i] == '/')
            return bytes_of(name.data + i + 1, name.size - i - 1);
    return name;
}

static uint8_t
plain(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c | 0x20;
    return c == ' ' ? '_' : c;
}

/* Equal but for capitals, and blanks instead of underscores? */
static bool
like(struct bytes a, struct bytes b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (plain(a.data[i]) != plain(b.data[i]))
            return false;
    return true;
}

static const char *
meant(const struct zones *zones, struct bytes name)
{
    struct nearest nearest = { 0 };
    const char *city = NULL;
    for (size_t i = 0; i < zones->count; i++) {
        const char *known = zones->list[i].name;
        if (like(name, text(known)))
            return known;
        if (city == NULL && like(city_of(name), city_of(text(known))))
            city = known;
        nearest_try(&nearest, name, known);
    }
    return city != NULL ? city : nearest.word;
}

void
zones_unknown(
    const struct zones *zones, struct bytes name, char mistake[ZONES_MISTAKE_SIZE])
{
    const char *probably = meant(zones != NULL ? zones : &none, name);
    struct quoted q = quoted(name);
    if (probably != NULL)
        snprintf(mistake, ZONES_MISTAKE_SIZE, "unknown time zone %s: did you mean %s?",
            q.text, probably);
    else
        snprintf(mistake, ZONES_MISTAKE_SIZE,
            "unknown time zone %s: expected a name such as Europe/Berlin or UTC",
            q.text);
}
