/* inputs - what an automation declares of its inputs, and the inputs of one run.
 *
 * Declared is a map: name → { type, description, required, default }, and whatever else
 * a schema may say of it, or nil.  If anything is declared, only that may be given.
 */
#ifndef ACTORS_SCHEMA_INPUTS_H
#define ACTORS_SCHEMA_INPUTS_H
#include "actors/schema/schema.h"
#include "base/buffer.h"

/* Append the schema of the inputs; `true` if nothing is declared. */
void schema_of_inputs(struct bytes declared, struct buffer *schema);

/* Append the inputs with the defaults of those that are not given; no inputs are an
 * empty map.  What is no map stays as it is. */
void schema_fill_defaults(struct bytes declared, struct bytes inputs,
    struct arena *arena, struct buffer *filled);

/* Both, and the judgement: complete the inputs and say what is wrong with them.
 * `filled` is appended to in any case; errors are those of schema_validate. */
MUST_CHECK enum err inputs_complete(struct bytes declared, struct bytes inputs,
    struct arena *arena, struct buffer *filled, struct schema_mistakes *mistakes);
#endif
