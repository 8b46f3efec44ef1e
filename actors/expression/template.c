#include "actors/expression/template.h"

#include "actors/expression/infix.h"
#include "actors/expression/lexer.h"
#include "actors/expression/operators.h"
#include "actors/expression/prefix.h"
#include "actors/expression/sorting.h"

#include <stdio.h>

/* What ended a block; the token behind the word is read. */
enum stop { STOP_TEXT, STOP_END, STOP_ELSE };

static enum stop block(struct evaluation *e);

/* What is put back when a block ends. */
struct outside {
    struct bytes dot;
    bool inside;
    size_t variable_count;
};

static struct outside
outside_of(const struct evaluation *e)
{
    return (struct outside){ e->dot, e->inside, e->variable_count };
}

static void
back_outside(struct evaluation *e, const struct outside *outside)
{
    e->dot = outside->dot;
    e->inside = outside->inside;
    e->variable_count = outside->variable_count;
}

size_t
template_find(struct bytes in, size_t from, size_t *size)
{
    while (from + 1 < in.size) {
        const uint8_t *brace = memchr(in.data + from, '{', in.size - from - 1);
        if (brace == NULL)
            break;
        from = (size_t)(brace - in.data);
        if (in.data[from + 1] != '{') {
            from++;
            continue;
        }
        bool dollar = from > 0 && in.data[from - 1] == '$';
        *size = dollar ? 3 : 2;
        return dollar ? from - 1 : from;
    }
    *size = 0;
    return in.size;
}

/* The text up to the next template, without the white space that - takes away. */
static void
literal(struct evaluation *e, size_t to, bool trims_right)
{
    size_t from = e->at, end = to;
    if (e->trims)
        while (from < end && is_space(e->text.data[from]))
            from++;
    if (trims_right)
        while (end > from && is_space(e->text.data[end - 1]))
            end--;
    e->trims = false;
    charge_look(e, bytes_of(e->text.data + e->at, to - e->at));
    put(e, bytes_of(e->text.data + from, end - from));
}

/* A block that is evaluated only if it is meant. */
static enum stop
arm(struct evaluation *e, bool meant)
{
    bool dry = live(e) && !meant;
    struct outside outside = outside_of(e);
    e->dry += dry;
    enum stop stop = block(e);
    e->dry -= dry;
    back_outside(e, &outside);
    return stop;
}

static void
unclosed(struct evaluation *e, size_t at, const char *word)
{
    fail(e, ERR_MALFORMED, at, "this %s has no {{ end }}", word);
}

static void
if_read(struct evaluation *e, size_t at)
{
    bool done = false, last = false;
    next(e);
    bool holds = truth_of(prefix_read(e));
    for (;;) {
        expect_end(e);
        enum stop stop = arm(e, holds && !done);
        done |= holds;
        if (stop == STOP_TEXT)
            unclosed(e, at, "if");
        if (stop != STOP_ELSE || failed(e))
            return;
        if (last)
            fail(e, ERR_MALFORMED, e->token.at, "a second else");
        last = !word_is(e, TOKEN_NAME, "if");
        holds = true;
        if (!last) {
            next(e);
            e->dry += done;
            holds = truth_of(prefix_read(e));
            e->dry -= done;
        }
    }
}

/* $index, $item := */
struct names {
    struct bytes first, second; /* second only, if there is one name */
};

static struct bytes
declared(struct evaluation *e)
{
    struct bytes name = e->token.text;
    if (e->token.type != TOKEN_VARIABLE || name.size < 2)
        fail(e, ERR_MALFORMED, e->token.at, "a $name was expected");
    next(e);
    return name;
}

/* Is `$name :=` or `$a, $b :=` next?  Nothing is passed over if it is not. */
static bool
names_read(struct evaluation *e, struct names *names, bool pair)
{
    size_t at = e->at;
    struct token token = e->token;
    *names = (struct names){ 0 };
    if (token.type != TOKEN_VARIABLE)
        return false;
    next(e);
    if (pair && sign_is(e, ",")) {
        next(e);
        names->first = token.text;
        names->second = declared(e);
    } else if (sign_is(e, ":=")) {
        names->second = token.text;
    } else {
        if (!failed(e)) {
            e->at = at;
            e->token = token;
        }
        return false;
    }
    expect(e, ":=");
    return true;
}

