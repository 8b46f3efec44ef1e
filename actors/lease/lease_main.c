#include "actors/lease/lease.h"
#include "actors/process.h"

int
main(int argc, char **argv)
{
    return process_run(argc, argv, &lease_actor, NULL);
}
