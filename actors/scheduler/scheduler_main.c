#include "actors/process.h"
#include "actors/scheduler/scheduler.h"

int
main(int argc, char **argv)
{
    return process_run(argc, argv, &scheduler_actor, journal_open);
}
