/* run_explain - why a run does not move. */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/exported.h"
#include "workers/cli/human.h"

#include <inttypes.h>

/* Of those there are, how many take such jobs at all. */
static void
print_workers(const json_t *workers)
{
    if (workers != NULL)
        printf("%-15s%s, %" PRIu64 " of %" PRIu64 " take such jobs\n", "workers",
            document_text(workers, "code"), document_number(workers, "could"),
            document_number(workers, "sessions"));
}

static void
print_also(const json_t *answer)
{
    const json_t *stall;
    size_t i;
    json_array_foreach(json_object_get(answer, "also"), i, stall)
    {
        struct buffer clean = { 0 };
        human_clean(&clean, text(document_text(stall, "reason")));
        printf("%s%.*s\n", i == 0 ? "\nalso\n  " : "  ", (int)clean.size,
            (const char *)clean.data);
        buffer_free(&clean);
    }
}

static void
print_answer(const json_t *answer)
{
    static const char *const lines[] = { "run_id", "automation", "status", "reason",
        "code", "step", "since", "due_at" };
    for (size_t i = 0; i < COUNT(lines); i++)
        document_line(answer, lines[i]);
    document_line(json_object_get(answer, "detail"), "match");
    print_workers(json_object_get(answer, "workers"));
    document_line(answer, "hint");
    print_also(answer);
}

enum exit_code
command_runs_explain(struct cli *cli)
{
    json_t *answer;
    enum exit_code e = run_named(cli);
    if (e != EXIT_DONE)
        return e;
    struct api_path path = api_path("runs", cli->request.words[0], "/explain");
    e = api_get(cli, &path, &answer);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json))
        cli_print_json(answer);
    else
        print_answer(answer);
    json_decref(answer);
    return EXIT_DONE;
}
