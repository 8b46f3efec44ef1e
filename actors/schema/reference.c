#include "actors/schema/reference.h"

enum { TOKEN_MAX = 256 };

static int
hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One token: up to the next slash, with %41, ~0 and ~1 for what they stand for. */
static bool
take_token(struct bytes *in, char token[TOKEN_MAX])
{
    size_t i = 0, size = 0;
    while (i < in->size && in->data[i] != '/') {
        uint8_t c = in->data[i++];
        if (c == '%') {
            int high = i + 1 < in->size ? hex_digit(in->data[i]) : -1;
            int low = high >= 0 ? hex_digit(in->data[i + 1]) : -1;
            if (low < 0)
                return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (size + 1 == TOKEN_MAX || c == '\0')
            return false;
        token[size++] = (char)c;
    }
    token[size] = '\0';
    *in = bytes_of(in->data + i, in->size - i);
    char *to = token;
    for (const char *at = token; *at != '\0'; at++) {
        if (*at == '~' && at[1] != '0' && at[1] != '1')
            return false;
        *to++ = *at != '~' ? *at : *++at == '0' ? '~' : '/';
    }
    *to = '\0';
    return true;
}

static struct bytes
item_at(struct cursor *c, const char *token)
{
    size_t count = cursor_array(c), index = 0;
    if (token[0] == '\0' || (token[0] == '0' && token[1] != '\0'))
        return (struct bytes){ 0 };
    for (; *token != '\0'; token++) {
        if (*token < '0' || *token > '9' || index > count)
            return (struct bytes){ 0 };
        index = index * 10 + (size_t)(*token - '0');
    }
    if (index >= count)
        return (struct bytes){ 0 };
    while (index-- > 0)
        cursor_skip(c);
    return cursor_skip(c);
}

struct bytes
reference_find(struct bytes root, struct bytes reference)
{
    char token[TOKEN_MAX];
    if (reference.size == 0 || reference.data[0] != '#')
        return (struct bytes){ 0 };
    struct bytes left = bytes_of(reference.data + 1, reference.size - 1);
    while (left.size > 0 && root.size > 0) {
        struct cursor c = cursor_over(root);
        if (left.data[0] != '/')
            return (struct bytes){ 0 };
        left = bytes_of(left.data + 1, left.size - 1);
        if (!take_token(&left, token))
            return (struct bytes){ 0 };
        root =
            cursor_type(&c) == PACK_ARRAY ? item_at(&c, token) : pack_find(root, token);
    }
    return root;
}
