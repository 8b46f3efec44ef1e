#include "actors/plan/form.h"

#include "actors/plan/scalar.h"
#include "base/duration.h"
#include "base/nearest.h"
#include "base/pack.h"

#include <assert.h>
#include <stdio.h>

enum { PHRASE_SIZE = 200 };

/* Is this byte of a text allowed? */
typedef bool fits(uint8_t b);

static bool
in_line(uint8_t b)
{
    return b >= 0x20 && b != 0x7f;
}

static bool
in_prose(uint8_t b)
{
    return in_line(b) || b == '\n' || b == '\t';
}

static bool
in_command(uint8_t b)
{
    return b != 0;
}

static bool
in_word(uint8_t b)
{
    return in_line(b) && b != ' ';
}

static bool
in_key(uint8_t b)
{
    uint8_t lower = b | 0x20;
    return (lower >= 'a' && lower <= 'z') || (b >= '0' && b <= '9') || b == '.'
           || b == '_' || b == '-';
}

static bool
all_fit(struct bytes text, fits *fit)
{
    for (size_t i = 0; i < text.size; i++)
        if (!fit(text.data[i]))
            return false;
    return true;
}

static bool
in_key_path(uint8_t b)
{
    return in_key(b) || b == '/';
}

bool
key_valid(struct bytes text)
{
    return text.size >= 1 && text.size <= PLAN_KEY_MAX && all_fit(text, in_key);
}

bool
name_valid(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t b = text.data[i] | 0x20;
        bool letter = (b >= 'a' && b <= 'z') || text.data[i] == '_';
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (!letter && (i == 0 || !digit))
            return false;
    }
    return text.size > 0;
}

/* Fill `a` from a scalar; false if it is not what the rule expects. */
typedef bool take(const struct rule *rule, const struct node *node, struct answer *a);

static bool
take_text(const struct rule *rule, const struct node *node, fits *fit, struct answer *a)
{
    a->text = node->text;
    return scalar_read(node).type == SCALAR_TEXT && node->text.size >= rule->min
           && node->text.size <= rule->max && all_fit(node->text, fit);
}

static bool
take_line(const struct rule *rule, const struct node *node, struct answer *a)
{
    return take_text(rule, node, in_line, a);
}

static bool
take_prose(const struct rule *rule, const struct node *node, struct answer *a)
{
    return take_text(rule, node, in_prose, a);
}

static bool
take_command(const struct rule *rule, const struct node *node, struct answer *a)
{
    return take_text(rule, node, in_command, a);
}

static bool
take_key(const struct rule *rule, const struct node *node, struct answer *a)
{
    return take_text(rule, node, in_key, a);
}

static bool
take_key_path(const struct rule *rule, const struct node *node, struct answer *a)
{
    return take_text(rule, node, in_key_path, a);
}

static bool
take_word(const struct rule *rule, const struct node *node, struct answer *a)
{
    return take_text(rule, node, in_word, a);
}

static bool
take_condition(const struct rule *rule, const struct node *node, struct answer *a)
{
    (void)rule;
    enum scalar_type type = scalar_read(node).type;
    a->text = node->text;
    return (type == SCALAR_TEXT || type == SCALAR_FLAG) && node->text.size > 0;
}

static bool
take_flag(const struct rule *rule, const struct node *node, struct answer *a)
{
    (void)rule;
    struct scalar s = scalar_read(node);
    a->number = s.flag;
    return s.type == SCALAR_FLAG;
}

static bool
take_count(const struct rule *rule, const struct node *node, struct answer *a)
{
    struct scalar s = scalar_read(node);
    a->number = s.whole;
    return s.type == SCALAR_WHOLE && (!s.negative || s.whole == 0)
           && s.whole >= rule->min && s.whole <= rule->max;
}

static bool
take_amount(const struct rule *rule, const struct node *node, struct answer *a)
{
    (void)rule;
    (void)a;
    struct scalar s = scalar_read(node);
    return (s.type == SCALAR_WHOLE && (!s.negative || s.whole == 0))
           || (s.type == SCALAR_REAL && s.real >= 0);
}

static bool
take_percent(const struct rule *rule, const struct node *node, struct answer *a)
{
    struct node number = *node;
    if (number.text.size > 1 && number.text.data[number.text.size - 1] == '%') {
        number.text.size--;
        number.plain = true;
    }
    return take_count(rule, &number, a);
}

static bool
take_duration(const struct rule *rule, const struct node *node, struct answer *a)
{
    return duration_read(node->text, &a->number) && a->number >= rule->min
           && a->number <= rule->max;
}

