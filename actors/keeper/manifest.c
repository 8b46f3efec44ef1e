#include "actors/keeper/manifest.h"

#include "actors/keeper/inference.h"
#include "actors/plan/form.h"

#include <ctype.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 1024, SCRIPT_MAX = 16384, VALUE_MAX = 16384, CPUS_MAX = 1024 };

enum slot {
    SLOT_NAME,
    SLOT_KIND,
    SLOT_PACKAGES,
    SLOT_ENTRY,
    SLOT_SCRIPTS,
    SLOT_SETUP,
    SLOT_INSTALL,
    SLOT_START,
    SLOT_ENV,
    SLOT_DESCRIPTION,
    SLOT_RUNTIME,
    SLOT_IMAGE,
    SLOT_DEPENDENCIES,
    SLOT_RESOURCES,
    SLOT_CPUS,
    SLOT_MEMORY,
    SLOT_LANGUAGE,
    SLOT_OLD_ENTRY,
    SLOT_III,
    SLOT_DEPLOY,
    SLOT_MANIFEST,
    SLOT_TAGS,
    SLOT_CONFIG,
    SLOT_COUNT
};

#define ONE_LINE(key_, slot_)                                                          \
    {                                                                                  \
        .key = key_, .type = RULE_LINE, .slot = slot_, .min = 1, .max = LINE_MAX_BYTES \
    }
#define SCRIPT(key_, slot_)                                                            \
    {                                                                                  \
        .key = key_, .type = RULE_COMMAND, .slot = slot_, .min = 1, .max = SCRIPT_MAX  \
    }

static const struct choice kinds[] = {
    { "python", KIND_PYTHON },
    { "typescript", KIND_TYPESCRIPT },
    { "javascript", KIND_JAVASCRIPT },
    { "node", KIND_JAVASCRIPT },
    { "bun", KIND_BUN },
    { "rust", KIND_RUST },
    { NULL, 0 },
};

static const struct choice packages[] = {
    { "pip", PACKAGES_PIP },
    { "npm", PACKAGES_NPM },
    { "pnpm", PACKAGES_PNPM },
    { "yarn", PACKAGES_YARN },
    { "bun", PACKAGES_BUN },
    { "cargo", PACKAGES_CARGO },
    { NULL, 0 },
};

static const struct rule runtime_rules[] = {
    CHOOSE("kind", SLOT_KIND, kinds),
    CHOOSE("package_manager", SLOT_PACKAGES, packages),
    { .key = "entry", .type = RULE_KEY_PATH, .slot = SLOT_ENTRY, .min = 1, .max = 255 },
    ONE_LINE("base_image", SLOT_IMAGE),
};
static const struct form runtime_form = FORM(runtime_rules);

static const struct rule script_rules[] = {
    SCRIPT("setup", SLOT_SETUP),
    SCRIPT("install", SLOT_INSTALL),
    SCRIPT("start", SLOT_START),
};
static const struct form script_form = FORM(script_rules);

static const struct rule resource_rules[] = {
    COUNTED("cpus", SLOT_CPUS, CPUS_MAX),
    COUNTED("memory", SLOT_MEMORY, UINT32_MAX),
};
static const struct form resource_form = FORM(resource_rules);

/* Those from `dependencies` on are of a system with virtual machines and a registry:
 * looked at, and then passed over. */
static const struct rule top_rules[] = {
    { .key = "name",
        .type = RULE_KEY,
        .slot = SLOT_NAME,
        .min = 1,
        .max = MANIFEST_NAME_MAX,
        .required = "the name of the worker" },
    ONE_LINE("description", SLOT_DESCRIPTION),
    WITHIN("runtime", SLOT_RUNTIME, &runtime_form),
    WITHIN("scripts", SLOT_SCRIPTS, &script_form),
    WANTED("env", RULE_MAP, SLOT_ENV),
    WANTED("dependencies", RULE_MAP, SLOT_DEPENDENCIES),
    WITHIN("resources", SLOT_RESOURCES, &resource_form),
    ONE_LINE("language", SLOT_LANGUAGE),
    WANTED("entry", RULE_ANY, SLOT_OLD_ENTRY),
    WANTED("iii", RULE_ANY, SLOT_III),
    WANTED("deploy", RULE_ANY, SLOT_DEPLOY),
    WANTED("manifest", RULE_ANY, SLOT_MANIFEST),
    WANTED("tags", RULE_ANY, SLOT_TAGS),
    WANTED("config", RULE_ANY, SLOT_CONFIG),
};
static const struct form top_form = FORM(top_rules);

bool
manifest_name_valid(struct bytes name)
{
    return name.size >= 1 && name.size <= MANIFEST_NAME_MAX && key_valid(name)
           && isalnum(name.data[0]);
}

