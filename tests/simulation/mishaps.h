/* mishaps - what befalls the world until it heals. */
#ifndef TESTS_SIMULATION_MISHAPS_H
#define TESTS_SIMULATION_MISHAPS_H
#include "tests/simulation/sim.h"

void mishaps_open(struct sim *sim);
/* Nothing more happens, and what stood still goes on. */
void mishaps_heal(struct sim *sim);
#endif
