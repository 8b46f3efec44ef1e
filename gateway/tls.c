#include "gateway/tls.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/stamp.h"
#include "gateway/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MAX = 262144 };
/* Groups may read, as that of ssl-cert does, and systemd's mark of an access list. */
enum { NOT_THEIRS = S_IRWXO | S_IWGRP | S_IXGRP };

#define PIN_FILE "tls.pin"

struct pair {
    gnutls_x509_crt_t *chain; /* the certificate, and those of its signers */
    unsigned count;
    gnutls_x509_privkey_t key;
    gnutls_certificate_credentials_t both;
};

/* ---- the files ---- */

static enum err
take_file(const char *setting, const char *path, int fd, bool secret,
    struct buffer *out, struct fault *fault)
{
    struct stat found;
    if (fstat(fd, &found) != 0)
        return fault_set(
            fault, ERR_IO, "%s: %.200s: %s", setting, path, strerror(errno));
    if (!S_ISREG(found.st_mode) || found.st_size > FILE_MAX)
        return fault_set(fault, ERR_MALFORMED,
            "%s: %.200s is no file of at most %d bytes", setting, path, FILE_MAX);
    if (secret && (found.st_mode & NOT_THEIRS) != 0)
        return fault_set(fault, ERR_FORBIDDEN,
            "%s: %.200s has mode %04o: others than its owner may have it; chmod 600 it",
            setting, path, (unsigned)found.st_mode & 07777u);
    size_t size = (size_t)found.st_size;
    /* A byte more: the file may have grown. */
    ssize_t got = read(fd, buffer_reserve(out, size + 1), size + 1);
    if (got != (ssize_t)size)
        return fault_set(fault, ERR_IO, "%s: %.200s: %s", setting, path,
            got < 0 ? strerror(errno) : "it is being written");
    out->data[size] = '\0';
    out->size = size + 1;
    return ERR_NONE;
}

static enum err
read_file(const char *setting, const char *path, bool secret, struct buffer *out,
    struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fault_set(
            fault, ERR_IO, "%s: %.200s: %s", setting, path, strerror(errno));
    enum err err = take_file(setting, path, fd, secret, out, fault);
    close(fd);
    return err;
}

/* ---- what they hold ---- */

static gnutls_datum_t
datum(const struct buffer *pem)
{
    return (gnutls_datum_t){ .data = pem->data, .size = (unsigned)pem->size - 1 };
}

static void
close_pair(struct pair *pair)
{
    if (pair->both != NULL)
        gnutls_certificate_free_credentials(pair->both);
    gnutls_x509_privkey_deinit(pair->key);
    for (unsigned i = 0; i < pair->count; i++)
        gnutls_x509_crt_deinit(pair->chain[i]);
    gnutls_free(pair->chain);
}

