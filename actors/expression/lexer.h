/* lexer - the words of both languages. */
#ifndef ACTORS_EXPRESSION_LEXER_H
#define ACTORS_EXPRESSION_LEXER_H
#include "actors/expression/evaluation.h"

/* Read the next token into e->token. */
void next(struct evaluation *e);

static inline bool
word_is(const struct evaluation *e, enum token_type type, const char *word)
{
    return e->token.type == type && bytes_equal(e->token.text, text(word));
}

static inline bool
sign_is(const struct evaluation *e, const char *sign)
{
    return word_is(e, TOKEN_SIGN, sign);
}

/* Pass over `sign` if it is next. */
bool accept(struct evaluation *e, const char *sign);
/* It must be next. */
void expect(struct evaluation *e, const char *sign);
/* The template or the text must end here: "unexpected …" */
void expect_end(struct evaluation *e);
/* The value of a TOKEN_NUMBER. */
struct bytes number_token(struct evaluation *e);
bool is_space(uint8_t b);
#endif
