#include "actors/process.h"
#include "actors/trigger/trigger.h"

int
main(int argc, char **argv)
{
    return process_run(argc, argv, &trigger_actor, journal_open);
}
