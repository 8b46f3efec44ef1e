/* reference - what a $ref means: "#", or "#/$defs/address", in the same schema. */
#ifndef ACTORS_SCHEMA_REFERENCE_H
#define ACTORS_SCHEMA_REFERENCE_H
#include "base/pack.h"

/* The schema that `reference` names, within `root`; nothing if there is none. */
struct bytes reference_find(struct bytes root, struct bytes reference);
#endif
