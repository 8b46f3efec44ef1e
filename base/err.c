#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    int http;
    const char *sentence;
} rows[ERR_COUNT] = {
    { "none", 200, "" },
#define ERR(code, name, http, sentence) { name, http, sentence },
#include "base/err.def"
};

static unsigned
row_of(enum err e)
{
    return (unsigned)e < ERR_COUNT ? (unsigned)e : (unsigned)ERR_IO;
}

const char *
err_name(enum err e)
{
    return (unsigned)e < ERR_COUNT ? rows[e].name : "unknown";
}

int
err_http(enum err e)
{
    return rows[row_of(e)].http;
}

const char *
err_sentence(enum err e)
{
    return rows[row_of(e)].sentence;
}

enum err
fault_set(struct fault *fault, enum err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fault->err = err;
    vsnprintf(fault->detail, sizeof fault->detail, format, args);
    va_end(args);
    return err;
}