/* The certificate alone. */
static int
open_chain(const struct tls *tls, struct pair *pair)
{
    gnutls_datum_t pem = datum(&tls->certificate);
    return gnutls_x509_crt_list_import2(&pair->chain, &pair->count, &pem,
        GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
}

static int
open_key(const struct tls *tls, struct pair *pair)
{
    gnutls_datum_t pem = datum(&tls->key);
    int failed = gnutls_x509_privkey_init(&pair->key);
    return failed != 0 ? failed
                       : gnutls_x509_privkey_import2(
                           pair->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
}

static int
match(struct pair *pair)
{
    int failed = gnutls_certificate_allocate_credentials(&pair->both);
    return failed != 0 ? failed
                       : gnutls_certificate_set_x509_key(
                           pair->both, pair->chain, (int)pair->count, pair->key);
}

/* Before 1970 it began always, and is over. */
static uint64_t
ms_of(time_t at)
{
    return at > 0 ? (uint64_t)at * 1000 : 0;
}

static void
log_times(const char *path, gnutls_x509_crt_t certificate)
{
    uint64_t from_ms = ms_of(gnutls_x509_crt_get_activation_time(certificate)),
             until_ms = ms_of(gnutls_x509_crt_get_expiration_time(certificate)),
             now_ms = clock_unix_ms();
    char from[STAMP_SIZE], until[STAMP_SIZE];
    gauge(COUNTER_tls_expires_s, until_ms / 1000);
    log_line(now_ms < from_ms || now_ms > until_ms ? LOG_UNUSUAL : LOG_INFO,
        now_ms > until_ms  ? "tls_certificate_expired"
        : now_ms < from_ms ? "tls_certificate_early"
                           : "tls",
        "file=\"%.200s\" from=%s until=%s", path, stamp_print(from_ms, from),
        stamp_print(until_ms, until));
}

static enum err
judge(const struct config *config, const struct tls *tls, struct pair *pair,
    struct fault *fault)
{
    const char *certificate = config->tls_certificate, *key = config->tls_key;
    int failed = open_chain(tls, pair);
    if (failed < 0)
        return fault_set(fault, ERR_MALFORMED,
            "tls_certificate: %.200s holds no certificates as PEM: %s", certificate,
            gnutls_strerror(failed));
    failed = open_key(tls, pair);
    if (failed != 0)
        return fault_set(fault, ERR_MALFORMED,
            "tls_key: %.200s holds no private key as PEM: %s", key,
            gnutls_strerror(failed));
    failed = match(pair);
    if (failed < 0)
        return fault_set(fault, ERR_MALFORMED,
            "tls_key: %.100s is not the key of %.100s: %s", key, certificate,
            gnutls_strerror(failed));
    log_times(certificate, pair->chain[0]);
    return ERR_NONE;
}

enum err
tls_read(const struct config *config, struct tls *tls, struct fault *fault)
{
    struct pair pair = { 0 };
    *tls = (struct tls){ 0 };
    if (!config_tls(config))
        return ERR_NONE;
    enum err err = read_file(
        "tls_certificate", config->tls_certificate, false, &tls->certificate, fault);
    if (err == ERR_NONE)
        err = read_file("tls_key", config->tls_key, true, &tls->key, fault);
    if (err == ERR_NONE)
        err = judge(config, tls, &pair, fault);
    close_pair(&pair);
    return err;
}

/* ---- by what the tool knows us ---- */

static int
append_pin(const struct tls *tls, struct buffer *out)
{
    struct pair pair = { 0 };
    gnutls_pubkey_t key = NULL;
    gnutls_datum_t der = { 0 };
    int failed = open_chain(tls, &pair);
    if (failed >= 0)
        failed = gnutls_pubkey_init(&key);
    if (failed >= 0)
        failed = gnutls_pubkey_import_x509(key, pair.chain[0], 0);
    if (failed >= 0)
        failed = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der);
    if (failed >= 0) {
        struct hash hash = hash_sha256(bytes_of(der.data, der.size));
        buffer_append_bytes(out, text("sha256//"));
        base64_write(out, bytes_of(hash.bytes, sizeof hash.bytes));
    }
    gnutls_free(der.data);
    if (key != NULL)
        gnutls_pubkey_deinit(key);
    close_pair(&pair);
    return failed;
}

static enum err
remove_pin(const char *data, struct fault *fault)
{
    char path[FOLDER_PATH_MAX];
    if (unlink(folder_path(data, "gateway/" PIN_FILE, path)) == 0 || errno == ENOENT)
        return ERR_NONE;
    return fault_set(fault, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
}

enum err
tls_publish(const char *data, const struct tls *tls, struct fault *fault)
{
    struct buffer pin = { 0 };
    if (tls->certificate.size == 0)
        return remove_pin(data, fault);
    int failed = append_pin(tls, &pin);
    enum err err = failed < 0 ? fault_set(fault, ERR_MALFORMED,
                       "tls_certificate: its public key: %s", gnutls_strerror(failed))
                              : private_file_write(
                                  data, PIN_FILE, 0600, buffer_bytes(&pin), fault);
    buffer_free(&pin);
    return err;
}

void
tls_forget(struct tls *tls)
{
    if (tls->key.size > 0)
        sodium_memzero(tls->key.data, tls->key.size);
    buffer_free(&tls->key);
    buffer_free(&tls->certificate);
}
