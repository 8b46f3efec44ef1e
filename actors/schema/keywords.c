#include "actors/schema/keywords.h"

#include "base/nearest.h"

#define NUMBERS (1u << PACK_UNSIGNED | 1u << PACK_NEGATIVE | 1u << PACK_DOUBLE)
#define TEXTS   (1u << PACK_TEXT)
#define ARRAYS  (1u << PACK_ARRAY)
#define OBJECTS (1u << PACK_MAP)

static const char elsewhere[] = "a schema must be whole: put it under $defs";
static const char remembers[] = "use additionalProperties or items where it stands";

/* Those that a run's inputs are mostly made of come first. */
/* clang-format off */
static const struct keyword keywords[] = {
    { "type",                 FORM_TYPES,       0,       judge_type, NULL },
    { "properties",           FORM_SCHEMA_MAP,  OBJECTS, judge_properties, NULL },
    { "required",             FORM_NAMES,       OBJECTS, judge_required, NULL },
    { "additionalProperties", FORM_SCHEMA,      OBJECTS, judge_additional, NULL },
    { "items",                FORM_SCHEMA,      ARRAYS,  judge_items, NULL },
    { "enum",                 FORM_VALUES,      0,       judge_enum, NULL },
    { "const",                FORM_ANY,         0,       judge_const, NULL },
    { "title",                FORM_TEXT,        0,       NULL, NULL },
    { "description",          FORM_TEXT,        0,       NULL, NULL },
    { "default",              FORM_ANY,         0,       NULL, NULL },
    { "$ref",                 FORM_REFERENCE,   0,       judge_reference, NULL },
    { "minimum",              FORM_NUMBER,      NUMBERS, judge_minimum, NULL },
    { "maximum",              FORM_NUMBER,      NUMBERS, judge_maximum, NULL },
    { "exclusiveMinimum",     FORM_NUMBER,      NUMBERS, judge_above, NULL },
    { "exclusiveMaximum",     FORM_NUMBER,      NUMBERS, judge_below, NULL },
    { "multipleOf",           FORM_POSITIVE,    NUMBERS, judge_multiple, NULL },
    { "minLength",            FORM_COUNT,       TEXTS,   judge_min_length, NULL },
    { "maxLength",            FORM_COUNT,       TEXTS,   judge_max_length, NULL },
    { "pattern",              FORM_PATTERN,     TEXTS,   judge_pattern, NULL },
    { "format",               FORM_TEXT,        0,       NULL, NULL },
    { "minItems",             FORM_COUNT,       ARRAYS,  judge_least, NULL },
    { "maxItems",             FORM_COUNT,       ARRAYS,  judge_most, NULL },
    { "uniqueItems",          FORM_FLAG,        ARRAYS,  judge_unique, NULL },
    { "prefixItems",          FORM_SCHEMAS,     ARRAYS,  judge_prefix, NULL },
    { "contains",             FORM_SCHEMA,      ARRAYS,  judge_contains, NULL },
    { "minContains",          FORM_COUNT,       0,       NULL, NULL },
    { "maxContains",          FORM_COUNT,       0,       NULL, NULL },
    { "minProperties",        FORM_COUNT,       OBJECTS, judge_least, NULL },
    { "maxProperties",        FORM_COUNT,       OBJECTS, judge_most, NULL },
    { "patternProperties",    FORM_PATTERN_MAP, OBJECTS, judge_patterns, NULL },
    { "propertyNames",        FORM_SCHEMA,      OBJECTS, judge_names, NULL },
    { "dependentRequired",    FORM_NAMES_MAP,   OBJECTS, judge_dependent_required, NULL },
    { "dependentSchemas",     FORM_SCHEMA_MAP,  OBJECTS, judge_dependent_schemas, NULL },
    { "allOf",                FORM_SCHEMAS,     0,       judge_all, NULL },
    { "anyOf",                FORM_SCHEMAS,     0,       judge_any, NULL },
    { "oneOf",                FORM_SCHEMAS,     0,       judge_one, NULL },
    { "not",                  FORM_SCHEMA,      0,       judge_not, NULL },
    { "if",                   FORM_SCHEMA,      0,       judge_if, NULL },
    { "then",                 FORM_SCHEMA,      0,       NULL, NULL },
    { "else",                 FORM_SCHEMA,      0,       NULL, NULL },
    { "$defs",                FORM_SCHEMA_MAP,  0,       NULL, NULL },
    { "definitions",          FORM_SCHEMA_MAP,  0,       NULL, NULL },
    { "$schema",              FORM_DIALECT,     0,       NULL, NULL },
    { "$id",                  FORM_ID,          0,       NULL, NULL },
    { "$comment",             FORM_TEXT,        0,       NULL, NULL },
    { "examples",             FORM_VALUES,      0,       NULL, NULL },
    { "deprecated",           FORM_FLAG,        0,       NULL, NULL },
    { "readOnly",             FORM_FLAG,        0,       NULL, NULL },
    { "writeOnly",            FORM_FLAG,        0,       NULL, NULL },
    { "contentEncoding",      FORM_TEXT,        0,       NULL, NULL },
    { "contentMediaType",     FORM_TEXT,        0,       NULL, NULL },
    { "contentSchema",        FORM_SCHEMA,      0,       NULL, NULL },
    { "unevaluatedItems",     FORM_REFUSED,     0,       NULL, remembers },
    { "unevaluatedProperties", FORM_REFUSED,    0,       NULL, remembers },
    { "$anchor",              FORM_REFUSED,     0,       NULL, "refer to #/$defs/NAME" },
    { "$dynamicRef",          FORM_REFUSED,     0,       NULL, "use $ref" },
    { "$dynamicAnchor",       FORM_REFUSED,     0,       NULL, "refer to #/$defs/NAME" },
    { "$recursiveRef",        FORM_REFUSED,     0,       NULL, "use $ref" },
    { "$recursiveAnchor",     FORM_REFUSED,     0,       NULL, "refer to #/$defs/NAME" },
    { "$vocabulary",          FORM_REFUSED,     0,       NULL, elsewhere },
    { "additionalItems",      FORM_REFUSED,     0,       NULL, "use items, behind prefixItems" },
    { "dependencies",         FORM_REFUSED,     0,       NULL, "use dependentRequired or dependentSchemas" },
    { "nullable",             FORM_REFUSED,     0,       NULL, "use type: [string, \"null\"]" },
    { "example",              FORM_REFUSED,     0,       NULL, "use examples: [...]" },
};
/* clang-format on */

const struct keyword *
keyword_find(struct bytes name)
{
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (bytes_equal(name, text(keywords[i].name)))
            return &keywords[i];
    return NULL;
}

const char *
keyword_nearest(struct bytes name)
{
    struct nearest nearest = { 0 };
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (keywords[i].form != FORM_REFUSED)
            nearest_try(&nearest, name, keywords[i].name);
    return nearest.word;
}
