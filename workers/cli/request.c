#include "workers/cli/request.h"

#include "base/buffer.h"
#include "base/nearest.h"
#include "workers/cli/commands.h"

#define OPTION_GLOBAL(member) (OPTION_##member <= OPTION_LAST_GLOBAL)

const struct option_row option_rows[OPTION_COUNT] = {
#define OPTION(name, member, kind, value, sentence)                                    \
    { name, kind, value, sentence, OPTION_GLOBAL(member) },
#define LAST_GLOBAL(member)
#include "workers/cli/options.def"
};

const struct command commands[] = {
#define COMMAND(noun, verb, function, words, options, sentence, example)               \
    { noun, verb, function, words, options, sentence, example },
#include "workers/cli/commands.def"
};
const size_t command_count = COUNT(commands);

bool
command_passes(const struct command *command)
{
    return strcmp(command->words, "...") == 0;
}

bool
command_takes(const struct command *command, enum option option)
{
    const char *name = option_rows[option].name, *at = command->options;
    size_t size = strlen(name);
    if (option_rows[option].global)
        return true;
    while ((at = strstr(at, name)) != NULL) {
        bool begins = at == command->options || at[-1] == ' ';
        at += size;
        if (begins && (*at == ' ' || *at == '\0'))
            return true;
    }
    return false;
}

/* "NAME [SHELL] FILE...": how many words may follow. */
static void
bounds(const char *words, size_t *least, size_t *most)
{
    *least = *most = 0;
    for (const char *at = words; *at != '\0';) {
        size_t size = strcspn(at, " ");
        bool many = size > 4 && memchr(at, '.', size) != NULL;
        *least += *at != '[';
        *most = many ? WORDS_MAX : *most + 1;
        at += size + strspn(at + size, " ");
    }
}

/* Where reading is: `request` as far as it is known. */
struct reading {
    struct request *request;
    struct fault *fault;
    int argc, at;
    char **argv;
    bool words_only; /* "--" came */
};

/* --failed: what --status takes? */
static bool
is_status(const struct command *command, const char *name)
{
    static const char *const words[] = { "queued", "running", "suspended", "completed",
        "failed", "cancelled", "open" };
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcmp(name, words[i]) == 0)
            return command != NULL && command_takes(command, OPTION_status);
    return false;
}

static enum err
unknown_option(struct reading *r, const char *name)
{
    const struct command *command = r->request->command;
    struct nearest nearest = { 0 };
    if (is_status(command, name))
        return fault_set(r->fault, ERR_INVALID,
            "there is no flag '--%s' here: did you mean '--status %s'?", name, name);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (option_rows[i].global
            || (command != NULL && command_takes(command, (enum option)i)))
            nearest_try(&nearest, text(name), option_rows[i].name);
    }
    if (nearest.word != NULL)
        return fault_set(r->fault, ERR_INVALID,
            "there is no flag '--%.80s' here: did you mean '--%s'?", name,
            nearest.word);
    return fault_set(r->fault, ERR_INVALID, "there is no flag '--%.80s' here", name);
}

static bool
find_option(const struct request *request, const char *name, size_t size, size_t *found)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        if (strlen(row->name) != size || memcmp(row->name, name, size) != 0)
            continue;
        *found = i;
        return row->global
               || (request->command != NULL
                   && command_takes(request->command, (enum option)i));
    }
    return false;
}

/* Where nothing is something to say. */
static bool
may_be_empty(size_t option)
{
    static const enum option all[] = { OPTION_comment, OPTION_events, OPTION_reason,
        OPTION_roles };
    for (size_t i = 0; i < COUNT(all); i++)
        if (option == all[i])
            return true;
    return false;
}

/* Elsewhere it is a variable that a script forgot to set: `--all --automation` would be
 * of all automations, and `--data` of another engine. */
static enum err
check_value(const struct reading *r, size_t option, const char *value)
{
    if (value == NULL || value[0] != '\0' || may_be_empty(option))
        return ERR_NONE;
    return fault_set(r->fault, ERR_INVALID, "--%s is empty: %s is wanted",
        option_rows[option].name, option_rows[option].value);
}

