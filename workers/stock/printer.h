/* printer - lines for stdout, many at once, without ever holding up a heartbeat.
 *
 * Lines gather in memory.  printer_flush writes what stdout takes at once; a thread
 * writes the rest, however slow the reader is.
 */
#ifndef WORKERS_STOCK_PRINTER_H
#define WORKERS_STOCK_PRINTER_H
#include "base/buffer.h"

enum { PRINTER_MAX = 1 << 20 }; /* bytes that may wait */

void printer_open(void);
/* Append the line and a newline; false if it would have to wait for the reader and
 * `wait` is not set. */
bool printer_line(struct bytes line, bool wait);
void printer_flush(void);
/* Write what is left, for at most `ms`. */
void printer_close(unsigned ms);
#endif
