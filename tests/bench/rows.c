#include "tests/bench/rows.h"

#include <stdio.h>
#include <stdlib.h>

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void
bench_row(const char *name, const char *unit, double (*round)(void *self), void *self)
{
    double figures[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        figures[i] = round(self);
    qsort(figures, ROUNDS, sizeof figures[0], ascending);
    printf("%s\t%.1f\t%s\t%.1f\t%.1f\n", name, figures[ROUNDS / 2], unit, figures[0],
        figures[ROUNDS - 1]);
    fflush(stdout);
}