static bool
take_choice(const struct rule *rule, const struct node *node, struct answer *a)
{
    for (const struct choice *c = rule->choices; c->word != NULL; c++)
        if (bytes_equal(node->text, text(c->word))) {
            a->number = c->number;
            return true;
        }
    return false;
}

/* Writes what a rule expects, such as "a whole number from 1 to 100". */
typedef void phrase(const struct rule *rule, char out[PHRASE_SIZE]);

static void
phrase_text(const struct rule *rule, char out[PHRASE_SIZE])
{
    snprintf(out, PHRASE_SIZE, "%s of %llu to %llu bytes",
        rule->type == RULE_LINE ? "one line of text" : "text",
        (unsigned long long)rule->min, (unsigned long long)rule->max);
}

static void
phrase_key(const struct rule *rule, char out[PHRASE_SIZE])
{
    snprintf(out, PHRASE_SIZE, "1 to %llu letters, digits, dots, dashes or underscores",
        (unsigned long long)rule->max);
}

static void
phrase_key_path(const struct rule *rule, char out[PHRASE_SIZE])
{
    snprintf(out, PHRASE_SIZE,
        "1 to %llu letters, digits, dots, dashes, underscores or slashes",
        (unsigned long long)rule->max);
}

static void
phrase_word(const struct rule *rule, char out[PHRASE_SIZE])
{
    snprintf(out, PHRASE_SIZE, "text of 1 to %llu bytes without spaces",
        (unsigned long long)rule->max);
}

static void
phrase_condition(const struct rule *rule, char out[PHRASE_SIZE])
{
    (void)rule;
    snprintf(out, PHRASE_SIZE, "a condition, such as \"inputs.count > 3\"");
}

static void
phrase_flag(const struct rule *rule, char out[PHRASE_SIZE])
{
    (void)rule;
    snprintf(out, PHRASE_SIZE, "true or false");
}

static void
phrase_count(const struct rule *rule, char out[PHRASE_SIZE])
{
    snprintf(out, PHRASE_SIZE, "a whole number from %llu to %llu",
        (unsigned long long)rule->min, (unsigned long long)rule->max);
}

static void
phrase_amount(const struct rule *rule, char out[PHRASE_SIZE])
{
    (void)rule;
    snprintf(out, PHRASE_SIZE, "a number from 0");
}

static void
phrase_percent(const struct rule *rule, char out[PHRASE_SIZE])
{
    snprintf(out, PHRASE_SIZE, "a percentage from 0%% to %llu%%",
        (unsigned long long)rule->max);
}

static void
phrase_duration(const struct rule *rule, char out[PHRASE_SIZE])
{
    char min[DURATION_TEXT_SIZE], max[DURATION_TEXT_SIZE];
    duration_print(rule->min, min);
    duration_print(rule->max, max);
    snprintf(out, PHRASE_SIZE,
        "a duration from %s to %s, such as \"1h30m\" or \"500ms\"", min, max);
}

static void
phrase_choice(const struct rule *rule, char out[PHRASE_SIZE])
{
    bool several =
        rule->choices[1].word != NULL && rule->choices[1].number != CHOICE_LATER;
    const char *before = several ? "one of " : "";
    int used = 0;
    out[0] = '\0';
    for (const struct choice *c = rule->choices; c->word != NULL; c++) {
        assert(used < PHRASE_SIZE);
        if (c->number == CHOICE_LATER)
            continue;
        used +=
            snprintf(out + used, PHRASE_SIZE - (size_t)used, "%s%s", before, c->word);
        before = ", ";
    }
}

static void
phrase_list(const struct rule *rule, char out[PHRASE_SIZE])
{
    (void)rule;
    snprintf(out, PHRASE_SIZE, "a list");
}

static void
phrase_map(const struct rule *rule, char out[PHRASE_SIZE])
{
    (void)rule;
    snprintf(out, PHRASE_SIZE, "a map");
}

