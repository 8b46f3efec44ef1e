#include "actors/expression/lexer.h"

#include "actors/expression/value.h"

enum { NUMBER_SIZE_MAX = 64, SHOWN_MAX = 40 };

/* Longer signs first. */
static const char *const signs[] = { "==", "!=", "<=", ">=", "&&", "||", "??", "?.",
    "..", "**", ":=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ",", "(", ")",
    "[", "]", "{", "}", ".", "|", "#", "=" };

bool
is_space(uint8_t b)
{
    return b == ' ' || (b >= '\t' && b <= '\r');
}

static bool
is_digit(uint8_t b)
{
    return b >= '0' && b <= '9';
}

static bool
begins_name(uint8_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b == '_' || b >= 0x80;
}

static bool
in_name(uint8_t b)
{
    return begins_name(b) || is_digit(b);
}

/* 0 behind the end. */
static uint8_t
byte(const struct evaluation *e, size_t at)
{
    return at < e->text.size ? e->text.data[at] : 0;
}

static struct bytes
part(const struct evaluation *e, size_t from, size_t to)
{
    return bytes_of(e->text.data + from, to - from);
}

static void
name_token(struct evaluation *e, enum token_type type, size_t at)
{
    /* a-b is a difference in one language, and a name in the other. */
    bool dashes = e->prefix && e->field;
    while (in_name(byte(e, at))
           || (dashes && byte(e, at) == '-' && in_name(byte(e, at + 1))))
        at++;
    e->token.type = type;
    e->token.text = part(e, e->token.at, at);
    e->at = at;
}

static size_t
digits_end(const struct evaluation *e, size_t at)
{
    while (is_digit(byte(e, at)) || (byte(e, at) == '_' && is_digit(byte(e, at + 1))))
        at++;
    return at;
}

static void
number_read(struct evaluation *e)
{
    size_t at = e->token.at;
    if (byte(e, at) == '-')
        at++;
    if (byte(e, at) == '0' && (byte(e, at + 1) | 0x20) == 'x') {
        at += 2;
        while (in_name(byte(e, at)))
            at++;
    } else {
        at = digits_end(e, at);
        if (byte(e, at) == '.' && is_digit(byte(e, at + 1)))
            at = digits_end(e, at + 1);
        uint8_t sign = byte(e, at + 1);
        if ((byte(e, at) | 0x20) == 'e'
            && (is_digit(sign)
                || ((sign == '-' || sign == '+') && is_digit(byte(e, at + 2)))))
            at = digits_end(e, at + 2);
    }
    e->token.type = TOKEN_NUMBER;
    e->token.text = part(e, e->token.at, at);
    e->at = at;
    if (in_name(byte(e, at)))
        fail(e, ERR_MALFORMED, at, "a number that goes on with a letter");
}

