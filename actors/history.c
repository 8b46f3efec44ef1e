#include "actors/history.h"

const char *
history_name(enum message_code code)
{
    static const char *const names[MESSAGE_END] = {
#define HISTORY(code, event) [code] = event,
#include "actors/history.def"
    };
    return (unsigned)code < MESSAGE_END ? names[code] : NULL;
}
