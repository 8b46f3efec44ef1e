/* sim - a whole engine in one process: one seed drives time, network, disks, crashes,
 * workers and clients.
 *
 * Time is virtual and in microseconds; things happen one after the other, in the order
 * of their time and then of their being planned.  First there are faults, then the
 * world heals, and all that was accepted must come to its end.
 */
#ifndef TESTS_SIMULATION_SIM_H
#define TESTS_SIMULATION_SIM_H
#include "base/buffer.h"
#include "base/config.h"
#include "base/id.h"
#include "base/list.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/dials.h"
#include "transport/messages.h"

struct machine;
struct oracle;
struct gateway;
struct strangers;
struct clients;
struct publishers;
struct keepers;
struct event;
struct zones;

enum { MACHINES_MAX = 10, SECOND_US = 1000000, MS_US = 1000 };

struct sim {
    uint64_t seed;
    bool verbose;
    const char *only;
    struct trims trims;
    uint64_t now_us;
    uint64_t hash; /* of all that was said: the same seed, the same hash */
    uint64_t steps, messages;
    bool healed;
    bool removing; /* runs may be gone: see removal_check.c */
    struct chance chance[STREAM_COUNT];
    struct dials dials;
    struct config config;
    const struct zones *zones;
    uint8_t secret[32];

    struct event *events; /* a heap, the next one first */
    size_t event_count, event_capacity;
    uint64_t planned;

    struct machine *machines[MACHINES_MAX];
    size_t machine_count;
    struct gateway *gateway;
    struct strangers *strangers; /* workers */
    struct clients *clients;
    struct publishers *publishers;
    struct keepers *keepers;
    struct oracle *oracle;
};

struct sim_options {
    bool verbose; /* print everything that is said */
    bool steady;  /* nothing bad happens */
    struct trims trims;
    const char *only; /* the one invariant that is looked at; NULL: all are */
    const struct zones *zones;
};

/* Live through one seed; a broken invariant ends the process.  Returns the hash. */
uint64_t sim_run(uint64_t seed, const struct sim_options *options);

/* So much has happened in the world that lives. */
uint64_t sim_steps(void);

/* The kind of world that a seed makes. */
struct dials sim_dials(uint64_t seed);

/* Let `happen` be called in `after_us`.  What is `owned` is freed after that, unless it
 * was taken by setting it to NULL, or when the world ends before. */
typedef void happen_fn(struct sim *sim, void *self, uint64_t number, void **owned);
void sim_plan(struct sim *sim, uint64_t after_us, happen_fn *happen, void *self,
    uint64_t number, void *owned);

/* Let so many seconds pass. */
void sim_live(struct sim *sim, uint64_t seconds);

/* A stream of chance. */
static inline struct chance *
sim_chance(struct sim *sim, enum chance_stream stream)
{
    return &sim->chance[stream];
}

/* Wall time of a clock that is right, unix ms. */
uint64_t sim_wall_ms(const struct sim *sim);
struct id sim_id(struct sim *sim, enum chance_stream stream, unsigned partition);
/* Room, zeroed; never NULL. */
void *sim_room(size_t size);

/* Mix into the hash. */
void sim_note(struct sim *sim, struct bytes bytes);
/* A line of the trace, if it is wanted. */
void sim_trace(const struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sim_trace_message(const struct sim *sim, const char *what, const char *from,
    const char *to, const struct message *m);
/* An invariant does not hold: say so and abort; go on if it is not looked at. */
void sim_broken(const struct sim *sim, const char *invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A world in which only one invariant is looked at has come to nothing. */
_Noreturn void sim_give_up(void);
enum { EXIT_NOTHING = 3 };
#define HOLDS(sim, condition, ...)                                                     \
    do {                                                                               \
        if (!(condition))                                                              \
            sim_broken((sim), __func__, __VA_ARGS__);                                  \
    } while (0)

/* Things that must happen in some seed, or the world is too kind: see probes.def. */
enum probe {
#define PROBE(name, sentence) PROBE_##name,
#include "tests/simulation/probes.def"
    PROBE_COUNT
};
void sim_probe(enum probe probe);
/* Count in this room of PROBE_COUNT from now on. */
void sim_probes_at(uint64_t *counts);
const char *sim_probe_name(enum probe probe);
const char *sim_probe_sentence(enum probe probe);
/* A world in which this happens fails. */
void sim_forbid(enum probe probe);
#endif
