#include "workers/cli/input.h"

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
