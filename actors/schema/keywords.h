/* keywords - the words of a schema: what stands behind each, and how it judges. */
#ifndef ACTORS_SCHEMA_KEYWORDS_H
#define ACTORS_SCHEMA_KEYWORDS_H
#include "actors/schema/judging.h"

/* What may stand behind a keyword. */
enum keyword_form {
    FORM_ANY,
    FORM_SCHEMA,
    FORM_SCHEMAS,     /* a list, not empty */
    FORM_SCHEMA_MAP,  /* name → schema */
    FORM_PATTERN_MAP, /* pattern → schema */
    FORM_TYPES,       /* a name, or a list of names */
    FORM_VALUES,      /* a list */
    FORM_NUMBER,
    FORM_POSITIVE,
    FORM_COUNT,
    FORM_FLAG,
    FORM_TEXT,
    FORM_PATTERN,
    FORM_NAMES,     /* a list of texts */
    FORM_NAMES_MAP, /* name → list of texts */
    FORM_REFERENCE,
    FORM_DIALECT, /* of $schema */
    FORM_ID,      /* only of the whole */
    FORM_REFUSED, /* known, and not supported */
};

/* A schema that is a map, the argument of one of its keywords, and a place: does the
 * value fit?  Tells every mistake, if mistakes are wanted. */
typedef bool judge_fn(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at);

struct keyword {
    const char *name;
    enum keyword_form form;
    unsigned types;  /* bits of enum pack_type that it is about; 0: all */
    judge_fn *judge; /* NULL: it only describes, or another one reads it */
    const char *hint;
};

/* NULL if there is none. */
const struct keyword *keyword_find(struct bytes name);
/* The known name that was probably meant, or NULL. */
const char *keyword_nearest(struct bytes name);

/* Does the value at a place fit a schema? */
bool judge(struct judging *j, struct bytes schema, struct place *at);
/* The same, without telling mistakes. */
bool judge_quietly(struct judging *j, struct bytes schema, struct place *at);

judge_fn judge_type, judge_enum, judge_const, judge_minimum, judge_maximum, judge_above,
    judge_below, judge_multiple, judge_min_length, judge_max_length, judge_pattern;
judge_fn judge_prefix, judge_items, judge_contains, judge_unique, judge_properties,
    judge_patterns, judge_additional, judge_names, judge_required,
    judge_dependent_required, judge_dependent_schemas;
judge_fn judge_least, judge_most; /* of items and of members */
judge_fn judge_all, judge_any, judge_one, judge_not, judge_if, judge_reference;
#endif
