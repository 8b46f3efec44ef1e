/* config - every setting: read from capstan.yaml by the supervisor, handed to children.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H
#include "base/bytes.h"
#include "base/err.h"

#include <stdio.h>

enum {
    CONFIG_TEXT_MAX = 4096,
    CONFIG_URL_MAX = 300,
    SCHEDULERS_MAX = 64,
    KEYS_OF_ALL_MAX = 1000000, /* of all projects together, and as many principals */
};

typedef uint32_t config_u32_t;
typedef uint64_t config_u64_t;
typedef char config_text_t[CONFIG_TEXT_MAX + 1];
typedef char config_list_t[CONFIG_TEXT_MAX + 1];

struct config {
#define SETTING(type, name, value, min, max, unit, sentence) config_##type##_t name;
#include "base/config.def"
};

void config_default(struct config *config);

/* Overlay the settings of a YAML text.
 *
 * ERR_MALFORMED  not YAML, not a map, an unknown key, a value of the wrong type or out
 *                of bounds: `fault` names line, column, key and what was expected
 */
MUST_CHECK enum err
config_read_yaml(struct bytes yaml, struct config *config, struct fault *fault);

/* The same of a file; `fault` names the file as well.
 *
 * ERR_NOT_FOUND  it is not there or not ours to read
 */
MUST_CHECK enum err
config_read_file(const char *path, struct config *config, struct fault *fault);

/* The file to read when none is named: $CAPSTAN_CONFIG, else the first that is there of
 * ./capstan.yaml and capstan/capstan.yaml below $XDG_CONFIG_HOME, else ~/.config.
 * NULL when there is none: then the defaults hold. */
const char *config_file(char out[CONFIG_TEXT_MAX + 1]);

/* Overlay one setting given as text, such as "lease_ms" and "30000"; the supervisor
 * hands children theirs as lines of this form, and --set uses it. */
MUST_CHECK enum err config_set(
    struct config *config, struct bytes name, struct bytes value, struct fault *fault);

/* Is there a setting of that name?  Is it a list? */
bool config_known(struct bytes name);
bool config_is_list(struct bytes name);

/* Is the address one that only this machine can reach? */
bool config_loopback(const char *address);

/* Where a door is, as seen from this machine: such as http://127.0.0.1:3000. */
void config_url(
    char out[CONFIG_URL_MAX], const char *scheme, const char *address, unsigned port);

/* Do the HTTP doors speak TLS? */
bool config_tls(const struct config *config);

/* Where an HTTP door is for workers of this machine: `scheme` is http or ws; with TLS
 * it is the one with an s, and tls_name, if there is one, stands for the address. */
void config_http_url(char out[CONFIG_URL_MAX], const struct config *config,
    const char *scheme, const char *address, unsigned port);

/* The largest message between two of the engine's processes, bytes: a start has three
 * payloads, inputs, meta and config. */
size_t config_message_max(const struct config *config);

/* Bounds that involve more than one setting. */
MUST_CHECK enum err config_check(const struct config *config, struct fault *fault);

/* What a child gets on its settings descriptor: "name=value\n" for every setting. */
void config_write(const struct config *config, FILE *out);
MUST_CHECK enum err config_read(FILE *in, struct config *config, struct fault *fault);

/* docs/config.md; and `capstan config explain`: value, default, bounds, sentence. */
void config_document(FILE *out);
void config_explain(const struct config *config, FILE *out);
#endif
