/* rows - what a bench prints: name, median, unit, least and most of several rounds. */
#ifndef TESTS_BENCH_ROWS_H
#define TESTS_BENCH_ROWS_H
enum { ROUNDS = 5 };
/* Call `round` ROUNDS times; it returns a figure. */
void
bench_row(const char *name, const char *unit, double (*round)(void *self), void *self);
#endif
