/* form - what a map of an automation may hold, as tables.
 *
 * A form is a list of rules; reading a map by a form tells every mistake in it and
 * fills an answer for each rule's slot.  A new key is a new row.
 */
#ifndef ACTORS_PLAN_FORM_H
#define ACTORS_PLAN_FORM_H
#include "actors/plan/templates.h"

enum rule_type {
    RULE_LINE,      /* text of min to max bytes without control characters */
    RULE_PROSE,     /* the same with line ends; without `names` taken literally */
    RULE_COMMAND,   /* text of min to max bytes of any kind, taken literally */
    RULE_KEY,       /* 1 to max of [A-Za-z0-9._-] */
    RULE_WORD,      /* 1 to max bytes without spaces and control characters */
    RULE_KEY_PATH,  /* the same with slashes between keys: acme/api */
    RULE_CONDITION, /* an expression that is true or false, as text */
    RULE_FLAG,      /* true or false, as number */
    RULE_COUNT,     /* number from min to max */
    RULE_AMOUNT, /* number that is not negative, with a fraction or without: the node */
    RULE_PERCENT,  /* number from 0 to max, with % or without */
    RULE_DURATION, /* number of ms from min to max */
    RULE_CHOICE,   /* number of one of `choices` */
    RULE_LIST,     /* the node is the answer */
    RULE_MAP,      /* the node is the answer: a map, or a template that gives one */
    RULE_ANY,      /* the node is the answer */
    RULE_FORM,     /* a map of `form`, which answers in the same slots */
    RULE_LATER,    /* known, but not supported by this release */
};

enum { CHOICE_LATER = UINT32_MAX };

struct choice {
    const char *word;
    uint32_t number; /* CHOICE_LATER: known, but not supported by this release */
};

struct rule {
    const char *key;
    enum rule_type type;
    uint8_t slot;
    uint64_t min, max;
    enum names names;             /* of what templates in the value may speak */
    const struct choice *choices; /* ends with a word of NULL */
    const struct form *form;      /* of RULE_FORM; else: a map of it will do too */
    const char *required;         /* NULL, or what is expected where it is missing */
    const char *hint;             /* NULL, or what to do where it is not supported */
};

/* What becomes of a key that no rule knows. */
enum form_others {
    OTHERS_REFUSED,
    OTHERS_PASSED, /* passed over */
    OTHERS_NEAR,   /* refused if it is near a known one, else passed over */
};

struct form {
    const struct rule *rules;
    size_t count;
    const struct form *also; /* whose rules hold too; or NULL */
    enum form_others others;
};

/* Rules as rows of a table: a value of any text; a name of a step, a queue, an action
 * …; a line for people; a text with templates. */
#define WANTED(key_, type_, slot_)                                                     \
    {                                                                                  \
        .key = key_, .type = type_, .slot = slot_                                      \
    }
#define NAMED(key_, type_, slot_)                                                      \
    {                                                                                  \
        .key = key_, .type = type_, .slot = slot_, .min = 1, .max = PLAN_KEY_MAX       \
    }
#define LINE(key_, slot_)                                                              \
    {                                                                                  \
        .key = key_, .type = RULE_LINE, .slot = slot_, .min = 1, .max = PLAN_NAME_MAX  \
    }
#define TEMPLATED(key_, type_, slot_, max_, names_)                                    \
    {                                                                                  \
        .key = key_, .type = type_, .slot = slot_, .min = 1, .max = max_,              \
        .names = names_                                                                \
    }
#define MAPPED(key_, slot_)                                                            \
    {                                                                                  \
        .key = key_, .type = RULE_MAP, .slot = slot_, .names = NAMES_STEP              \
    }
#define CONDITION(key_, slot_, names_)                                                 \
    {                                                                                  \
        .key = key_, .type = RULE_CONDITION, .slot = slot_, .names = names_            \
    }
#define CHOOSE(key_, slot_, choices_)                                                  \
    {                                                                                  \
        .key = key_, .type = RULE_CHOICE, .slot = slot_, .choices = choices_           \
    }
/* A whole number from 1; a duration from `min_`. */
#define COUNTED(key_, slot_, max_)                                                     \
    {                                                                                  \
        .key = key_, .type = RULE_COUNT, .slot = slot_, .min = 1, .max = max_          \
    }
#define SPAN(key_, slot_, min_, max_)                                                  \
    {                                                                                  \
        .key = key_, .type = RULE_DURATION, .slot = slot_, .min = min_, .max = max_    \
    }
#define WITHIN(key_, slot_, form_)                                                     \
    {                                                                                  \
        .key = key_, .type = RULE_FORM, .slot = slot_, .form = form_                   \
    }
#define LATER(key_, hint_)                                                             \
    {                                                                                  \
        .key = key_, .type = RULE_LATER, .hint = hint_                                 \
    }
#define FORM(rules)                                                                    \
    {                                                                                  \
        rules, COUNT(rules), NULL, OTHERS_REFUSED                                      \
    }
#define FORM_AND(rules, also)                                                          \
    {                                                                                  \
        rules, COUNT(rules), also, OTHERS_REFUSED                                      \
    }

/* What name##_rules allow may lie in `config` or beside the keys of `also`: both as
 * name##_form. */
#define FORM_WITH_CONFIG(name, slot_, also)                                            \
    static const struct form name##_config = FORM(name##_rules);                       \
    static const struct rule name##_config_rule[] = {                                  \
        WITHIN("config", slot_, &name##_config),                                       \
    };                                                                                 \
    static const struct form name##_flat = FORM_AND(name##_rules, also);               \
    static const struct form name##_form = FORM_AND(name##_config_rule, &name##_flat)

/* Keys that answer in the same slot are other names of each other: one may be given. */
struct answer {
    const struct node *at; /* NULL: not given */
    bool good;             /* given, and what was expected */
    bool templated;        /* text is a template that gives it; number is zero */
    struct bytes text;
    uint64_t number;
};

void form_read(struct reading *r, const struct node *map, const struct form *form,
    struct answer *answers);
/* Read one value by one rule; a mistake leaves it not good. */
struct answer
rule_read(struct reading *r, const struct node *node, const struct rule *rule);
/* The value of `key`, or NULL: it is not there, or null says that it is not given. */
const struct node *given_find(const struct node *map, const char *key);
/* Tell that `node` should have been `expected`. */
void mistake_expected(struct reading *r, const struct node *node, const char *expected);
/* 1 to PLAN_KEY_MAX of [A-Za-z0-9._-]? */
bool key_valid(struct bytes text);
/* Letters, digits and underscores, of which the first is no digit? */
bool name_valid(struct bytes text);
#endif