static const struct {
    take *take; /* NULL: does not take scalars */
    phrase *phrase;
} types[] = {
    [RULE_LINE] = { take_line, phrase_text },
    [RULE_PROSE] = { take_prose, phrase_text },
    [RULE_COMMAND] = { take_command, phrase_text },
    [RULE_KEY] = { take_key, phrase_key },
    [RULE_KEY_PATH] = { take_key_path, phrase_key_path },
    [RULE_WORD] = { take_word, phrase_word },
    [RULE_CONDITION] = { take_condition, phrase_condition },
    [RULE_FLAG] = { take_flag, phrase_flag },
    [RULE_COUNT] = { take_count, phrase_count },
    [RULE_AMOUNT] = { take_amount, phrase_amount },
    [RULE_PERCENT] = { take_percent, phrase_percent },
    [RULE_DURATION] = { take_duration, phrase_duration },
    [RULE_CHOICE] = { take_choice, phrase_choice },
    [RULE_LIST] = { NULL, phrase_list },
    [RULE_MAP] = { NULL, phrase_map },
    [RULE_ANY] = { NULL, NULL },
    [RULE_FORM] = { NULL, phrase_map },
    [RULE_LATER] = { NULL, NULL },
};

/* What was found instead, such as: the number 5. */
static void
found(const struct node *node, char out[PHRASE_SIZE])
{
    if (node->type != NODE_SCALAR) {
        snprintf(out, PHRASE_SIZE, "%s", node->type == NODE_LIST ? "a list" : "a map");
        return;
    }
    enum scalar_type type = scalar_read(node).type;
    if (type == SCALAR_NULL)
        snprintf(out, PHRASE_SIZE, "nothing");
    else if (type == SCALAR_TEXT || type == SCALAR_REFUSED)
        snprintf(out, PHRASE_SIZE, "%s", quoted(node->text).text);
    else
        snprintf(out, PHRASE_SIZE, "%s%.*s", type == SCALAR_FLAG ? "" : "the number ",
            (int)(node->text.size < 40 ? node->text.size : 40),
            (const char *)node->text.data);
}

void
mistake_expected(struct reading *r, const struct node *node, const char *expected)
{
    char instead[PHRASE_SIZE];
    found(node, instead);
    mistake_at(r, node, "expected %s, found %s", expected, instead);
}

static void
wrong_value(struct reading *r, const struct rule *rule, const struct node *node)
{
    char expected[PHRASE_SIZE];
    struct nearest near = { 0 };
    types[rule->type].phrase(rule, expected);
    bool is_text = node->type == NODE_SCALAR;
    if (is_text && rule->type == RULE_CHOICE)
        for (const struct choice *c = rule->choices; c->word != NULL; c++)
            nearest_try(&near, node->text, c->word);
    if (near.word != NULL) {
        mistake_at(r, node, "expected %s, found %s: did you mean %s?", expected,
            quoted(node->text).text, near.word);
        return;
    }
    bool unquoted = is_text && node->plain && rule->type <= RULE_WORD
                    && scalar_read(node).type != SCALAR_TEXT
                    && scalar_read(node).type != SCALAR_NULL;
    if (unquoted) {
        mistake_at(r, node, "expected %s, found %s without quotes: quote it", expected,
            quoted(node->text).text);
        return;
    }
    mistake_expected(r, node, expected);
}

static void
not_supported(struct reading *r, const struct rule *rule, const struct node *node)
{
    const char *hint = rule->hint == NULL ? "" : rule->hint;
    if (rule->type == RULE_LATER)
        mistake_at_key(r, node, "%s is not supported by this release%s%s",
            quoted(node->key).text, *hint != '\0' ? ": " : "", hint);
    else
        mistake_at(r, node, "%s %s is not supported by this release", rule->key,
            quoted(node->text).text);
}

/* A text with a template where one may stand: noted, to be checked with all others. */
static struct answer
template_take(struct reading *r, const struct node *node, const struct rule *rule)
{
    struct answer a = { .at = node, .text = node->text, .templated = true };
    bool text = rule->type <= RULE_WORD;
    if (text && node->text.size > rule->max)
        wrong_value(r, rule, node);
    else
        a.good = true;
    template_note(r, node, EXPRESSION_TEMPLATE, rule->names);
    return a;
}

static struct answer
scalar_take(struct reading *r, const struct node *node, const struct rule *rule)
{
    struct answer a = { .at = node };
    bool template = expression_in(node->text);
    if (template && rule->names != NAMES_NONE && rule->type != RULE_CONDITION)
        return template_take(r, node, rule);
    bool literal = rule->type == RULE_PROSE || rule->type == RULE_COMMAND
                   || rule->type == RULE_CONDITION;
    if (template && !literal)
        mistake_at(
            r, node, "expected no template here, found %s", quoted(node->text).text);
    else if (!types[rule->type].take(rule, node, &a))
        wrong_value(r, rule, node);
    else if (rule->type == RULE_CHOICE && a.number == CHOICE_LATER)
        not_supported(r, rule, node);
    else
        a.good = true;
    if (a.good && rule->type == RULE_CONDITION)
        template_note(r, node, EXPRESSION_CONDITION, rule->names);
    return a;
}

