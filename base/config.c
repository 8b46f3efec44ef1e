#include "base/config.h"

#include "base/log.h"
#include "base/nearest.h"
#include "base/pack.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64, LINE_MAX_BYTES = NAME_MAX_BYTES + CONFIG_TEXT_MAX + 2 };

enum setting_type { SETTING_u32, SETTING_u64, SETTING_text, SETTING_list };

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset; /* bytes into struct config */
    uint64_t number;
    const char *string;
    uint64_t min, max;
    const char *unit;
    const char *sentence;
};

#define NUMBER(type, name, value, min, max, unit, sentence)                            \
    { #name, SETTING_##type, offsetof(struct config, name), value, NULL, min, max,     \
        unit, sentence },
#define ROW_u32(...) NUMBER(u32, __VA_ARGS__)
#define ROW_u64(...) NUMBER(u64, __VA_ARGS__)
#define TEXT(type, name, value, min, max, unit, sentence)                              \
    { #name, SETTING_##type, offsetof(struct config, name), 0, value, min, max, unit,  \
        sentence },
#define ROW_text(...) TEXT(text, __VA_ARGS__)
#define ROW_list(...) TEXT(list, __VA_ARGS__)

static const struct setting settings[] = {
#define SETTING(type, ...) ROW_##type(__VA_ARGS__)
#include "base/config.def"
};

static bool
is_text(const struct setting *s)
{
    return s->type == SETTING_text || s->type == SETTING_list;
}

static void
put_number(struct config *config, const struct setting *s, uint64_t number)
{
    uint8_t *at = (uint8_t *)config + s->offset;
    uint32_t small = (uint32_t)number;
    if (s->type == SETTING_u32)
        memcpy(at, &small, sizeof small);
    else
        memcpy(at, &number, sizeof number);
}

static uint64_t
number_of(const struct config *config, const struct setting *s)
{
    const uint8_t *at = (const uint8_t *)config + s->offset;
    uint32_t small;
    uint64_t number;
    memcpy(&small, at, sizeof small);
    if (s->type == SETTING_u32)
        return small;
    memcpy(&number, at, sizeof number);
    return number;
}

static const char *
text_of(const struct config *config, const struct setting *s)
{
    return (const char *)config + s->offset;
}

static void
put_text(struct config *config, const struct setting *s, struct bytes value)
{
    char *at = (char *)config + s->offset;
    memset(at, 0, CONFIG_TEXT_MAX + 1);
    if (value.size > 0)
        memcpy(at, value.data, value.size);
}

void
config_default(struct config *config)
{
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < COUNT(settings); i++) {
        const struct setting *s = &settings[i];
        if (is_text(s))
            put_text(config, s, text(s->string));
        else
            put_number(config, s, s->number);
    }
}

static const struct setting *
setting_named(struct bytes name)
{
    for (size_t i = 0; i < COUNT(settings); i++)
        if (bytes_equal(name, text(settings[i].name)))
            return &settings[i];
    return NULL;
}

bool
config_known(struct bytes name)
{
    return setting_named(name) != NULL;
}

bool
config_is_list(struct bytes name)
{
    const struct setting *s = setting_named(name);
    return s != NULL && s->type == SETTING_list;
}

/* A stranger's bytes, safe to show: cut short, without controls. */
static const char *
shown(struct bytes in, char out[48])
{
    size_t size = in.size < 40 ? in.size : 40;
    for (size_t i = 0; i < size; i++)
        out[i] = in.data[i] >= 0x20 && in.data[i] < 0x7f ? (char)in.data[i] : '?';
    memcpy(out + size, "...", 4);
    if (in.size <= 40)
        out[size] = '\0';
    return out;
}

static enum err
unknown(struct bytes name, struct fault *fault)
{
    char show[48];
    struct nearest near = { 0 };
    for (size_t i = 0; i < COUNT(settings); i++)
        nearest_try(&near, name, settings[i].name);
    if (near.word == NULL)
        return fault_set(
            fault, ERR_MALFORMED, "there is no setting '%s'", shown(name, show));
    return fault_set(fault, ERR_MALFORMED,
        "there is no setting '%s': did you mean '%s'?", shown(name, show), near.word);
}

static bool
read_number(const struct setting *s, struct bytes in, uint64_t *number)
{
    uint64_t value = 0;
    if (strcmp(s->unit, "bool") == 0 && bytes_equal(in, text("true"))) {
        *number = 1;
        return true;
    }
    if (strcmp(s->unit, "bool") == 0 && bytes_equal(in, text("false"))) {
        *number = 0;
        return true;
    }
    if (in.size == 0 || in.size > 19)
        return false;
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] < '0' || in.data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(in.data[i] - '0');
    }
    *number = value;
    return true;
}

