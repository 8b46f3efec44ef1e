/* err - every failure has a code, a name on the wire and an HTTP status. */
#ifndef BASE_ERR_H
#define BASE_ERR_H
enum err {
    ERR_NONE = 0,
#define ERR(code, name, http, sentence) code,
#include "base/err.def"
    ERR_COUNT
};

/* Names such as "stale_lease"; "none" for ERR_NONE and "unknown" out of range. */
const char *err_name(enum err e);
int err_http(enum err e);
const char *err_sentence(enum err e);

/* A failure that needs a sentence for a human.  `detail` names the place. */
struct fault {
    enum err err;
    char detail[400];
};

/* Fill `fault` and give back its code, so that callers can `return fault_set(…)`. */
enum err fault_set(struct fault *fault, enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define MUST_CHECK __attribute__((warn_unused_result))
#endif
