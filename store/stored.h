/* stored - the bytes of one record on the device.
 *
 *    4     1      3     32     8        8       8
 *   +-----+------+-----+------+--------+-------+-------+-------
 *   | crc | form | 0   | hash | number | at_ms | epoch | facts …
 *   +-----+------+-----+------+--------+-------+-------+-------
 *
 * Numbers are little-endian.  crc: CRC32C of all that follows it.  hash: of the hash of
 * the record before and all that follows it here.  On disk: never change a form.  A
 * stripped record has a form of its own: its facts are fewer than those of its hash.
 */
#ifndef STORE_STORED_H
#define STORE_STORED_H
#include "base/buffer.h"
#include "store/journal.h"

enum { RECORD_HEAD = 64, NUMBER_SIZE = 8 };

/* Set the hash of `record`, which continues `before`, and append its bytes. */
void stored_write(struct record *record, const struct hash *before, struct buffer *out);

/* Read what stored_write wrote, as record `number`.  `record` borrows from `in`.
 *
 * ERR_CORRUPT  too short, of an unknown form, its CRC or its number is wrong
 */
MUST_CHECK enum err stored_read(
    struct bytes in, uint64_t number, struct record *record, struct fault *fault);

/* Append the record `in`, which was read, with `facts` in the place of its own. */
void stored_strip(struct bytes in, struct bytes facts, struct buffer *out);

/* Does the hash of the whole record `in`, which was read, continue `before`?  That of
 * a stripped one cannot be told, and is believed. */
bool stored_continues(struct bytes in, const struct hash *before);

/* Numbers as keys: big-endian, so that they sort. */
struct number_key {
    uint8_t bytes[NUMBER_SIZE];
};
struct number_key number_key(uint64_t number);
uint64_t number_of_key(struct bytes key);
#endif