static enum err
set_number(const struct setting *s, struct bytes value, struct config *config,
    struct fault *fault)
{
    char show[48];
    uint64_t number;
    if (!read_number(s, value, &number))
        return fault_set(fault, ERR_MALFORMED,
            "%s: '%s' is not a whole number of %" PRIu64 " to %" PRIu64 " (%s)",
            s->name, shown(value, show), s->min, s->max, s->unit);
    if (number < s->min || number > s->max)
        return fault_set(fault, ERR_MALFORMED,
            "%s: %" PRIu64 " is out of bounds: %" PRIu64 " to %" PRIu64 " (%s)",
            s->name, number, s->min, s->max, s->unit);
    put_number(config, s, number);
    return ERR_NONE;
}

static enum err
set_text(const struct setting *s, struct bytes value, struct config *config,
    struct fault *fault)
{
    assert(s->max <= CONFIG_TEXT_MAX);
    if (value.size < s->min || value.size > s->max)
        return fault_set(fault, ERR_MALFORMED,
            "%s: %zu bytes are out of bounds: %" PRIu64 " to %" PRIu64 " bytes (%s)",
            s->name, value.size, s->min, s->max, s->unit);
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] < 0x20 || value.data[i] == 0x7f)
            return fault_set(
                fault, ERR_MALFORMED, "%s: holds a control character", s->name);
    if (!utf8_valid(value))
        return fault_set(fault, ERR_MALFORMED, "%s: is not UTF-8", s->name);
    put_text(config, s, value);
    return ERR_NONE;
}

enum err
config_set(
    struct config *config, struct bytes name, struct bytes value, struct fault *fault)
{
    const struct setting *s = setting_named(name);
    if (s == NULL)
        return unknown(name, fault);
    if (is_text(s))
        return set_text(s, value, config, fault);
    return set_number(s, value, config, fault);
}