static enum err
keep_value(struct reading *r, size_t option, const char *value)
{
    struct request *request = r->request;
    enum err e = check_value(r, option, value);
    if (e != ERR_NONE)
        return e;
    request->given[option] = true;
    request->value[option] = value;
    if (option_rows[option].kind != MANY)
        return ERR_NONE;
    if (request->set_count == SETS_MAX)
        return fault_set(r->fault, ERR_INVALID, "--%s is given more than %d times",
            option_rows[option].name, SETS_MAX);
    request->sets[request->set_count++] = value;
    return ERR_NONE;
}

static enum err
read_option(struct reading *r, const char *word)
{
    const char *value = strchr(word, '=');
    size_t size = value != NULL ? (size_t)(value - word) : strlen(word), option;
    char name[80];
    snprintf(name, sizeof name, "%.*s", (int)size, word);
    if (!find_option(r->request, word, size, &option))
        return unknown_option(r, name);
    if (value != NULL)
        value++;
    const struct option_row *row = &option_rows[option];
    if (row->kind == SWITCH && value != NULL)
        return fault_set(r->fault, ERR_INVALID, "--%s takes no value", name);
    if ((row->kind == VALUE || row->kind == MANY) && value == NULL) {
        if (r->at == r->argc)
            return fault_set(
                r->fault, ERR_INVALID, "--%s needs a value: %s", name, row->value);
        value = r->argv[r->at++];
    }
    return keep_value(r, option, value);
}

/* "start" alone may be of runs or of a worker: name the first nouns that have it. */
static enum err
verb_alone(struct reading *r, const char *word)
{
    enum { NAMED_MAX = 3 };
    struct buffer named = { 0 };
    size_t count = 0;
    for (size_t i = 0; i < command_count; i++)
        if (commands[i].noun[0] != '\0' && strcmp(commands[i].verb, word) == 0
            && count++ < NAMED_MAX)
            buffer_print(
                &named, "%s'%s %s'", count > 1 ? " or " : "", commands[i].noun, word);
    enum err e = count == 0
                     ? ERR_NONE
                     : fault_set(r->fault, ERR_INVALID,
                         "there is no command '%.80s' alone: did you mean %.*s%s?",
                         word, (int)named.size, (const char *)named.data,
                         count > NAMED_MAX ? " or of another noun" : "");
    buffer_free(&named);
    return e;
}

static enum err
unknown_command(struct reading *r, const char *noun, const char *word)
{
    struct nearest nearest = { 0 };
    if (noun[0] == '\0' && verb_alone(r, word) != ERR_NONE)
        return ERR_INVALID;
    for (size_t i = 0; i < command_count; i++) {
        if (noun[0] == '\0')
            nearest_try(&nearest, text(word),
                commands[i].noun[0] != '\0' ? commands[i].noun : commands[i].verb);
        else if (strcmp(noun, commands[i].noun) == 0)
            nearest_try(&nearest, text(word), commands[i].verb);
    }
    const char *space = noun[0] != '\0' ? " " : "";
    if (nearest.word != NULL)
        return fault_set(r->fault, ERR_INVALID,
            "there is no command '%s%s%.80s': did you mean '%s%s%s'?", noun, space,
            word, noun, space, nearest.word);
    return fault_set(
        r->fault, ERR_INVALID, "there is no command '%s%s%.80s'", noun, space, word);
}

/* Is `word` a noun, where it is a verb as well?  Then a word follows, be it a wrong
 * one; the verb would be followed by flags. */
static bool
noun_goes_on(const struct reading *r, const char *word)
{
    for (size_t i = 0; i < command_count && r->at < r->argc; i++)
        if (strcmp(commands[i].noun, word) == 0)
            return r->argv[r->at][0] != '-';
    return false;
}

/* The first word names a noun or a verb, the one after a noun its verb. */
static enum err
read_command(struct reading *r, const char *word)
{
    struct request *request = r->request;
    const char *noun = request->noun != NULL ? request->noun : "";
    bool only_noun = noun[0] == '\0' && noun_goes_on(r, word);
    for (size_t i = 0; i < command_count && !only_noun; i++) {
        if (strcmp(commands[i].noun, noun) == 0
            && strcmp(commands[i].verb, word) == 0) {
            request->command = &commands[i];
            request->noun = NULL;
            return ERR_NONE;
        }
    }
    for (size_t i = 0; noun[0] == '\0' && i < command_count; i++) {
        if (strcmp(commands[i].noun, word) == 0) {
            request->noun = commands[i].noun;
            return ERR_NONE;
        }
    }
    return unknown_command(r, noun, word);
}

