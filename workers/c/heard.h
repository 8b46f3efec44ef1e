/* heard - one frame of the gateway, read in one pass.  Borrows from the frame. */
#ifndef WORKERS_C_HEARD_H
#define WORKERS_C_HEARD_H
#include "base/pack.h"

typedef struct bytes heard_text_t;
typedef struct bytes heard_blob_t;
typedef struct bytes heard_list_t;
typedef struct bytes heard_any_t;
typedef uint64_t heard_u64_t;
typedef bool heard_yes_t;

struct heard {
#define HEARD(kind, name, about) heard_##kind##_t name;
#include "workers/c/heard.def"
};

/* Keys that are not in the table are passed over.
 *
 * ERR_MALFORMED  not one msgpack map, no type, or a key with a value of another kind
 */
MUST_CHECK enum err heard_read(struct bytes frame, struct heard *heard);

/* Take the next token off a `lost` or `cancel` list.
 *
 * false  there is none, or what is there is no token
 */
bool heard_token(struct cursor *list, size_t *left, struct bytes *token);
/* Begin with a list, which may be absent. */
struct cursor heard_list(struct bytes list, size_t *left);
#endif
