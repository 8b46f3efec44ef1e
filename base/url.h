/* url - addresses that somebody gave us to call. */
#ifndef BASE_URL_H
#define BASE_URL_H
#include "base/bytes.h"

/* http:// or https:// and something behind it, without spaces and the other characters
 * that RFC 3986 has written as %XX. */
bool url_valid(struct bytes url);
#endif
