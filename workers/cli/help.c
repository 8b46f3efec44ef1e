#include "workers/cli/help.h"

#include "base/bytes.h"

#include <ctype.h>

enum { NAME_WIDTH = 26, FLAG_WIDTH = 24, LINE_WIDTH = 80 };

static const struct {
    int number;
    const char *sentence;
} exits[] = {
#define EXIT(number, name, sentence) { number, sentence },
#include "workers/cli/exits.def"
};

/* What an option is with a command; no command: with any. */
static struct option_row
meaning(const struct command *command, enum option option)
{
    static const struct {
        const char *noun, *verb;
        enum option option;
        const char *value, *sentence;
    } meanings[] = {
#define MEANING(noun, verb, member, value, sentence)                                   \
    { noun, verb, OPTION_##member, value, sentence },
#include "workers/cli/meanings.def"
    };
    struct option_row row = option_rows[option];
    for (size_t i = 0; command != NULL && i < COUNT(meanings); i++) {
        if (meanings[i].option != option || strcmp(meanings[i].noun, command->noun) != 0
            || strcmp(meanings[i].verb, command->verb) != 0)
            continue;
        row.value = meanings[i].value;
        row.sentence = meanings[i].sentence;
    }
    return row;
}

static const char *
gap(const struct command *command)
{
    return command->noun[0] != '\0' ? " " : "";
}

/* The words of a text, from `column` on, in lines that fit a narrow terminal; those
 * that follow begin at `indent`. */
static void
print_words(const char *sentence, size_t column, size_t indent, FILE *out)
{
    bool first = true;
    for (size_t size; *sentence != '\0'; sentence += size) {
        sentence += strspn(sentence, " ");
        size = strcspn(sentence, " ");
        if (!first && column + 1 + size > LINE_WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)size, sentence);
        column += size;
        first = false;
    }
}

/* A name, and what it means beside it. */
static void
print_entry(const char *name, int width, const char *sentence, FILE *out)
{
    size_t indent = (size_t)width + 3;
    int column = fprintf(out, "  %-*s ", width, name);
    print_words(sentence, column > 0 ? (size_t)column : indent, indent, out);
    fputc('\n', out);
}

static void
print_name(const struct command *command, FILE *out)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", command->noun, gap(command), command->verb);
    print_entry(name, NAME_WIDTH, command->sentence, out);
}

/* "--name VALUE", as it is typed. */
static const char *
flag_text(const struct option_row *row, char out[64])
{
    static const struct {
        const char *before, *after;
    } frames[] = { [SWITCH] = { "", "" },
        [VALUE] = { " ", "" },
        [MAYBE] = { "[=", "]" },
        [MANY] = { " ", "" } };
    snprintf(out, 64, "--%s%s%s%s", row->name, frames[row->kind].before, row->value,
        frames[row->kind].after);
    return out;
}

static void
print_flag(const struct option_row *row, FILE *out)
{
    char flag[64];
    print_entry(flag_text(row, flag), FLAG_WIDTH, row->sentence, out);
}

static void
print_flags(const struct command *command, bool global, FILE *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        struct option_row row = meaning(command, (enum option)i);
        if (row.global == global && (global || command_takes(command, (enum option)i)))
            print_flag(&row, out);
    }
}

void
help_all(FILE *out)
{
    const char *noun = "";
    fputs("capstan - run automations that must not be lost\n\n"
          "Usage: capstan COMMAND [FLAG]...\n\n",
        out);
    for (size_t i = 0; i < command_count; i++) {
        if (i > 0 && strcmp(commands[i].noun, noun) != 0)
            fputc('\n', out);
        noun = commands[i].noun;
        print_name(&commands[i], out);
    }
    fputs("\nFlags of every command:\n", out);
    print_flags(NULL, true, out);
    fputs("\nExit codes:\n", out);
    for (size_t i = 0; i < COUNT(exits); i++)
        fprintf(out, "  %d  %s\n", exits[i].number, exits[i].sentence);
    fputs("\nMore of one command: capstan help COMMAND\n", out);
}

static bool
has_noun(const char *word)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].noun, word) == 0)
            return true;
    return false;
}

static void
print_verbs(const char *noun, FILE *out)
{
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].noun, noun) == 0)
            print_name(&commands[i], out);
    }
}

void
help_noun(const char *noun, FILE *out)
{
    fprintf(out, "Usage: capstan %s COMMAND [FLAG]...\n\n", noun);
    print_verbs(noun, out);
}

static void
print_usage(const struct command *command, FILE *out)
{
    fprintf(out, "capstan %s%s%s", command->noun, gap(command), command->verb);
    if (command_passes(command)) {
        fputs(" [FLAG OF THE PROGRAM]...", out);
        return;
    }
    if (command->words[0] != '\0')
        fprintf(out, " %s", command->words);
    fputs(" [FLAG]...", out);
}

