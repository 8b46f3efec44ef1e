/* export - everything that is stored about one run, as one file.
 *
 * A sequence of msgpack arrays, each beginning with a word:
 *
 *   ["capstan-run", 1, project, run, automation, name, version, plan]
 *   ["blob", payload]                               of the record behind it
 *   ["record", number, at_ms, cause, trace, facts]  facts: code and body in turn; nil
 *                                                   where a fact of another run lay
 *   ["end", events, chain, status]                  as of the last record
 *   ["hash", BLAKE2b of all bytes before]           40 bytes, so that the last are
 * known
 *
 * Bodies are as the journal has them, so that the chain of the run can be made again;
 * payloads that lie beside the journal are named there by their hash.  Formats are read
 * for ever.
 */
#ifndef ACTORS_EXPORT_H
#define ACTORS_EXPORT_H

enum { EXPORT_FORMAT = 1, EXPORT_HEAD_ITEMS = 8, EXPORT_TAIL_SIZE = 40 };

#define EXPORT_HEAD   "capstan-run"
#define EXPORT_BLOB   "blob"
#define EXPORT_RECORD "record"
#define EXPORT_END    "end"
#define EXPORT_HASH   "hash"
#endif
