#include "tests/unit/test_capstan_worker.h"

#include <stdlib.h>

int
main(void)
{
    Suite *s = suite_create("capstan_worker");
    suite_add_tcase(s, worker_parts());
    suite_add_tcase(s, worker_job());
    suite_add_tcase(s, worker_leases());
    suite_add_tcase(s, worker_session());
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