static void
with_read(struct evaluation *e, size_t at)
{
    struct names names;
    struct outside outside = outside_of(e);
    next(e);
    bool named = names_read(e, &names, false);
    struct bytes value = prefix_read(e);
    bool holds = truth_of(value);
    expect_end(e);
    if (named)
        variable_set(e, names.second, value);
    e->dot = value;
    e->inside = true;
    enum stop stop = arm(e, holds);
    back_outside(e, &outside);
    if (stop == STOP_ELSE) {
        expect_end(e);
        stop = arm(e, !holds);
        if (stop == STOP_ELSE)
            fail(e, ERR_MALFORMED, e->token.at, "a second else");
    }
    if (stop == STOP_TEXT)
        unclosed(e, at, "with");
}

/* What a range goes over, as one list of keys and values. */
struct course {
    struct cursor items;
    size_t count;
    struct sortable *pairs; /* of a map; NULL: of a list */
};

static void
course_of(struct evaluation *e, struct bytes value, size_t at, struct course *course)
{
    struct number number;
    *course = (struct course){ 0 };
    if (!live(e) || is_nil(value))
        return;
    if (type_of(value) == PACK_MAP) {
        course->pairs = pairs_sorted(e, value, &course->count);
        return;
    }
    if (number_of(value, &number) && number.whole)
        value = operate_range(e, at, 0, number.integer - 1, 1);
    if (!live(e))
        return;
    course->items = cursor_over(value);
    if (type_of(value) != PACK_ARRAY)
        fail(e, ERR_INVALID, at, "range wants a list, a map or a whole number, not %s",
            type_sentence(value));
    else
        course->count = cursor_array(&course->items);
}

/* One round; the same text each time. */
static enum stop
turn(struct evaluation *e, const struct names *names, struct course *course, size_t i)
{
    struct bytes item, key;
    struct outside outside = outside_of(e);
    if (course->pairs != NULL) {
        key = course->pairs[i].by;
        item = course->pairs[i].value;
    } else {
        key = value_whole(e, (wide)i);
        item = cursor_skip(&course->items);
    }
    if (names->first.size > 0)
        variable_set(e, names->first, key);
    if (names->second.size > 0)
        variable_set(e, names->second, item);
    e->dot = item;
    e->inside = true;
    enum stop stop = block(e);
    back_outside(e, &outside);
    return stop;
}

/* Names are known in a body that nobody goes through, too. */
static enum stop
no_round(struct evaluation *e, const struct names *names)
{
    struct outside outside = outside_of(e);
    if (names->first.size > 0)
        variable_set(e, names->first, (struct bytes){ 0 });
    if (names->second.size > 0)
        variable_set(e, names->second, (struct bytes){ 0 });
    e->inside = true;
    enum stop stop = arm(e, false);
    back_outside(e, &outside);
    return stop;
}

static void
range_read(struct evaluation *e, size_t at)
{
    struct names names;
    struct course course;
    next(e);
    names_read(e, &names, true);
    size_t value_at = e->token.at;
    struct bytes value = prefix_read(e);
    expect_end(e);
    charge_look(e, value);
    course_of(e, value, value_at, &course);
    size_t body = e->at;
    bool trims = e->trims;
    enum stop stop = STOP_END;
    for (size_t i = 0; i < course.count && !failed(e); i++) {
        e->at = body;
        e->trims = trims;
        stop = turn(e, &names, &course, i);
    }
    if (course.count == 0)
        stop = no_round(e, &names);
    if (stop == STOP_ELSE) {
        expect_end(e);
        stop = arm(e, course.count == 0);
        if (stop == STOP_ELSE)
            fail(e, ERR_MALFORMED, e->token.at, "a second else");
    }
    if (stop == STOP_TEXT)
        unclosed(e, at, "range");
}

