/* tls - with what the HTTP doors speak TLS: a certificate and its private key, read
 * once, before the gateway gives up all files but its own.  A new pair is for its next
 * life.
 */
#ifndef GATEWAY_TLS_H
#define GATEWAY_TLS_H
#include "base/buffer.h"
#include "base/config.h"

/* For GnuTLS: 1.2 and 1.3, and of 1.2 only what keeps earlier talk secret from who
 * finds the key later, and encrypts and authenticates in one. */
#define TLS_PRIORITIES                                                                 \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-CIPHER-ALL:+AES-256-GCM:"        \
    "+CHACHA20-POLY1305:+AES-128-GCM:%SERVER_PRECEDENCE"

struct tls {
    struct buffer certificate, key; /* PEM, and a NUL */
};

/* Read the files that the settings name; they must be a pair.  Nothing if they name
 * none. A certificate whose time is over, or has not come, is logged and no more: the
 * engine is of use to those who know it, and without it to nobody.
 *
 * ERR_IO         a file cannot be read
 * ERR_FORBIDDEN  others may read the key
 * ERR_MALFORMED  a file is not what it should be, or they are no pair
 * `fault` names setting and file. */
MUST_CHECK enum err
tls_read(const struct config *config, struct tls *tls, struct fault *fault);

/* Write <data>/gateway/tls.pin, by which the tool knows the engine of a data folder
 * whatever name the certificate has: "sha256//" and the hash of its public key, as curl
 * takes it.  Without TLS the file goes.
 *
 * ERR_IO, ERR_NO_SPACE  `fault` names it */
MUST_CHECK enum err
tls_publish(const char *data, const struct tls *tls, struct fault *fault);

/* Whoever needs it has its own copy. */
void tls_forget(struct tls *tls);
#endif
