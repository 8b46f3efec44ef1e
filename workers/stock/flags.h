/* flags - what the command line says, checked. */
#ifndef WORKERS_STOCK_FLAGS_H
#define WORKERS_STOCK_FLAGS_H
#include <stdbool.h>

enum {
    WORKERS_MAX = 256,
    FLAG_CONCURRENCY_MAX = 4096,
    FLAG_DRAIN_MAX_MS = 86400000,
    FLAG_DRAIN_UNSAID = 2000000000 /* more than a flag can say */
};

typedef const char *flag_text_t;
typedef unsigned flag_number_t;

struct flags {
#define FLAG(member, name, kind, argument, sentence) flag_##kind##_t member;
#include "workers/stock/flags.def"
    bool help, version;
};

/* false: it said on stderr what is wrong */
bool flags_read(int argc, char **argv, struct flags *flags);
void flags_help(void);
#endif
