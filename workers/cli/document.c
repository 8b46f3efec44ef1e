#include "workers/cli/document.h"

#include "workers/cli/answer.h"
#include "workers/cli/human.h"

#include <inttypes.h>
#include <stdlib.h>

enum { NAME_WIDTH = 14, LIMIT_MAX = 1000 };

const char *
document_text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value != NULL ? value : "";
}

uint64_t
document_number(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

uint64_t
document_time(const json_t *object, const char *name)
{
    uint64_t ms;
    if (json_is_integer(json_object_get(object, name)))
        return document_number(object, name);
    return human_read_time(document_text(object, name), &ms) ? ms : 0;
}

static void
print_plain(const json_t *value, struct buffer *out)
{
    if (answer_plain(value))
        buffer_append(out, json_string_value(value), json_string_length(value));
    else if (value != NULL && !json_is_null(value)
             && !answer_write(value, JSON_COMPACT, out))
        buffer_append(out, "?", 1);
}

static void
end_cell(struct table *table, struct buffer *cell)
{
    buffer_append(cell, "", 1);
    table_text(table, (const char *)cell->data);
    buffer_free(cell);
}

void
document_cell(struct table *table, const json_t *object, const char *name)
{
    struct buffer cell = { 0 };
    print_plain(json_object_get(object, name), &cell);
    end_cell(table, &cell);
}

void
document_cell_json(struct table *table, const json_t *object, const char *name)
{
    struct buffer cell = { 0 };
    (void)answer_write(json_object_get(object, name), JSON_COMPACT, &cell);
    end_cell(table, &cell);
}

void
document_cell_list(struct table *table, const json_t *object, const char *name)
{
    struct buffer cell = { 0 };
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(object, name), i, item)
    {
        if (i > 0)
            buffer_append(&cell, ",", 1);
        print_plain(item, &cell);
    }
    end_cell(table, &cell);
}

void
document_cell_time(struct table *table, const json_t *object, const char *name)
{
    table_time(table, document_time(object, name));
}

void
document_line(const json_t *object, const char *name)
{
    struct buffer value = { 0 }, clean = { 0 };
    print_plain(json_object_get(object, name), &value);
    human_clean(&clean, buffer_bytes(&value));
    if (clean.size > 0)
        printf(
            "%-*s %.*s\n", NAME_WIDTH, name, (int)clean.size, (const char *)clean.data);
    buffer_free(&value);
    buffer_free(&clean);
}

static void
print_error(const json_t *error, struct buffer *out)
{
    const char *message = document_text(error, "message");
    buffer_append_bytes(out, text(document_text(error, "type")));
    if (message[0] != '\0')
        buffer_print(out, ": %s", message);
}

void
document_error_line(const json_t *error)
{
    struct buffer value = { 0 }, clean = { 0 };
    print_error(error, &value);
    human_clean(&clean, buffer_bytes(&value));
    if (clean.size > 0)
        printf("%-*s %.*s\n", NAME_WIDTH, "error", (int)clean.size,
            (const char *)clean.data);
    buffer_free(&value);
    buffer_free(&clean);
}

void
document_error_cell(struct table *table, const json_t *error)
{
    struct buffer cell = { 0 };
    print_error(error, &cell);
    end_cell(table, &cell);
}

void
document_done(
    const struct cli *cli, const json_t *answer, const char *what, const char *how)
{
    if (cli_given(cli, OPTION_json))
        cli_print_json(answer);
    else
        printf("%s\t%s\n", what, how);
}

static void
show_rows(struct cli *cli, const json_t *page, const char *const *heads,
    void (*row)(struct table *table, const json_t *item))
{
    struct table *table = table_new(cli, heads);
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(page, "items"), i, item)
    {
        table_row(table);
        row(table, item);
    }
    bool empty = i == 0;
    table_print(&table);
    const char *next = document_text(page, "next_cursor");
    if (next[0] != '\0')
        cli_remark(cli, "there is more: --cursor %s", next);
    else if (empty && cli->on_terminal)
        cli_remark(cli, "there is nothing");
}

enum exit_code
document_list(struct cli *cli, struct api_path *path, const char *const *heads,
    void (*row)(struct table *table, const json_t *item))
{
    json_t *page;
    uint64_t limit;
    enum exit_code e = cli_ordinal(cli, OPTION_limit, LIMIT_MAX, &limit);
    if (e != EXIT_DONE)
        return e;
    api_query(path, "limit", cli_value(cli, OPTION_limit));
    api_query(path, "cursor", cli_value(cli, OPTION_cursor));
    e = api_get(cli, path, &page);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json))
        cli_print_json(page);
    else
        show_rows(cli, page, heads, row);
    json_decref(page);
    return EXIT_DONE;
}