struct answer
rule_read(struct reading *r, const struct node *node, const struct rule *rule)
{
    struct answer a = { .at = node };
    if (node->type == NODE_REFUSED)
        return a;
    bool list = rule->type == RULE_LIST && node->type == NODE_LIST;
    bool map =
        (rule->type == RULE_MAP || rule->type == RULE_FORM) && node->type == NODE_MAP;
    if (node->type == NODE_SCALAR && types[rule->type].take != NULL)
        return scalar_take(r, node, rule);
    bool given = rule->type == RULE_MAP && rule->names != NAMES_NONE
                 && node->type == NODE_SCALAR && expression_in(node->text);
    a.good = list || map || given || rule->type == RULE_ANY;
    if (!a.good)
        wrong_value(r, rule, node);
    return a;
}

static const struct rule *
rule_of(const struct form *form, struct bytes key)
{
    for (; form != NULL; form = form->also)
        for (size_t i = 0; i < form->count; i++)
            if (bytes_equal(key, text(form->rules[i].key)))
                return &form->rules[i];
    return NULL;
}

static enum form_others
others_of(const struct form *form)
{
    enum form_others others = OTHERS_REFUSED;
    for (; form != NULL; form = form->also)
        if (form->others > others)
            others = form->others;
    return others;
}

static void
unknown_key(struct reading *r, const struct node *node, const struct form *form)
{
    struct nearest near = { 0 };
    enum form_others others = others_of(form);
    if (others == OTHERS_PASSED)
        return;
    if (others == OTHERS_NEAR || mistake_wanted(r, node->key_at))
        for (const struct form *f = form; f != NULL; f = f->also)
            for (size_t i = 0; i < f->count; i++)
                nearest_try(&near, node->key, f->rules[i].key);
    if (others == OTHERS_REFUSED && mistake_wanted(r, node->key_at))
        for (const struct form *f = form; f != NULL; f = f->also)
            for (size_t i = 0; i < f->count; i++)
                nearest_part_try(&near, node->key, f->rules[i].key);
    if (near.word != NULL)
        mistake_at_key(r, node, "unknown key %s: did you mean \"%s\"?",
            quoted(node->key).text, near.word);
    else if (others == OTHERS_REFUSED)
        mistake_at_key(r, node, "unknown key %s", quoted(node->key).text);
}

/* `null` says that something is not given; a value that was forgotten does not. */
static bool
null_given(const struct node *node)
{
    return node->type == NODE_SCALAR && node->text.size > 0
           && scalar_read(node).type == SCALAR_NULL;
}

const struct node *
given_find(const struct node *map, const char *key)
{
    const struct node *node = tree_find(map, key);
    return node == NULL || null_given(node) ? NULL : node;
}

/* An empty list or map asks for nothing. */
static bool
nothing_asked(const struct node *node)
{
    return (node->type == NODE_LIST || node->type == NODE_MAP) && node->first == NULL;
}

static void
entry_read(struct reading *r, const struct node *node, const struct rule *rule,
    struct answer *answers)
{
    if (null_given(node))
        return;
    if (rule->type == RULE_LATER) {
        if (!nothing_asked(node))
            not_supported(r, rule, node);
        return;
    }
    struct answer *a = &answers[rule->slot];
    bool inside = rule->form != NULL && node->type == NODE_MAP;
    if (a->at != NULL) {
        mistake_at_key(r, node, "%s is given here and on line %u: expected one of them",
            quoted(node->key).text, a->at->key_at.line);
        return;
    }
    if (inside && rule->type != RULE_FORM) {
        form_read(r, node, rule->form, answers);
        return;
    }
    *a = rule_read(r, node, rule);
    if (inside)
        form_read(r, node, rule->form, answers);
}

void
form_read(struct reading *r, const struct node *map, const struct form *form,
    struct answer *answers)
{
    assert(map->type == NODE_MAP);
    for (const struct node *node = map->first; node != NULL; node = node->next) {
        const struct rule *rule = rule_of(form, node->key);
        if (rule == NULL)
            unknown_key(r, node, form);
        else
            entry_read(r, node, rule, answers);
    }
    for (const struct form *f = form; f != NULL; f = f->also)
        for (size_t i = 0; i < f->count; i++) {
            const struct rule *rule = &f->rules[i];
            if (rule->required != NULL && answers[rule->slot].at == NULL)
                mistake_missing(
                    r, map, rule->key, "missing: expected %s", rule->required);
        }
}
