/* inference - how a project is installed and started that does not say so itself. */
#ifndef ACTORS_KEEPER_INFERENCE_H
#define ACTORS_KEEPER_INFERENCE_H
#include "base/arena.h"

enum kind { KIND_PYTHON, KIND_TYPESCRIPT, KIND_JAVASCRIPT, KIND_BUN, KIND_RUST };

enum packages {
    PACKAGES_ANY, /* the usual one of the kind */
    PACKAGES_PIP,
    PACKAGES_NPM,
    PACKAGES_PNPM,
    PACKAGES_YARN,
    PACKAGES_BUN,
    PACKAGES_CARGO
};

struct inference {
    enum kind kind;
    enum packages packages;
    const char *install;
    const char *start; /* the entry follows */
    bool needs_entry;
};

/* NULL when they do not go together. */
const struct inference *inference_of(enum kind kind, enum packages packages);

/* Lines for the shell, in `arena`; keeps an install that is there.  `entry` holds
 * nothing that the shell would read otherwise than as written. */
void inference_take(const struct inference *found, struct bytes entry,
    struct arena *arena, const char **install, const char **start);
#endif
