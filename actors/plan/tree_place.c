/* A scalar's text is what is left when quotes, escapes, indentation and folding are
 * taken away.  To find a place in it, the document is walked along with the text. */
#include "actors/plan/tree.h"

#include <assert.h>

struct walk {
    struct bytes raw, text; /* of the document from the scalar on; of the scalar */
    size_t at, in;          /* where in each */
    size_t indent;          /* of a folded block; else all blanks are */
    struct mark mark;       /* of `at` */
};

static bool
at_break(const struct walk *w)
{
    return w->at < w->raw.size
           && (w->raw.data[w->at] == '\n' || w->raw.data[w->at] == '\r');
}

static bool
at_blank(const struct walk *w)
{
    return w->at < w->raw.size
           && (w->raw.data[w->at] == ' ' || w->raw.data[w->at] == '\t');
}

static void
raw_break(struct walk *w)
{
    bool pair = w->raw.data[w->at] == '\r' && w->at + 1 < w->raw.size
                && w->raw.data[w->at + 1] == '\n';
    w->at += pair ? 2 : 1;
    w->mark = (struct mark){ w->mark.line + 1, 1 };
}

static void
character_pass(struct bytes in, size_t *at)
{
    if (*at < in.size)
        (*at)++;
    while (*at < in.size && (in.data[*at] & 0xc0) == 0x80)
        (*at)++;
}

static void
raw_pass(struct walk *w, size_t characters)
{
    for (; characters > 0 && w->at < w->raw.size && !at_break(w); characters--) {
        character_pass(w->raw, &w->at);
        w->mark.column++;
    }
}

static bool
blank_to_the_end(const struct walk *w)
{
    struct walk ahead = *w;
    while (at_blank(&ahead))
        ahead.at++;
    return at_break(&ahead);
}

/* Line ends and the indentation behind them: folded into a space, or kept but one. */
static void
fold_pass(struct walk *w)
{
    while (at_break(w) || (at_blank(w) && blank_to_the_end(w))) {
        if (at_break(w))
            raw_break(w);
        else
            raw_pass(w, 1);
    }
    if (w->in < w->text.size && w->text.data[w->in] == ' ')
        w->in++;
    else
        while (w->in < w->text.size && w->text.data[w->in] == '\n')
            w->in++;
    for (size_t i = 0; i < w->indent && at_blank(w); i++)
        raw_pass(w, 1);
}

/* \n, \x41, \u0041, \U00000041, or an escaped line end, which leaves nothing. */
static void
escape_pass(struct walk *w)
{
    raw_pass(w, 1);
    if (at_break(w)) {
        raw_break(w);
        while (at_blank(w))
            raw_pass(w, 1);
        return;
    }
    uint8_t kind = w->at < w->raw.size ? w->raw.data[w->at] : 0;
    raw_pass(w, kind == 'x' ? 3 : kind == 'u' ? 5 : kind == 'U' ? 9 : 1);
    character_pass(w->text, &w->in);
}

/* Line `line` of a literal block, from 1: its indentation is what the text lacks. */
static struct mark
literal_place(struct walk *w, size_t offset)
{
    size_t begin = 0, length = 0, raw_length = 0;
    while (w->at < w->raw.size && !at_break(w))
        raw_pass(w, 1);
    if (at_break(w))
        raw_break(w);
    for (; w->in < offset; w->in++)
        if (w->text.data[w->in] == '\n') {
            begin = w->in + 1;
            while (w->at < w->raw.size && !at_break(w))
                raw_pass(w, 1);
            if (at_break(w))
                raw_break(w);
        }
    struct mark mark = w->mark;
    for (size_t i = begin; i < offset; character_pass(w->text, &i))
        mark.column++;
    for (size_t i = begin; i < w->text.size && w->text.data[i] != '\n'; length++)
        character_pass(w->text, &i);
    for (; w->at < w->raw.size && !at_break(w); raw_length++)
        raw_pass(w, 1);
    mark.column += (uint32_t)(raw_length > length ? raw_length - length : 0);
    return mark;
}

static void
folded_begin(struct walk *w)
{
    while (w->at < w->raw.size && !at_break(w))
        raw_pass(w, 1);
    while (at_break(w) || at_blank(w)) {
        if (at_break(w))
            raw_break(w);
        else
            raw_pass(w, 1);
    }
    while (w->in < w->text.size
           && (w->text.data[w->in] == '\n' || w->text.data[w->in] == ' '))
        w->in++;
    w->indent = w->mark.column - 1;
}

/* The byte where the document has `mark`. */
static size_t
offset_of(struct bytes text, struct mark mark)
{
    struct walk w = { .raw = text, .mark = { 1, 1 } };
    while (w.at < text.size && w.mark.line < mark.line) {
        if (at_break(&w))
            raw_break(&w);
        else
            w.at++;
    }
    raw_pass(&w, mark.column - 1);
    return w.at;
}

struct mark
tree_place(struct bytes text, const struct node *node, size_t offset)
{
    size_t from = offset_of(text, node->at);
    struct walk w = {
        .raw = bytes_of(text.data + from, text.size - from),
        .text = node->text,
        .indent = SIZE_MAX,
        .mark = node->at,
    };
    assert(offset <= node->text.size);
    if (node->style == STYLE_LITERAL)
        return literal_place(&w, offset);
    if (node->style == STYLE_FOLDED)
        folded_begin(&w);
    else if (node->style != STYLE_PLAIN)
        raw_pass(&w, 1);
    /* never: the offset is in the text, which ends in the document */
    while (w.in < offset && w.at < w.raw.size) {
        uint8_t raw = w.raw.data[w.at];
        bool folds =
            at_break(&w)
            || (node->style != STYLE_FOLDED && at_blank(&w) && blank_to_the_end(&w));
        if (folds) {
            fold_pass(&w);
            continue;
        }
        if (node->style == STYLE_DOUBLE && raw == '\\') {
            escape_pass(&w);
            continue;
        }
        raw_pass(&w, node->style == STYLE_SINGLE && raw == '\'' ? 2 : 1);
        character_pass(w.text, &w.in);
    }
    return w.mark;
}
