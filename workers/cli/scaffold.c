/* scaffold - write a new worker project from its templates. */
#include "workers/cli/commands.h"
#include "workers/cli/program.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMPLATE_MAX = 65536, NAME_MAX_BYTES = 31 };

/* A project that has it was written by us, or by iii. */
static const char marker[] = ".iii/worker.ini";

static const struct {
    const char *language, *from, *to;
} templates[] = {
#define LANGUAGE(name, short)
#define TEMPLATE(language, from, to) { language, from, to },
#include "workers/cli/templates.def"
};

static const struct {
    const char *name, *brief;
} languages[] = {
#define LANGUAGE(name, brief) { name, brief },
#define TEMPLATE(language, from, to)
#include "workers/cli/templates.def"
};

struct project {
    const char *language;
    const char *folder;
    char name[NAME_MAX_BYTES + 1];
    char share[CONFIG_TEXT_MAX + 1];
};

static const char *
language_named(const char *word)
{
    for (size_t i = 0; i < COUNT(languages); i++)
        if (strcmp(word, languages[i].name) == 0
            || strcmp(word, languages[i].brief) == 0)
            return languages[i].name;
    return NULL;
}

static const char *
ask_language(char word[32])
{
    if (isatty(STDIN_FILENO) != 1)
        return NULL;
    fputs("Language (typescript, javascript, python, c): ", stderr);
    if (fgets(word, 32, stdin) == NULL)
        return NULL;
    word[strcspn(word, "\n")] = '\0';
    return word;
}

static enum exit_code
find_language(const struct cli *cli, struct project *p)
{
    char word[32];
    const char *said = cli_value(cli, OPTION_language);
    if (said == NULL)
        said = ask_language(word);
    p->language = said == NULL ? NULL : language_named(said);
    if (p->language != NULL)
        return EXIT_DONE;
    if (said == NULL)
        cli_complain("--language is missing: typescript, javascript, python or c");
    else
        cli_complain(
            "--language: '%.40s' is not typescript, javascript, python or c", said);
    return EXIT_USAGE;
}

/* The last part of the path that was given. */
static enum exit_code
find_name(const char *given, struct project *p)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", given);
    const char *name = basename(path);
    bool good = isalnum((unsigned char)name[0]) && strlen(name) <= NAME_MAX_BYTES;
    for (const char *at = name; *at != '\0'; at++)
        good = good && (isalnum((unsigned char)*at) || strchr("._-", *at) != NULL);
    if (!good) {
        cli_complain("'%.80s' is no name of a worker: 1 to %d letters, digits, dots, "
                     "dashes or underscores, of which the first is a letter or a digit",
            name, NAME_MAX_BYTES);
        return EXIT_USAGE;
    }
    memcpy(p->name, name, strlen(name) + 1);
    return EXIT_DONE;
}

static enum exit_code
fail(const char *path)
{
    cli_complain("%s: %s", path, strerror(errno));
    return EXIT_REFUSED;
}

