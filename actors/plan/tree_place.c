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

/* 0 behind the end: no text has it. */
static uint8_t
byte_at(struct bytes in, size_t at)
{
    return at < in.size ? in.data[at] : 0;
}

/* Bytes of the line end at `at`; 0: there is none.  Others are refused: tree_read.c. */
static size_t
break_size(struct bytes in, size_t at)
{
    switch (byte_at(in, at)) {
    case '\n': return 1;
    case '\r': return byte_at(in, at + 1) == '\n' ? 2 : 1;
    default: return 0;
    }
}

static bool
at_break(const struct walk *w)
{
    return break_size(w->raw, w->at) > 0;
}

static bool
at_blank(const struct walk *w)
{
    uint8_t b = byte_at(w->raw, w->at);
    return b == ' ' || b == '\t';
}

static void
raw_break(struct walk *w)
{
    w->at += break_size(w->raw, w->at);
    w->mark = (struct mark){ w->mark.line + 1, 1 };
}

static void
character_pass(struct bytes in, size_t *at)
{
    (*at)++;
    while (*at < in.size && (in.data[*at] & 0xc0) == 0x80)
        (*at)++;
}

static void
raw_pass(struct walk *w, size_t characters)
{
    /* never: what is passed is in the document */
    for (; characters > 0 && w->at < w->raw.size; characters--) {
        character_pass(w->raw, &w->at);
        w->mark.column++;
    }
}

/* To the end of the line.  Returns how many characters that were. */
static size_t
line_pass(struct walk *w)
{
    size_t count = 0;
    for (; w->at < w->raw.size && !at_break(w); count++)
        raw_pass(w, 1);
    return count;
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
    if (byte_at(w->text, w->in) == ' ')
        w->in++;
    else
        for (size_t size; (size = break_size(w->text, w->in)) > 0;)
            w->in += size;
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
    uint8_t kind = byte_at(w->raw, w->at);
    raw_pass(w, kind == 'x' ? 3 : kind == 'u' ? 5 : kind == 'U' ? 9 : 1);
    character_pass(w->text, &w->in);
}

/* Line `line` of a literal block, from 1: its indentation is what the text lacks. */
static struct mark
literal_place(struct walk *w, size_t offset)
{
    size_t begin = 0, length = 0;
    line_pass(w);
    raw_break(w);
    while (w->in < offset) {
        size_t size = break_size(w->text, w->in);
        w->in += size + (size == 0);
        if (size == 0)
            continue;
        begin = w->in;
        line_pass(w);
        raw_break(w);
    }
    struct mark mark = w->mark;
    for (size_t i = begin; i < offset; character_pass(w->text, &i))
        mark.column++;
    for (size_t i = begin; i < w->text.size && break_size(w->text, i) == 0; length++)
        character_pass(w->text, &i);
    size_t raw_length = line_pass(w);
    mark.column += (uint32_t)(raw_length > length ? raw_length - length : 0);
    return mark;
}

static void
folded_begin(struct walk *w)
{
    line_pass(w);
    while (at_break(w) || at_blank(w)) {
        if (at_break(w))
            raw_break(w);
        else
            raw_pass(w, 1);
    }
    while (break_size(w->text, w->in) > 0 || byte_at(w->text, w->in) == ' ')
        character_pass(w->text, &w->in);
    w->indent = w->mark.column - 1;
}

/* The byte where the document has `mark`. */
static size_t
offset_of(struct bytes text, struct mark mark)
{
    struct walk w = { .raw = text, .mark = { 1, 1 } };
    /* never: the line is one that there is */
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
