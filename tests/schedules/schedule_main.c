/* schedule - print when schedules fire: the side of the engine for zone_changes.py.
 *
 * stdin, a line each, with tabs between:
 *     offset ZONE SECONDS              prints the offset from UTC
 *     fire ZONE POLICY AFTER UNTIL CRON  prints each time that fires in between
 * stdout: a line of numbers for each; times are unix seconds. */
#include "actors/schedule/cron.h"
#include "actors/zones_load.h"
#include "base/config.h"
#include "base/wrong.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_BYTES = 512, WORDS_MAX = 6, FIRES_MAX = 100000 };

static struct zones zones;

static struct zone
find(const char *name)
{
    struct zone zone;
    if (!zones_find(&zones, text(name), &zone))
        WRONG("no such zone");
    return zone;
}

static void
print_offset(char *const words[])
{
    struct zone zone = find(words[1]);
    struct zone_span span = zone_span(&zone, strtoll(words[2], NULL, 10));
    printf("%" PRId32 "\n", span.offset_s);
}

static void
print_fires(char *const words[])
{
    struct zone zone = find(words[1]);
    uint64_t at_ms = strtoull(words[3], NULL, 10) * 1000;
    uint64_t until_ms = strtoull(words[4], NULL, 10) * 1000;
    char mistake[CRON_MISTAKE_SIZE];
    enum cron_dst dst;
    struct cron cron;
    if (!cron_dst_read(text(words[2]), &dst)
        || !cron_read(text(words[5]), &cron, mistake))
        WRONG("no such schedule");
    for (int i = 0; i < FIRES_MAX; i++) {
        at_ms = cron_next(&cron, &zone, dst, at_ms);
        if (at_ms >= until_ms)
            break;
        printf("%" PRIu64 " ", at_ms / 1000);
    }
    printf("\n");
}

static void
split(char *line, char *words[WORDS_MAX])
{
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < WORDS_MAX; i++) {
        words[i] = line;
        line += strcspn(line, "\t");
        if (*line != '\0')
            *line++ = '\0';
    }
}

int
main(void)
{
    char line[LINE_MAX_BYTES], *words[WORDS_MAX];
    struct config config;
    struct fault fault;
    config_default(&config);
    if (zones_load(config.zoneinfo, &zones, &fault) != ERR_NONE) {
        fprintf(stderr, "%s\n", fault.detail);
        return EXIT_FAILURE;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        split(line, words);
        if (strcmp(words[0], "offset") == 0)
            print_offset(words);
        else
            print_fires(words);
    }
    zones_free(&zones);
    return EXIT_SUCCESS;
}
