#include "actors/process.h"
#include "actors/registry/registry.h"

int
main(int argc, char **argv)
{
    return process_run(argc, argv, &registry_actor, journal_open);
}