/* A text as it is handed to a program, in the arena. */
static const char *
handed(struct reading *r, const struct node *node, struct bytes value)
{
    if (value.size > 0 && memchr(value.data, 0, value.size) != NULL)
        mistake_at(r, node, "a NUL: no program can be handed one");
    char *copy = arena_take(r->arena, value.size + 1);
    if (value.size > 0)
        memcpy(copy, value.data, value.size);
    return copy;
}

static const char *
script(struct reading *r, const struct answer *a)
{
    return a->good ? handed(r, a->at, a->text) : NULL;
}

static void
take_env(struct reading *r, const struct node *env, struct manifest *out)
{
    for (const struct node *node = env->first; node != NULL; node = node->next) {
        if (!name_valid(node->key))
            mistake_at_key(r, node,
                "expected the name of a variable: letters, digits and underscores, of "
                "which the first is no digit");
        if (node->type != NODE_SCALAR || node->text.size > VALUE_MAX) {
            mistake_at(r, node, "expected one value of at most %d bytes", VALUE_MAX);
            continue;
        }
        if (out->env_count == MANIFEST_ENV_MAX) {
            mistake_at_key(
                r, node, "too many variables: expected at most %d", MANIFEST_ENV_MAX);
            return;
        }
        out->env[out->env_count++] = (struct variable){
            .name = handed(r, node, node->key),
            .value = handed(r, node, node->text),
        };
    }
}

/* What `scripts` does not say follows from `runtime`. */
static void
infer(struct reading *r, const struct node *root, const struct answer *answers,
    struct manifest *out)
{
    const struct answer *kind = &answers[SLOT_KIND], *entry = &answers[SLOT_ENTRY],
                        *packages_given = &answers[SLOT_PACKAGES];
    if (answers[SLOT_START].at != NULL || r->mistakes->count > 0)
        return; /* what is wrong may be why it is missing */
    if (kind->at == NULL) {
        mistake_missing(r, root, "scripts.start",
            "missing: expected a line for the shell, or runtime with kind and entry");
        return;
    }
    if (!kind->good)
        return;
    const struct inference *found = inference_of((enum kind)kind->number,
        packages_given->good ? (enum packages)packages_given->number : PACKAGES_ANY);
    if (found == NULL)
        mistake_at(r, packages_given->at, "expected one that goes with this kind");
    else if (found->needs_entry && entry->at == NULL)
        mistake_missing(r, answers[SLOT_RUNTIME].at, "entry",
            "missing: expected the file to start");
    else
        inference_take(found, entry->text, r->arena, &out->install, &out->start);
}

static void
take(struct reading *r, const struct node *root, struct manifest *out)
{
    struct answer answers[SLOT_COUNT] = { 0 };
    form_read(r, root, &top_form, answers);
    const struct answer *name = &answers[SLOT_NAME], *env = &answers[SLOT_ENV];
    if (name->good && !manifest_name_valid(name->text))
        mistake_at(r, name->at, "expected a letter or a digit first");
    else if (name->good)
        memcpy(out->name, name->text.data, name->text.size);
    out->setup = script(r, &answers[SLOT_SETUP]);
    out->install = script(r, &answers[SLOT_INSTALL]);
    out->start = script(r, &answers[SLOT_START]);
    infer(r, root, answers, out);
    if (env->good && env->at->type == NODE_MAP)
        take_env(r, env->at, out);
}

static enum err
first_mistake(const struct mistakes *mistakes, struct fault *fault)
{
    const struct mistake *m = &mistakes->list[0];
    bool placed = m->path != NULL && m->path[0] != '\0';
    return fault_set(fault, ERR_INVALID, "line %u, column %u: %.200s%s%.300s", m->line,
        m->column, placed ? m->path : "", placed ? ": " : "", m->message);
}

enum err
manifest_read(
    struct bytes text, struct arena *arena, struct manifest *out, struct fault *fault)
{
    static const struct compile_limits limits = { .text_max = MANIFEST_TEXT_MAX };
    struct mistakes mistakes = { 0 };
    struct reading r = { .limits = &limits, .arena = arena, .mistakes = &mistakes };
    struct node *root;
    *out = (struct manifest){ 0 };
    if (text.size > MANIFEST_TEXT_MAX)
        return fault_set(fault, ERR_TOO_LARGE, "%zu bytes: expected at most %d",
            text.size, MANIFEST_TEXT_MAX);
    out->hash = hash_of(text);
    enum err e = tree_read(&r, text, &root);
    if (root != NULL && root->type != NODE_MAP)
        mistake_at(&r, root, "expected a map, with the key name");
    else if (root != NULL && e != ERR_MALFORMED)
        take(&r, root, out);
    buffer_free(&r.scratch);
    return mistakes.count == 0 ? ERR_NONE : first_mistake(&mistakes, fault);
}
