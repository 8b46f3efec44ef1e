#include "workers/cli/input.h"

#include "workers/cli/answer.h"

#include <errno.h>

enum { PART = 65536 };

enum exit_code
input_read(const char *name, struct buffer *out)
{
    bool standard = strcmp(name, "-") == 0;
    FILE *in = standard ? stdin : fopen(name, "re");
    size_t size = 1;
    if (in == NULL) {
        cli_complain("%s: %s", name, strerror(errno));
        return EXIT_REFUSED;
    }
    while (size > 0 && out->size <= INPUT_MAX) {
        size = fread(buffer_reserve(out, PART), 1, PART, in);
        out->size += size;
    }
    int failed = ferror(in) != 0 ? errno : 0;
    if (!standard)
        fclose(in);
    if (failed != 0)
        cli_complain("%s: %s", name, strerror(failed));
    else if (out->size > INPUT_MAX)
        cli_complain("%s: larger than %d MiB", name, INPUT_MAX >> 20);
    return failed != 0 || out->size > INPUT_MAX ? EXIT_REFUSED : EXIT_DONE;
}

enum exit_code
input_parse(const char *name, struct bytes content, json_t **value)
{
    json_error_t wrong;
    *value = answer_parse(content, JSON_REJECT_DUPLICATES, &wrong);
    if (*value != NULL)
        return EXIT_DONE;
    bool begun = content.size > 0 && strchr("{[", content.data[0]) != NULL;
    if (content.size == 0)
        cli_complain("%s: is empty: JSON is wanted, such as {\"to\": \"Ada\"}", name);
    else
        cli_complain("%s: not JSON: %d:%d: %s%s", name, wrong.line, wrong.column,
            wrong.text,
            begun ? "" : "; a text is \"TEXT\" with its quotes, a file @FILE");
    return EXIT_USAGE;
}

enum exit_code
input_value(const char *name, const char *said, json_t **value)
{
    struct buffer content = { 0 };
    enum exit_code e = EXIT_DONE;
    *value = NULL;
    if (said == NULL)
        return EXIT_DONE;
    if (said[0] == '@')
        e = input_read(said + 1, &content);
    else
        buffer_append_bytes(&content, text(said));
    if (e == EXIT_DONE)
        e = input_parse(name, buffer_bytes(&content), value);
    buffer_free(&content);
    return e;
}

enum exit_code
input_json(const char *name, const char *said, json_t **object)
{
    enum exit_code e = input_value(name, said, object);
    if (*object == NULL || json_is_object(*object))
        return e;
    cli_complain("%s: a JSON object is wanted, such as {\"to\": \"Ada\"}", name);
    json_decref(*object);
    *object = NULL;
    return EXIT_USAGE;
}
