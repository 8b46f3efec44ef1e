#include "actors/keeper/inference.h"

#include <stdio.h>

#define PIP                                                                            \
    "python3 -m venv .venv && if [ -f requirements.txt ]; then "                       \
    ".venv/bin/pip install --quiet -r requirements.txt; else "                         \
    ".venv/bin/pip install --quiet .; fi"

/* The first row of a kind is its usual one. */
static const struct inference inferences[] = {
    { KIND_PYTHON, PACKAGES_PIP, PIP, ".venv/bin/python", true },
    { KIND_TYPESCRIPT, PACKAGES_NPM, "npm install", "npx tsx", true },
    { KIND_TYPESCRIPT, PACKAGES_PNPM, "pnpm install", "pnpm exec tsx", true },
    { KIND_TYPESCRIPT, PACKAGES_YARN, "yarn install", "yarn exec tsx", true },
    { KIND_TYPESCRIPT, PACKAGES_BUN, "bun install", "bun run", true },
    { KIND_JAVASCRIPT, PACKAGES_NPM, "npm install", "node", true },
    { KIND_JAVASCRIPT, PACKAGES_PNPM, "pnpm install", "node", true },
    { KIND_JAVASCRIPT, PACKAGES_YARN, "yarn install", "node", true },
    { KIND_JAVASCRIPT, PACKAGES_BUN, "bun install", "bun run", true },
    { KIND_BUN, PACKAGES_BUN, "bun install", "bun run", true },
    { KIND_RUST, PACKAGES_CARGO, "cargo build --release", "cargo run --release",
        false },
};

const struct inference *
inference_of(enum kind kind, enum packages packages)
{
    for (size_t i = 0; i < COUNT(inferences); i++)
        if (inferences[i].kind == kind
            && (packages == PACKAGES_ANY || packages == inferences[i].packages))
            return &inferences[i];
    return NULL;
}

static bool
ends_in(struct bytes in, const char *end)
{
    size_t size = strlen(end);
    return in.size >= size && memcmp(in.data + in.size - size, end, size) == 0;
}

void
inference_take(const struct inference *found, struct bytes entry, struct arena *arena,
    const char **install, const char **start)
{
    /* Of Python an entry is a file or a module. */
    bool module = found->kind == KIND_PYTHON && !ends_in(entry, ".py");
    size_t size = strlen(found->start) + 4 + entry.size + 1;
    char *line = arena_take(arena, size);
    snprintf(line, size, "%s%s%s%.*s", found->start, found->needs_entry ? " " : "",
        module ? "-m " : "", found->needs_entry ? (int)entry.size : 0,
        (const char *)entry.data);
    *start = line;
    if (*install == NULL)
        *install = found->install;
}