/* All folders above the last part of `path`. */
static bool
make_folders(const char *path)
{
    char above[PATH_MAX];
    snprintf(above, sizeof above, "%s", path);
    for (char *slash = strchr(above + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(above, 0777) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return true;
}

/* Files whose names begin with a dot do not count: such as those of git. */
static bool
is_empty(const char *folder)
{
    bool empty = true;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        empty = empty && entry->d_name[0] == '.';
    if (dir != NULL)
        closedir(dir);
    return empty;
}

/* What is there is kept. */
static enum exit_code
write_new(const struct cli *cli, const char *path, struct bytes content)
{
    int fd = make_folders(path)
                 ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)
                 : -1;
    if (fd < 0 && errno == EEXIST) {
        cli_remark(cli, "kept      %s", path);
        return EXIT_DONE;
    }
    if (fd < 0)
        return fail(path);
    bool written = write(fd, content.data, content.size) == (ssize_t)content.size
                   && fsync(fd) == 0;
    close(fd);
    if (!written) {
        (void)unlink(path);
        return fail(path);
    }
    cli_remark(cli, "wrote     %s", path);
    return EXIT_DONE;
}

static void
fill_in(struct bytes template, const char *name, struct buffer *out)
{
    static const char place[] = "@NAME@";
    const size_t size = sizeof place - 1;
    for (size_t i = 0; i < template.size;) {
        struct bytes rest = bytes_of(template.data + i, template.size - i);
        bool here = bytes_begin(rest, bytes_of(place, size));
        if (here)
            buffer_append(out, name, strlen(name));
        else
            buffer_append(out, rest.data, 1);
        i += here ? size : 1;
    }
}

static enum exit_code
write_one(
    const struct cli *cli, const struct project *p, const char *from, const char *to)
{
    char path[PATH_MAX + 64], there[CONFIG_TEXT_MAX + 96];
    struct buffer template = { 0 }, filled = { 0 };
    snprintf(there, sizeof there, "%s/templates/%s/%s", p->share, p->language, from);
    snprintf(path, sizeof path, "%s/%s", p->folder, to);
    int fd = open(there, O_RDONLY | O_CLOEXEC);
    ssize_t got =
        fd < 0 ? -1 : read(fd, buffer_reserve(&template, TEMPLATE_MAX), TEMPLATE_MAX);
    enum exit_code e = got < 0 ? fail(there) : EXIT_DONE;
    if (fd >= 0)
        close(fd);
    if (e == EXIT_DONE) {
        fill_in(bytes_of(template.data, (size_t)got), p->name, &filled);
        e = write_new(cli, path, buffer_bytes(&filled));
    }
    buffer_free(&template);
    buffer_free(&filled);
    return e;
}

static enum exit_code
write_all(const struct cli *cli, const struct project *p)
{
    char path[PATH_MAX + 64], ini[160];
    enum exit_code e = EXIT_DONE;
    for (size_t i = 0; i < COUNT(templates) && e == EXIT_DONE; i++)
        if (strcmp(templates[i].language, p->language) == 0)
            e = write_one(cli, p, templates[i].from, templates[i].to);
    /* Last: what was interrupted is not taken for whole. */
    snprintf(path, sizeof path, "%s/%s", p->folder, marker);
    snprintf(ini, sizeof ini, "[worker]\nname=%s\nsource=init\nlanguage=%s\n", p->name,
        p->language);
    return e == EXIT_DONE ? write_new(cli, path, text(ini)) : e;
}

static enum exit_code
say(const struct cli *cli, const struct project *p, const char *state)
{
    if (cli_given(cli, OPTION_json)) {
        json_t *all = json_pack(
            "{s:s, s:s, s:s}", "name", p->name, "folder", p->folder, "state", state);
        cli_print_json(all);
        json_decref(all);
    } else {
        printf("name      %s\nfolder    %s\nstate     %s\n", p->name, p->folder, state);
    }
    return EXIT_DONE;
}

enum exit_code
command_worker_init(struct cli *cli)
{
    struct project p = { 0 };
    char path[PATH_MAX + 64];
    const char *given = cli->request.words[0],
               *other = cli_value(cli, OPTION_directory);
    enum exit_code e = find_name(given, &p);
    p.folder = other != NULL ? other : given;
    if (e != EXIT_DONE)
        return e;
    snprintf(path, sizeof path, "%.*s/%s", PATH_MAX, p.folder, marker);
    if (access(path, F_OK) == 0)
        return say(cli, &p, "unchanged");
    if (!is_empty(p.folder) && !cli_given(cli, OPTION_allow_non_empty)) {
        cli_complain(
            "%s is not empty: --allow-non-empty writes what is missing", p.folder);
        return EXIT_REFUSED;
    }
    e = find_language(cli, &p);
    if (e == EXIT_DONE && !program_share(p.share))
        e = EXIT_REFUSED;
    if (e == EXIT_DONE)
        e = write_all(cli, &p);
    return e == EXIT_DONE ? say(cli, &p, "written") : e;
}
