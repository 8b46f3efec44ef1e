/* Somebody can always administer a project: the last key of scope admin stays as it is.
 * Nobody could make another one, not even who has the data folder. */
#include "actors/registry/access.h"

struct survey {
    const struct registry_state *state;
    struct arena *arena;
    struct id project;
    const struct narrowing *change;
    bool found;
};

static bool
administers(const struct survey *survey, const struct id *principal)
{
    const struct narrowing *change = survey->change;
    struct row_key row = key_of_principal(&survey->project, principal);
    struct principal_entry entry;
    if (id_equal(principal, &change->principal)) {
        entry = *change->entry;
    } else {
        (void)entry_read(survey->state->journal, &row, &principal_entry_shape, &entry);
        entry.roles = arena_copy(survey->arena, entry.roles);
    }
    unsigned scopes = principal_scopes(
        survey->state, survey->arena, &survey->project, &entry, &change->role);
    return (scopes & SCOPE_ADMIN) != 0;
}

static bool
look_at_key(void *self, struct bytes row, struct bytes value)
{
    struct survey *survey = self;
    struct key_entry key;
    struct id project, id;
    key_name_read(row, &project, &id);
    entry_take(value, &key_entry_shape, &key);
    if (key.revoked_ms != 0 || (key.scopes & SCOPE_ADMIN) == 0
        || id_equal(&id, &survey->change->key))
        return true;
    survey->found = id_is_zero(&key.principal) || administers(survey, &key.principal);
    return !survey->found;
}

static bool
has_admin(const struct registry_state *state, const struct narrowing *change,
    struct outbox *out)
{
    struct survey survey = { state, out->arena, out->project, change, false };
    struct row_key from = row_key('K');
    row_key_id(&from, &out->project);
    struct row_key to = row_key_after(&from);
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        look_at_key, &survey);
    return survey.found;
}

bool
admin_remains(const struct registry_state *state, uint64_t request,
    const struct narrowing *change, struct outbox *out)
{
    static const struct narrowing none;
    if (has_admin(state, change, out) || !has_admin(state, &none, out))
        return true;
    refuse(out, request, ERR_CONFLICT,
        text("no key of scope admin would be left in the project: make another one "
             "before"));
    return false;
}
