/* curve - the engine's key pair for the worker door, in the data folder. */
#ifndef GATEWAY_CURVE_H
#define GATEWAY_CURVE_H
#include "base/err.h"

/* Z85 text and a NUL */
enum { CURVE_TEXT_SIZE = 41 };

/* Read <data>/curve.secret, or make it and <data>/curve.public, which workers need.
 *
 * ERR_IO, ERR_NO_SPACE, ERR_CORRUPT  `fault` names the file
 */
MUST_CHECK enum err
curve_secret(const char *data, char secret[CURVE_TEXT_SIZE], struct fault *fault);
#endif
