/* codec - any message, to and from msgpack, by its field table.
 *
 * A body is a map keyed by field number; fields that are zero or empty are left out,
 * unknown ones are passed over, so that releases mix.  An envelope is an array in a
 * fixed order.  Nothing is copied: what is decoded borrows from the input.
 */
#ifndef TRANSPORT_CODEC_H
#define TRANSPORT_CODEC_H
#include "base/buffer.h"
#include "base/pack.h"
#include "transport/messages.h"

/* `blobs` NULL: everything goes into the body. */
void codec_write_body(
    const struct message *m, const struct field_blobs *blobs, struct buffer *out);

/* `m->code` says which body; all of it is overwritten, and m->raw set.
 *
 * ERR_MALFORMED  not a map, a field of another type, a text that is not UTF-8, a list
 *                that is not well-formed msgpack, a blob that is not there
 */
MUST_CHECK enum err
codec_read_body(struct cursor *in, const struct field_blobs *blobs, struct message *m);

/* Envelope and body, as they travel in one frame. */
void codec_write(const struct message *m, struct buffer *out);
/* ERR_MALFORMED also for a code or an actor that does not exist. */
MUST_CHECK enum err codec_read(struct bytes in, struct message *m);

/* One line for people: name and fields; secrets as "…", payloads by their size. */
void codec_print(const struct message *m, struct buffer *out);
#endif
