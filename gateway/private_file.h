/* private_file - a small file that is there whole or not at all. */
#ifndef GATEWAY_PRIVATE_FILE_H
#define GATEWAY_PRIVATE_FILE_H
#include "base/bytes.h"
#include "base/err.h"

/* Replace <data>/gateway/<name>; durable when this returns.  `mode` such as 0600.
 *
 * ERR_IO, ERR_NO_SPACE  `fault` names it
 */
MUST_CHECK enum err private_file_write(const char *data, const char *name,
    unsigned mode, struct bytes content, struct fault *fault);
#endif