bool
config_loopback(const char *address)
{
    struct in_addr four;
    struct in6_addr six;
    if (strcmp(address, "localhost") == 0 || strcmp(address, "[::1]") == 0)
        return true;
    if (inet_pton(AF_INET, address, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

void
config_url(
    char out[CONFIG_URL_MAX], const char *scheme, const char *address, unsigned port)
{
    bool any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "*") == 0;
    bool six = strchr(address, ':') != NULL && address[0] != '[';
    snprintf(out, CONFIG_URL_MAX, "%s://%s%.255s%s:%u", scheme, six ? "[" : "",
        any ? "127.0.0.1" : address, six ? "]" : "", port);
}

bool
config_tls(const struct config *config)
{
    return config->tls_certificate[0] != '\0';
}

void
config_http_url(char out[CONFIG_URL_MAX], const struct config *config,
    const char *scheme, const char *address, unsigned port)
{
    enum { SCHEME_MAX = 8 };
    char secure[SCHEME_MAX];
    bool tls = config_tls(config);
    snprintf(secure, sizeof secure, "%s%s", scheme, tls ? "s" : "");
    config_url(out, secure,
        tls && config->tls_name[0] != '\0' ? config->tls_name : address, port);
}

size_t
config_message_max(const struct config *config)
{
    enum { PAYLOADS = 3, MARGIN = 1 << 20 };
    return (size_t)config->payload_max * PAYLOADS + config->automation_max + MARGIN;
}

static enum err
check_http_door(
    const struct config *c, const char *name, const char *address, struct fault *fault)
{
    if (config_loopback(address) || config_tls(c) || c->insecure)
        return ERR_NONE;
    return fault_set(fault, ERR_MALFORMED,
        "%s: %.64s is beyond loopback and has no TLS: set tls_certificate and tls_key, "
        "or insecure if that is meant",
        name, address);
}

static enum err
check_doors(const struct config *c, struct fault *fault)
{
    if ((c->tls_certificate[0] == '\0') != (c->tls_key[0] == '\0'))
        return fault_set(fault, ERR_MALFORMED,
            "%s: is empty: TLS needs both tls_certificate and tls_key",
            c->tls_key[0] == '\0' ? "tls_key" : "tls_certificate");
    if (check_http_door(c, "http_address", c->http_address, fault) != ERR_NONE
        || check_http_door(c, "iii_http_address", c->iii_http_address, fault)
               != ERR_NONE
        || check_http_door(c, "iii_address", c->iii_address, fault) != ERR_NONE)
        return ERR_MALFORMED;
    if (!config_loopback(c->worker_address) && !c->worker_curve && !c->insecure)
        return fault_set(fault, ERR_MALFORMED,
            "worker_address: %.64s is beyond loopback: set worker_curve, or insecure "
            "if "
            "that is meant",
            c->worker_address);
    if (c->http_port != 0 && c->http_port == c->worker_port
        && strcmp(c->http_address, c->worker_address) == 0)
        return fault_set(fault, ERR_MALFORMED,
            "worker_port: %" PRIu32 " is http_port already", c->worker_port);
    return ERR_NONE;
}

/* A browser says scheme, host and port of a page, and no path. */
static enum err
check_origins(const struct config *c, struct fault *fault)
{
    static const char mark[] = "://";
    struct bytes rest = text(c->iii_http_origins), site;
    while ((site = bytes_word(&rest)).size > 0) {
        const uint8_t *at = memmem(site.data, site.size, mark, sizeof mark - 1);
        size_t before =
            at == NULL ? site.size : (size_t)(at - site.data) + sizeof mark - 1;
        if (bytes_equal(site, text("*")))
            continue;
        if (before == site.size
            || memchr(site.data + before, '/', site.size - before) != NULL)
            return fault_set(fault, ERR_MALFORMED,
                "iii_http_origins: '%.*s' is no site: expected such as "
                "https://app.example:8443, or *",
                (int)site.size, (const char *)site.data);
    }
    return ERR_NONE;
}

enum err
config_check(const struct config *c, struct fault *fault)
{
    if (c->heartbeat_ms > c->lease_ms / 3)
        return fault_set(fault, ERR_MALFORMED,
            "heartbeat_ms: %" PRIu32 " is more than a third of lease_ms, %" PRIu32,
            c->heartbeat_ms, c->lease_ms);
    if (c->inline_max > c->payload_max)
        return fault_set(fault, ERR_MALFORMED,
            "inline_max: %" PRIu32 " is more than payload_max, %" PRIu32, c->inline_max,
            c->payload_max);
    if (c->payload_max > c->lane_bytes_max)
        return fault_set(fault, ERR_MALFORMED,
            "lane_bytes_max: %" PRIu32 " has no room for one payload_max, %" PRIu32,
            c->lane_bytes_max, c->payload_max);
    if (!log_level_known(c->log_level))
        return fault_set(fault, ERR_MALFORMED,
            "log_level: '%s' is not broken, unusual, info or debug", c->log_level);
    if (check_origins(c, fault) != ERR_NONE)
        return ERR_MALFORMED;
    return check_doors(c, fault);
}

void
config_write(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < COUNT(settings); i++) {
        const struct setting *s = &settings[i];
        if (is_text(s))
            fprintf(out, "%s=%s\n", s->name, text_of(config, s));
        else
            fprintf(out, "%s=%" PRIu64 "\n", s->name, number_of(config, s));
    }
}

static enum err
read_line(char *line, struct config *config, struct fault *fault)
{
    size_t size = strcspn(line, "\n");
    char *equals = memchr(line, '=', size);
    if (line[size] != '\n' || equals == NULL)
        return fault_set(fault, ERR_MALFORMED, "a line is not name=value");
    return config_set(config, bytes_of(line, (size_t)(equals - line)),
        bytes_of(equals + 1, size - (size_t)(equals + 1 - line)), fault);
}

enum err
config_read(FILE *in, struct config *config, struct fault *fault)
{
    char line[LINE_MAX_BYTES + 1];
    struct config read = *config;
    while (fgets(line, sizeof line, in) != NULL) {
        enum err e = read_line(line, &read, fault);
        if (e != ERR_NONE)
            return e;
    }
    if (ferror(in))
        return fault_set(fault, ERR_IO, "the settings could not be read");
    *config = read;
    return ERR_NONE;
}

static void
print_default(const struct setting *s, FILE *out)
{
    if (is_text(s) && s->string[0] == '\0')
        fputs("empty", out);
    else if (is_text(s))
        fputs(s->string, out);
    else
        fprintf(out, "%" PRIu64, s->number);
}

void
config_document(FILE *out)
{
    fputs("# Settings\n\n"
          "Printed from `base/config.def`; do not edit.\n\n"
          "`capstan.yaml` is one YAML map of these names. Every setting has a default. "
          "An unknown name is\nan error with line and column, and so is a value out of "
          "bounds; then nothing starts. `--set\nname=value` goes before the file. "
          "`capstan config explain` prints what is in force.\n"
          "The bounds of a text are its length in bytes.\n\n"
          "| setting | default | least | most | unit | meaning |\n"
          "|---|---|---|---|---|---|\n",
        out);
    for (size_t i = 0; i < COUNT(settings); i++) {
        const struct setting *s = &settings[i];
        fprintf(out, "| `%s` | ", s->name);
        print_default(s, out);
        fprintf(out, " | %" PRIu64 " | %" PRIu64 " | %s | %s |\n", s->min, s->max,
            s->unit, s->sentence);
    }
}

void
config_explain(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < COUNT(settings); i++) {
        const struct setting *s = &settings[i];
        if (is_text(s))
            fprintf(out, "%s: \"%s\"\n", s->name, text_of(config, s));
        else
            fprintf(out, "%s: %" PRIu64 "\n", s->name, number_of(config, s));
        fprintf(out, "    # %s\n    # default ", s->sentence);
        print_default(s, out);
        fprintf(out, ", %" PRIu64 " to %" PRIu64 " %s\n", s->min, s->max,
            is_text(s) ? "bytes" : s->unit);
    }
}
