/* crc32c - Castagnoli's checksum, the one RocksDB's files carry. */
#ifndef STORE_CRC32C_H
#define STORE_CRC32C_H
#include "base/bytes.h"

/* The checksum of what `crc` stands for and `more`; begin with 0. */
uint32_t crc32c(uint32_t crc, struct bytes more);
/* The same for a processor that has no instruction for it. */
uint32_t crc32c_by_table(uint32_t crc, struct bytes more);
#endif
