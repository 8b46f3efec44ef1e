#include "base/flags.h"

#include <stdio.h>
#include <string.h>

int
flags_next(int argc, char **argv, const struct option *options)
{
    int i = -1, found = getopt_long(argc, argv, "", options, &i);
    if (i < 0)
        return found;
    const char *word = argv[optind - 1];
    if (optarg == word) /* the word behind the flag */
        word = argv[optind - 2];
    size_t size = strcspn(word, "=");
    if (size == strlen("--") + strlen(options[i].name))
        return found;
    fprintf(stderr, "%s: there is no flag '%.*s': did you mean '--%s'?\n", argv[0],
        (int)size, word, options[i].name);
    return '?';
}
