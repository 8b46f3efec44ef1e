#include "gateway/cells.h"

#include "base/wrong.h"

#include <stdatomic.h>
#include <stdlib.h>

struct cell {
    struct cell *next;
    struct cells *cells;
    uint8_t bytes[CELL_SIZE];
};

/*         fill               the message is closed
 *  spare ------> (out) -------------------------------> back
 *    ^                                                   |
 *    \____________ all at once, when spare is empty _____/
 */
struct cells {
    struct cell *spare;          /* ours alone */
    size_t count;                /* that there are */
    _Atomic(struct cell *) back; /* any thread adds */
    atomic_size_t held;          /* those out, and one for us */
};

struct cells *
cells_new(void)
{
    struct cells *cells = calloc(1, sizeof *cells);
    if (cells == NULL)
        WRONG("out of memory");
    atomic_init(&cells->back, NULL);
    atomic_init(&cells->held, 1);
    return cells;
}

static void
free_all(struct cell *at)
{
    while (at != NULL) {
        struct cell *next = at->next;
        free(at);
        at = next;
    }
}

/* Whoever is the last one frees them. */
static void
let_go(struct cells *cells)
{
    if (atomic_fetch_sub(&cells->held, 1) > 1)
        return;
    free_all(cells->spare);
    free_all(atomic_load(&cells->back));
    free(cells);
}

void
cells_free(struct cells **out)
{
    if (*out != NULL)
        let_go(*out);
    *out = NULL;
}

/* In any thread. */
static void
give_back(void *bytes, void *self)
{
    struct cell *cell = self;
    struct cells *cells = cell->cells;
    (void)bytes;
    cell->next = atomic_load(&cells->back);
    while (!atomic_compare_exchange_weak(&cells->back, &cell->next, cell))
        ;
    let_go(cells);
}

static struct cell *
cell_new(struct cells *cells)
{
    struct cell *cell = malloc(sizeof *cell);
    if (cell == NULL)
        WRONG("out of memory");
    cell->next = NULL;
    cell->cells = cells;
    cells->count++;
    return cell;
}

/* NULL: all are out. */
static struct cell *
take(struct cells *cells)
{
    if (cells->spare == NULL)
        cells->spare = atomic_exchange(&cells->back, NULL);
    if (cells->spare == NULL && cells->count < CELLS_MAX)
        cells->spare = cell_new(cells);
    struct cell *cell = cells->spare;
    if (cell != NULL)
        cells->spare = cell->next;
    return cell;
}

void
cells_fill(struct cells *cells, zmq_msg_t *message, struct bytes bytes)
{
    struct cell *cell = bytes.size <= CELL_SIZE ? take(cells) : NULL;
    if (cell == NULL) {
        if (zmq_msg_init_size(message, bytes.size) != 0)
            WRONG("out of memory");
        memcpy(zmq_msg_data(message), bytes.data, bytes.size);
        return;
    }
    memcpy(cell->bytes, bytes.data, bytes.size);
    atomic_fetch_add(&cells->held, 1);
    if (zmq_msg_init_data(message, cell->bytes, bytes.size, give_back, cell) != 0)
        WRONG("out of memory");
}
