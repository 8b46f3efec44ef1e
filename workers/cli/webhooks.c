/* webhooks - create, list, get, update, pause, resume, rotate, ping, deliveries,
 * delete. */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"

static const char *
word(const struct cli *cli, unsigned number)
{
    return cli->request.word_count > number ? cli->request.words[number] : NULL;
}

/* With commas between; NULL: nothing was said of them. */
static void
set_events(json_t *body, const char *list)
{
    json_t *events = json_array();
    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t size = strcspn(at, ",");
        if (size > 0)
            json_array_append_new(events, json_stringn_nocheck(at, size));
        at += size + (at[size] == ',');
    }
    if (list != NULL)
        json_object_set(body, "events", events);
    json_decref(events);
}

static void
show_lines(const json_t *webhook)
{
    static const char *const names[] = { "id", "name", "url", NULL };
    for (const char *const *name = names; *name != NULL; name++)
        document_line(webhook, *name);
    printf("events    ");
    const json_t *events = json_object_get(webhook, "events"), *event;
    size_t i;
    json_array_foreach(events, i, event)
        printf("%s%s", i > 0 ? ", " : "", json_string_value(event));
    printf("%s\n", json_array_size(events) == 0 ? "all" : "");
    printf("enabled   %s\n",
        json_is_true(json_object_get(webhook, "enabled")) ? "yes" : "no");
}

/* The key alone on standard output: key=$(capstan webhooks rotate …) */
static void
show_secret(const struct cli *cli, const json_t *webhook)
{
    if (cli_given(cli, OPTION_json)) {
        cli_print_json(webhook);
        return;
    }
    printf("%s\n", document_text(webhook, "signing_secret"));
    cli_remark(cli, "%s signs with it from now on; shown this once: keep it now",
        document_text(webhook, "id"));
}

/* Send `body`, which is freed, and show what is answered. */
static enum exit_code
send(struct cli *cli, const char *method, struct api_path path, json_t *body,
    json_t **answer)
{
    enum exit_code e = api_send(cli, method, &path, body, answer);
    json_decref(body);
    return e;
}

enum exit_code
command_webhooks_create(struct cli *cli)
{
    json_t *body = json_object(), *answer;
    api_set(body, "name", word(cli, 0));
    api_set(body, "url", word(cli, 1));
    set_events(body, cli_value(cli, OPTION_events));
    enum exit_code e = send(cli, "POST", api_path("webhooks", NULL, ""), body, &answer);
    if (e != EXIT_DONE)
        return e;
    show_secret(cli, answer);
    json_decref(answer);
    return EXIT_DONE;
}

static void
webhook_row(struct table *table, const json_t *item)
{
    bool all = json_array_size(json_object_get(item, "events")) == 0;
    document_cell(table, item, "id");
    document_cell(table, item, "name");
    document_cell(table, item, "url");
    if (all)
        table_text(table, "all");
    else
        document_cell_list(table, item, "events");
    table_text(table, json_is_true(json_object_get(item, "enabled")) ? "" : "paused");
}

enum exit_code
command_webhooks_list(struct cli *cli)
{
    static const char *const heads[] = { "ID", "NAME", "URL", "EVENTS", "STATUS",
        NULL };
    struct api_path path = api_path("webhooks", NULL, "");
    return document_list(cli, &path, heads, webhook_row);
}

enum exit_code
command_webhooks_get(struct cli *cli)
{
    struct api_path path = api_path("webhooks", word(cli, 0), "");
    json_t *answer;
    enum exit_code e = api_get(cli, &path, &answer);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json))
        cli_print_json(answer);
    else
        show_lines(answer);
    json_decref(answer);
    return EXIT_DONE;
}

static enum exit_code
change(struct cli *cli, json_t *body, const char *how)
{
    struct api_path path = api_path("webhooks", word(cli, 0), "");
    json_t *answer;
    enum exit_code e = send(cli, "PATCH", path, body, &answer);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, answer, word(cli, 0), how);
    json_decref(answer);
    return EXIT_DONE;
}

enum exit_code
command_webhooks_set(struct cli *cli)
{
    json_t *body = json_object();
    api_set(body, "url", word(cli, 1));
    set_events(body, cli_value(cli, OPTION_events));
    if (json_object_size(body) > 0)
        return change(cli, body, "changed");
    json_decref(body);
    cli_complain("say what is to be another: its URL, or --events LIST");
    return EXIT_USAGE;
}

enum exit_code
command_webhooks_pause(struct cli *cli)
{
    return change(cli, json_pack("{s:b}", "enabled", 0), "paused");
}

enum exit_code
command_webhooks_resume(struct cli *cli)
{
    return change(cli, json_pack("{s:b}", "enabled", 1), "active");
}

enum exit_code
command_webhooks_rotate(struct cli *cli)
{
    struct api_path path = api_path("webhooks", word(cli, 0), "/secret/rotate");
    json_t *answer;
    enum exit_code e = send(cli, "POST", path, NULL, &answer);
    if (e != EXIT_DONE)
        return e;
    show_secret(cli, answer);
    json_decref(answer);
    return EXIT_DONE;
}

/* The exit code says whether it was taken. */
enum exit_code
command_webhooks_ping(struct cli *cli)
{
    struct api_path path = api_path("webhooks", word(cli, 0), "/ping");
    json_t *body = json_object(), *answer;
    api_set(body, "url", word(cli, 1));
    enum exit_code e = send(cli, "POST", path, body, &answer);
    if (e != EXIT_DONE)
        return e;
    const char *status = document_text(answer, "status");
    const char *error = document_text(answer, "last_error");
    if (cli_given(cli, OPTION_json))
        cli_print_json(answer);
    else
        printf("%s %s%s%s\n", document_text(answer, "id"), status,
            *error != '\0' ? ": " : "", error);
    if (strcmp(status, "delivered") != 0)
        e = strcmp(status, "failed") == 0 ? EXIT_RUN_FAILED : EXIT_LATE;
    json_decref(answer);
    return e;
}

static void
delivery_row(struct table *table, const json_t *item)
{
    document_cell(table, item, "id");
    document_cell(table, item, "event_type");
    document_cell(table, item, "status");
    table_number(table, document_number(item, "attempts"));
    document_cell_time(table, item, "created_at");
    document_cell(table, item, "last_error");
}

enum exit_code
command_webhooks_deliveries(struct cli *cli)
{
    static const char *const heads[] = { "ID", "EVENT", "STATUS", ">ATTEMPTS",
        "CREATED", "ERROR", NULL };
    struct api_path path = api_path("webhooks", word(cli, 0), "/deliveries");
    return document_list(cli, &path, heads, delivery_row);
}

enum exit_code
command_webhooks_delete(struct cli *cli)
{
    struct api_path path = api_path("webhooks", word(cli, 0), "");
    json_t *answer;
    enum exit_code e = send(cli, "DELETE", path, NULL, &answer);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, answer, word(cli, 0), "deleted");
    json_decref(answer);
    return EXIT_DONE;
}
