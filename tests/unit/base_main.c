#include "tests/unit/suites.h"

#include <sodium.h>

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(buffer_suite());
    srunner_add_suite(runner, config_suite());
    srunner_add_suite(runner, counters_suite());
    srunner_add_suite(runner, folder_suite());
    srunner_add_suite(runner, hash_suite());
    srunner_add_suite(runner, id_suite());
    srunner_add_suite(runner, json_read_suite());
    srunner_add_suite(runner, log_suite());
    srunner_add_suite(runner, map_suite());
    srunner_add_suite(runner, pack_suite());
    srunner_add_suite(runner, pattern_suite());
    srunner_add_suite(runner, seal_suite());
    srunner_add_suite(runner, stamp_suite());
    srunner_add_suite(runner, status_suite());
    srunner_add_suite(runner, texts_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
