/* The parts of the test of libcapstan. */
#ifndef TEST_CAPSTAN_WORKER_H
#define TEST_CAPSTAN_WORKER_H
#include <check.h>

TCase *worker_leases(void);
TCase *worker_session(void);
TCase *worker_job(void);
TCase *worker_parts(void);
#endif