static enum err
keep_word(struct reading *r, const char *word)
{
    struct request *request = r->request;
    if (request->word_count == WORDS_MAX)
        return fault_set(r->fault, ERR_INVALID, "more than %d words", WORDS_MAX);
    request->words[request->word_count++] = word;
    return ERR_NONE;
}

static const struct {
    const char *name, *option;
} shorts[] = {
    { "-h", "help" },
    { "-o", "output" },
    { "-f", "follow" },
    { "-l", "language" },
    { "-d", "directory" },
};

static enum err
read_word(struct reading *r, const char *word)
{
    struct request *request = r->request;
    if (request->command != NULL && command_passes(request->command))
        return keep_word(r, word);
    if (!r->words_only && strcmp(word, "--") == 0) {
        r->words_only = true;
        return ERR_NONE;
    }
    bool first = request->command == NULL && request->noun == NULL;
    if (first && strcmp(word, "--version") == 0)
        return read_command(r, word + 2);
    if (!r->words_only && strncmp(word, "--", 2) == 0)
        return read_option(r, word + 2);
    for (size_t i = 0; i < COUNT(shorts) && !r->words_only; i++)
        if (strcmp(word, shorts[i].name) == 0)
            return read_option(r, shorts[i].option);
    if (!r->words_only && word[0] == '-' && word[1] != '\0')
        return fault_set(r->fault, ERR_INVALID,
            "there is no flag '%.80s': flags are whole words, such as --json", word);
    return request->command == NULL ? read_command(r, word) : keep_word(r, word);
}

/* Which of "RUN STEP" is missing or empty, and how the command is written. */
static enum err
wrong_word(
    const struct request *request, size_t word, const char *how, struct fault *fault)
{
    const struct command *command = request->command;
    const char *at = command->words;
    for (size_t i = 0; i < word && strchr(at, ' ') != NULL; i++)
        at = strchr(at, ' ') + 1;
    at += at[0] == '[';
    return fault_set(fault, ERR_INVALID, "%.*s is %s: capstan %s%s%s %s",
        (int)strcspn(at, " ]"), at, how, command->noun,
        command->noun[0] != '\0' ? " " : "", command->verb, command->words);
}

/* It may have been meant for a flag that takes its value only behind a sign. */
static enum err
too_many(const struct request *request, const char *word, struct fault *fault)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (option_rows[i].kind == MAYBE && request->given[i]
            && request->value[i] == NULL)
            return fault_set(fault, ERR_INVALID,
                "'%.80s' is too much: the %s of --%s is given as --%s=%s", word,
                option_rows[i].value, option_rows[i].name, option_rows[i].name,
                option_rows[i].value);
    return fault_set(fault, ERR_INVALID, "'%.80s' is too much", word);
}

static enum err
check_words(const struct request *request, struct fault *fault)
{
    const struct command *command = request->command;
    size_t least, most;
    if (command == NULL || command_passes(command) || request->given[OPTION_help])
        return ERR_NONE;
    bounds(command->words, &least, &most);
    if (request->word_count < least)
        return wrong_word(request, request->word_count, "missing", fault);
    if (request->word_count > most)
        return too_many(request, request->words[most], fault);
    for (size_t i = 0; i < request->word_count; i++)
        if (request->words[i][0] == '\0')
            return wrong_word(request, i, "empty", fault);
    return ERR_NONE;
}

enum err
request_read(int argc, char **argv, struct request *request, struct fault *fault)
{
    struct reading r = {
        .request = request, .fault = fault, .argc = argc, .at = 1, .argv = argv
    };
    memset(request, 0, sizeof *request);
    while (r.at < argc) {
        const char *word = argv[r.at++];
        enum err e = read_word(&r, word);
        if (e != ERR_NONE)
            return e;
    }
    return check_words(request, fault);
}