void
help_command(const struct command *command, FILE *out)
{
    fputs("Usage: ", out);
    print_usage(command, out);
    fprintf(out, "\n\n%c", toupper((unsigned char)command->sentence[0]));
    print_words(command->sentence + 1, 2, 0, out);
    fputs(".\n", out);
    if (command->options[0] != '\0') {
        fputs("\nFlags:\n", out);
        print_flags(command, false, out);
    }
    fputs("\nFlags of every command:\n", out);
    print_flags(command, true, out);
    fprintf(out, "\nExample: %s\n", command->example);
    if (command->noun[0] == '\0' && has_noun(command->verb)) {
        fprintf(out, "\nBesides, capstan %s COMMAND:\n", command->verb);
        print_verbs(command->verb, out);
    }
}

static void
reference_flags(const struct command *command, bool global, FILE *out)
{
    char flag[64];
    bool first = true;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        struct option_row row = meaning(command, (enum option)i);
        if (row.global != global
            || (!global && !command_takes(command, (enum option)i)))
            continue;
        fputs(first ? "\n| flag | meaning |\n|---|---|\n" : "", out);
        first = false;
        fprintf(out, "| `%s` | %s |\n", flag_text(&row, flag), row.sentence);
    }
}

static void
reference_command(const struct command *command, FILE *out)
{
    fprintf(out, "\n### capstan %s%s%s\n\n%c%s.\n\n```\n", command->noun, gap(command),
        command->verb, toupper((unsigned char)command->sentence[0]),
        command->sentence + 1);
    print_usage(command, out);
    fprintf(out, "\n```\n");
    reference_flags(command, false, out);
    fprintf(out, "\nExample: `%s`\n", command->example);
}

void
help_reference(FILE *out)
{
    fputs("# The tool\n\n"
          "<!-- Printed by `capstan help --markdown`; change workers/cli/*.def. -->\n\n"
          "`capstan` starts an engine, applies automations, and starts, watches and\n"
          "explains runs. What a script wants goes to standard output, all else to\n"
          "standard error. Lists are tables on a terminal and lines of tab-separated\n"
          "values, without a head, elsewhere; `--json` prints what the API answers.\n"
          "`NO_COLOR` is honoured. Times have units: `500ms`, `30s`, `1h30m`.\n"
          "Mistakes in an automation are told as `FILE:LINE:COLUMN: message`.\n"
          "\n## Exit codes\n\n| code | meaning |\n|---|---|\n",
        out);
    for (size_t i = 0; i < COUNT(exits); i++)
        fprintf(out, "| %d | %s |\n", exits[i].number, exits[i].sentence);
    fputs("\n## Flags of every command\n", out);
    reference_flags(NULL, true, out);
    fputs("\n## Commands\n", out);
    for (size_t i = 0; i < command_count; i++)
        reference_command(&commands[i], out);
}

/* A case of the completion: what may follow after the words that are there. */
static void
completion_flags(const struct command *command, FILE *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (command_takes(command, (enum option)i))
            fprintf(out, " --%s", option_rows[i].name);
    }
}

static void
completion_words(const char *noun, FILE *out)
{
    const char *last = "";
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        bool top = noun[0] == '\0';
        const char *word = top && c->noun[0] != '\0' ? c->noun : c->verb;
        if ((top || strcmp(c->noun, noun) == 0) && strcmp(word, last) != 0)
            fprintf(out, " %s", word);
        last = word;
    }
}

static void
completion_nouns(FILE *out)
{
    const char *last = "";
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].noun[0] == '\0' || strcmp(commands[i].noun, last) == 0)
            continue;
        last = commands[i].noun;
        fprintf(out, "    %s) words='", last);
        completion_words(last, out);
        fputs("' ;;\n", out);
    }
}

void
help_completion(FILE *out)
{
    fputs("# Completion of capstan's command lines for bash.\n"
          "# Printed by `capstan completion bash`; change workers/cli/*.def.\n"
          "_capstan()\n"
          "{\n"
          "    local words='' first='' second='' word\n"
          "    COMPREPLY=()\n"
          "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
          "        [[ $word == -* || -z $first && $word == help ]] && continue\n"
          "        if [[ -z $first ]]; then first=$word\n"
          "        elif [[ -z $second ]]; then second=$word; fi\n"
          "    done\n"
          "    case \"$first $second\" in\n",
        out);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        /* What is a noun as well goes on with the verbs of that noun. */
        fprintf(out, "    '%s%s%s'%s) words='", c->noun, gap(c), c->verb,
            c->noun[0] != '\0'  ? ""
            : has_noun(c->verb) ? "' '?*"
                                : "' '*");
        completion_flags(c, out);
        fputs("' ;;\n", out);
    }
    fputs("    esac\n    [[ -n $words ]] || case $first in\n    '') words='", out);
    completion_words("", out);
    fputs("' ;;\n", out);
    completion_nouns(out);
    fputs("    esac\n"
          "    if [[ $2 == -* || -z $words || $words != *' --'* ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$2\")\n"
          "    fi\n"
          "}\n"
          "complete -o default -F _capstan capstan\n",
        out);
}