/* A value, or $name := value, which says nothing. */
static void
value_read(struct evaluation *e, size_t from)
{
    struct names names;
    bool named = e->prefix && names_read(e, &names, false);
    struct bytes value = e->prefix ? prefix_read(e) : infix_read(e);
    expect_end(e);
    if (named)
        variable_set(e, names.second, value);
    else if (from == 0 && e->at == e->text.size && live(e))
        e->whole = value;
    else
        put_rendered(e, value);
}

/* comment, with the slash and star it begins with */
static bool
comment(struct evaluation *e)
{
    static const uint8_t end[] = { '*', '/' };
    size_t at = e->at;
    while (at < e->text.size && is_space(e->text.data[at]))
        at++;
    if (e->text.size - at < 2 || memcmp(e->text.data + at, "/*", 2) != 0)
        return false;
    const uint8_t *found =
        memmem(e->text.data + at + 2, e->text.size - at - 2, end, sizeof end);
    if (found == NULL) {
        fail(e, ERR_MALFORMED, at, "a comment without its */");
        return true;
    }
    charge(e, (size_t)(found - e->text.data) - e->at);
    e->at = (size_t)(found - e->text.data) + sizeof end;
    next(e);
    expect_end(e);
    return true;
}

static const char *const unsupported[] = { "define", "template", "block", "break",
    "continue" };

/* The words of one template.  Does it end the block? */
static bool
action(struct evaluation *e, size_t from, enum stop *stop)
{
    static const struct {
        const char *word;
        void (*read)(struct evaluation *e, size_t at);
    } blocks[] = { { "if", if_read }, { "range", range_read }, { "with", with_read } };
    next(e);
    if (e->prefix && e->token.type == TOKEN_NAME) {
        if (word_is(e, TOKEN_NAME, "end") || word_is(e, TOKEN_NAME, "else")) {
            *stop = word_is(e, TOKEN_NAME, "end") ? STOP_END : STOP_ELSE;
            next(e);
            if (*stop == STOP_END)
                expect_end(e);
            return true;
        }
        for (size_t i = 0; i < COUNT(blocks); i++)
            if (word_is(e, TOKEN_NAME, blocks[i].word)) {
                if (enter(e))
                    blocks[i].read(e, from);
                leave(e);
                return false;
            }
        for (size_t i = 0; i < COUNT(unsupported); i++)
            if (word_is(e, TOKEN_NAME, unsupported[i]))
                fail(e, ERR_MALFORMED, e->token.at, "%s is not supported",
                    unsupported[i]);
    }
    value_read(e, from);
    return false;
}

/* Open the template at `at`; - and white space behind the braces trim. */
static void
open_template(struct evaluation *e, size_t at, size_t size)
{
    bool trims = at + size + 1 < e->text.size && e->text.data[at + size] == '-'
                 && is_space(e->text.data[at + size + 1]);
    literal(e, at, trims);
    e->prefix = size == 2;
    e->wrapped = true;
    e->field = false;
    e->braces = 0;
    e->at = at + size + (trims ? 1 : 0);
}

static enum stop
block(struct evaluation *e)
{
    enum stop stop = STOP_TEXT;
    while (!failed(e)) {
        size_t size, at = template_find(e->text, e->at, &size);
        if (size == 0) {
            literal(e, at, false);
            e->at = at;
            return STOP_TEXT;
        }
        open_template(e, at, size);
        e->opened = at;
        e->token = (struct token){ .at = at };
        if (e->prefix && comment(e))
            continue;
        if (action(e, at, &stop))
            return stop;
    }
    return STOP_END;
}

void
template_read(struct evaluation *e)
{
    enum stop stop = block(e);
    if (stop != STOP_TEXT && !failed(e))
        fail(e, ERR_MALFORMED, e->opened, "{{ %s }} without its if, range or with",
            stop == STOP_END ? "end" : "else");
}