static int
hex_digit(uint8_t b)
{
    uint8_t lower = b | 0x20;
    return is_digit(b) ? b - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* `count` hex digits from `at`, or -1. */
static int64_t
hex_read(const struct evaluation *e, size_t at, unsigned count)
{
    int64_t value = 0;
    for (unsigned i = 0; i < count; i++) {
        int digit = hex_digit(byte(e, at + i));
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* What \uXXXX, \UXXXXXXXX or \xXX means; 0 bytes: nothing. */
static size_t
unicode(struct evaluation *e, size_t at, unsigned digits, uint8_t out[4], size_t *end)
{
    int64_t code = hex_read(e, at, digits);
    *end = at + digits;
    if (code >= 0xd800 && code < 0xdc00 && byte(e, *end) == '\\'
        && byte(e, *end + 1) == 'u') {
        int64_t low = hex_read(e, *end + 2, 4);
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            *end += 6;
        }
    }
    return code < 0 ? 0 : utf8_write((uint32_t)code, out);
}

/* The text of an escape at `at`, behind its backslash. */
static size_t
escape(struct evaluation *e, size_t at, uint8_t out[4], size_t *end)
{
    static const char simple[] = "n\nt\tr\rb\bf\fa\av\v\\\\\"\"''``//";
    uint8_t b = byte(e, at);
    for (size_t i = 0; i + 1 < sizeof simple; i += 2)
        if ((uint8_t)simple[i] == b) {
            out[0] = (uint8_t)simple[i + 1];
            *end = at + 1;
            return 1;
        }
    size_t size = 0;
    if (b == 'u' || b == 'U' || b == 'x')
        size = unicode(e, at + 1, b == 'u' ? 4 : b == 'U' ? 8 : 2, out, end);
    if (size == 0) {
        *end = at + 1;
        fail(e, ERR_MALFORMED, at - 1,
            "an unknown escape: double the backslash to mean one");
    }
    return size;
}

/* `from` to `to`, between the quotes, with `escapes` escapes. */
static struct bytes
unescaped(struct evaluation *e, size_t from, size_t to)
{
    uint8_t *out = arena_take(e->arena, to - from);
    size_t size = 0;
    for (size_t at = from; at < to && !failed(e);) {
        uint8_t piece[4];
        if (byte(e, at) == '\\') {
            size_t more = escape(e, at + 1, piece, &at);
            memcpy(out + size, piece, more);
            size += more;
        } else {
            out[size++] = byte(e, at++);
        }
    }
    return bytes_of(out, size);
}

static void
text_read(struct evaluation *e)
{
    uint8_t quote = byte(e, e->token.at);
    bool escapes = false;
    size_t at = e->token.at + 1;
    for (; at < e->text.size && e->text.data[at] != quote; at++)
        if (quote != '`' && e->text.data[at] == '\\') {
            escapes = true;
            at++;
        }
    if (at >= e->text.size) {
        fail(e, ERR_MALFORMED, e->token.at, "a text without its closing quote");
        return;
    }
    e->token.type = TOKEN_TEXT;
    e->at = at + 1;
    e->token.text =
        escapes ? unescaped(e, e->token.at + 1, at) : part(e, e->token.at + 1, at);
    if (failed(e))
        e->token.type = TOKEN_END;
}

static void
sign_read(struct evaluation *e)
{
    struct bytes rest = part(e, e->at, e->text.size);
    for (size_t i = 0; i < COUNT(signs); i++)
        if (bytes_begin(rest, text(signs[i]))) {
            e->token.type = TOKEN_SIGN;
            e->token.text = part(e, e->at, e->at + strlen(signs[i]));
            e->at += strlen(signs[i]);
            e->field = sign_is(e, ".") || sign_is(e, "?.");
            return;
        }
    fail(e, ERR_MALFORMED, e->at, "a character that means nothing here");
}

/* }} or -}} */
static bool
closes(struct evaluation *e)
{
    bool trims = byte(e, e->at) == '-' && e->token.spaced;
    size_t at = e->at + (trims ? 1 : 0);
    if (!e->wrapped || e->braces > 0 || byte(e, at) != '}' || byte(e, at + 1) != '}')
        return false;
    e->token.type = TOKEN_END;
    e->token.text = part(e, e->at, at + 2);
    e->trims = trims;
    e->at = at + 2;
    return true;
}

void
next(struct evaluation *e)
{
    size_t from = e->at;
    bool field = e->field;
    if (failed(e))
        return;
    while (is_space(byte(e, e->at)))
        e->at++;
    e->token = (struct token){ .at = e->at, .spaced = e->at > from };
    e->token_count++;
    if (closes(e)) {
        e->field = false;
        charge(e, e->at - from);
        return;
    }
    if (e->at >= e->text.size) {
        if (e->wrapped)
            fail(e, ERR_MALFORMED, e->at, "a template without its closing }}");
        return;
    }
    uint8_t b = byte(e, e->at);
    e->field = field && !e->token.spaced;
    if (begins_name(b) || (e->field && is_digit(b)))
        name_token(e, TOKEN_NAME, e->at);
    else if (b == '$')
        name_token(e, TOKEN_VARIABLE, e->at + 1);
    else if (is_digit(b) || (e->prefix && b == '-' && is_digit(byte(e, e->at + 1))))
        number_read(e);
    else if (b == '"' || b == '\'' || b == '`')
        text_read(e);
    else
        sign_read(e);
    if (e->token.type != TOKEN_SIGN)
        e->field = false;
    charge(e, e->at - from);
}

bool
accept(struct evaluation *e, const char *sign)
{
    if (!sign_is(e, sign))
        return false;
    next(e);
    return true;
}

static int
shown(const struct evaluation *e)
{
    size_t size = e->token.text.size;
    return (int)(size < SHOWN_MAX ? size : SHOWN_MAX);
}

void
expect(struct evaluation *e, const char *sign)
{
    if (accept(e, sign))
        return;
    if (e->token.type == TOKEN_END)
        fail(e, ERR_MALFORMED, e->token.at, "%s is missing at the end", sign);
    else
        fail(e, ERR_MALFORMED, e->token.at, "%s was expected, not %.*s", sign, shown(e),
            (const char *)e->token.text.data);
}

void
expect_end(struct evaluation *e)
{
    if (e->token.type != TOKEN_END)
        fail(e, ERR_MALFORMED, e->token.at, "%s was expected, not %.*s",
            e->wrapped ? "}}" : "the end", shown(e), (const char *)e->token.text.data);
}

/* Hex of at most 64 bits. */
static struct bytes
hex_number(struct evaluation *e, const char *digits, bool negative)
{
    uint64_t value = 0;
    bool whole = *digits != '\0' && strlen(digits) <= 16;
    for (; whole && *digits != '\0'; digits++) {
        int digit = hex_digit((uint8_t)*digits);
        whole = digit >= 0;
        value = value << 4 | (uint64_t)(digit & 15);
    }
    if (!whole)
        return fail(e, ERR_MALFORMED, e->token.at, "not a number of up to 64 bits");
    return value_whole(e, negative ? -(wide)value : (wide)value);
}

struct bytes
number_token(struct evaluation *e)
{
    char copy[NUMBER_SIZE_MAX + 1];
    size_t size = 0;
    if (e->token.text.size > NUMBER_SIZE_MAX)
        return fail(e, ERR_MALFORMED, e->token.at,
            "a number of more than %d characters", (int)NUMBER_SIZE_MAX);
    for (size_t i = 0; i < e->token.text.size; i++)
        if (e->token.text.data[i] != '_')
            copy[size++] = (char)e->token.text.data[i];
    copy[size] = '\0';
    bool negative = copy[0] == '-';
    const char *at = copy + (negative ? 1 : 0);
    if (at[0] == '0' && (at[1] | 0x20) == 'x')
        return hex_number(e, at + 2, negative);
    struct number number;
    if (!number_of_text(text(copy), &number))
        return fail(e, ERR_MALFORMED, e->token.at,
            "a number of more than 64 bits, or beyond 1.8e308");
    return value_number(e, &number);
}
