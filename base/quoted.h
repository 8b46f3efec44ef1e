/* quoted - a stranger's text, fit for a message: quoted, escaped and cut. */
#ifndef BASE_QUOTED_H
#define BASE_QUOTED_H
#include "base/bytes.h"

struct quoted {
    char text[96];
};

struct quoted quoted(struct bytes in);
#endif
