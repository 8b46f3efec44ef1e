#include "store/mark.h"

#include "store/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

/*   8        8          4
 *  +--------+----------+-----+
 *  | "mark1"| sequence | crc |   little-endian; far less than a sector: never torn
 *  +--------+----------+-----+
 */
enum { SEQUENCE = 8, CRC = 16, MARK_SIZE = 20 };
static const uint8_t magic[SEQUENCE] = "mark1";

static void
put_little(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void
mark_make(uint64_t sequence, uint8_t out[MARK_SIZE])
{
    memcpy(out, magic, SEQUENCE);
    put_little(out + SEQUENCE, sequence, 8);
    put_little(out + CRC, crc32c(0, bytes_of(out, CRC)), 4);
}

enum err
mark_open(const char *folder, int *mark, struct fault *fault)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/mark", folder) >= (int)sizeof path)
        return fault_set(fault, ERR_IO, "%s: its path is too long", folder);
    *mark = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*mark < 0)
        return fault_set(fault, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: %s", path,
            strerror(errno));
    if (flock(*mark, LOCK_EX | LOCK_NB) == 0)
        return ERR_NONE;
    int why = errno;
    close(*mark);
    *mark = -1;
    if (why == EWOULDBLOCK)
        return fault_set(fault, ERR_CONFLICT, "%s: another process owns it", folder);
    return fault_set(fault, ERR_IO, "%s: %s", path, strerror(why));
}

uint64_t
mark_read(int mark)
{
    uint8_t stored[MARK_SIZE], expected[MARK_SIZE];
    uint64_t sequence = 0;
    if (pread(mark, stored, sizeof stored, 0) != sizeof stored)
        return 0;
    for (int i = 0; i < 8; i++)
        sequence |= (uint64_t)stored[SEQUENCE + i] << 8 * i;
    mark_make(sequence, expected);
    return memcmp(stored, expected, sizeof stored) == 0 ? sequence : 0;
}

enum err
mark_write(int mark, uint64_t sequence, struct fault *fault)
{
    uint8_t made[MARK_SIZE];
    mark_make(sequence, made);
    ssize_t written = pwrite(mark, made, sizeof made, 0);
    if (written == sizeof made)
        return ERR_NONE;
    return fault_set(fault, written < 0 && errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
        "mark: %s", written < 0 ? strerror(errno) : "short write");
}
