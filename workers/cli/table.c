#include "workers/cli/table.h"

#include "base/clock.h"
#include "base/stamp.h"
#include "base/wrong.h"
#include "workers/cli/human.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdlib.h>

struct table {
    struct libscols_table *drawn; /* NULL: tab-separated */
    struct libscols_line *line;
    size_t column, column_count, row_count;
    uint64_t now_ms;
};

static struct libscols_table *
draw(const char *const *heads)
{
    struct libscols_table *drawn = scols_new_table();
    if (drawn == NULL)
        WRONG("out of memory");
    if (getenv("NO_COLOR") == NULL)
        scols_table_enable_colors(drawn, 1);
    for (size_t i = 0; heads[i] != NULL; i++) {
        bool number = heads[i][0] == '>';
        if (scols_table_new_column(
                drawn, heads[i] + number, 0, number ? SCOLS_FL_RIGHT : 0)
            == NULL)
            WRONG("out of memory");
    }
    return drawn;
}

struct table *
table_new(const struct cli *cli, const char *const *heads)
{
    struct table *table = calloc(1, sizeof *table);
    if (table == NULL)
        WRONG("out of memory");
    while (heads[table->column_count] != NULL)
        table->column_count++;
    if (cli->on_terminal)
        table->drawn = draw(heads);
    table->now_ms = clock_unix_ms();
    return table;
}

static void
end_line(struct table *table)
{
    if (table->drawn == NULL && table->row_count > 0)
        putchar('\n');
}

void
table_row(struct table *table)
{
    end_line(table);
    table->row_count++;
    table->column = 0;
    if (table->drawn != NULL) {
        table->line = scols_table_new_line(table->drawn, NULL);
        if (table->line == NULL)
            WRONG("out of memory");
    }
}

/* What a state means is seen at once. */
static const char *
colour_of(const char *text)
{
    static const struct {
        const char *text, *colour;
    } known[] = { { "completed", "green" }, { "ready", "green" }, { "failed", "red" },
        { "backing_off", "red" }, { "cancelled", "yellow" }, { "revoked", "red" },
        { "running", "cyan" }, { "suspended", "cyan" } };
    for (size_t i = 0; i < COUNT(known); i++) {
        if (strcmp(known[i].text, text) == 0)
            return known[i].colour;
    }
    return NULL;
}

void
table_text(struct table *table, const char *value)
{
    struct buffer clean = { 0 };
    if (table->column >= table->column_count)
        WRONG("a row has more cells than the table has columns");
    human_clean(&clean, text(value));
    buffer_append(&clean, "", 1);
    if (table->drawn == NULL) {
        printf("%s%s", table->column > 0 ? "\t" : "", (const char *)clean.data);
    } else {
        struct libscols_cell *cell = scols_line_get_cell(table->line, table->column);
        if (scols_cell_set_data(cell, (const char *)clean.data) != 0)
            WRONG("out of memory");
        scols_cell_set_color(cell, colour_of(value));
    }
    table->column++;
    buffer_free(&clean);
}

void
table_number(struct table *table, uint64_t number)
{
    char text[HUMAN_MAX];
    snprintf(text, sizeof text, "%" PRIu64, number);
    table_text(table, text);
}

void
table_time(struct table *table, uint64_t unix_ms)
{
    char text[HUMAN_MAX];
    if (unix_ms == 0)
        table_text(table, "");
    else if (table->drawn != NULL)
        table_text(table, human_ago(table->now_ms, unix_ms, text));
    else
        table_text(table, stamp_print(unix_ms, text));
}

void
table_print(struct table **table)
{
    end_line(*table);
    if ((*table)->drawn != NULL) {
        if ((*table)->row_count > 0)
            scols_print_table((*table)->drawn);
        scols_unref_table((*table)->drawn);
    }
    free(*table);
    *table = NULL;
}
