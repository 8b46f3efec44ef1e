/* instance - who this process is, when nobody says so. */
#include "base/clock.h"
#include "workers/c/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { INSTANCE_SIZE = 256, HOST_MAX = 180, CHANCE_TEXT = 8 };

static const char *
environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* A pod's host name is the pod's; elsewhere two workers may share one. */
static const char *
platform(void)
{
    static const char *const names[] = { "FLY_MACHINE_ID", "RAILWAY_REPLICA_ID",
        "RENDER_INSTANCE_ID" };
    const char *found = NULL;
    if (environment("KUBERNETES_SERVICE_HOST") != NULL)
        found = environment("HOSTNAME");
    for (size_t i = 0; i < COUNT(names) && found == NULL; i++)
        found = environment(names[i]);
    return found;
}

static void
print_chance(char *out, size_t count)
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint8_t chance[32];
    chance_fill(chance, sizeof chance);
    for (size_t i = 0; i < count; i++)
        out[i] = alphabet[chance[i] & 31];
    out[count] = '\0';
}

const char *
capstan_instance(char out[INSTANCE_SIZE])
{
    char host[HOST_MAX + 1] = "", chance[CHANCE_TEXT + 1];
    const char *revision = environment("K_REVISION"), *found = platform();
    print_chance(chance, CHANCE_TEXT);
    if (gethostname(host, HOST_MAX) != 0)
        host[0] = '\0';
    /* A revision of Cloud Run has many instances; they all have the same host name. */
    if (revision != NULL)
        snprintf(out, INSTANCE_SIZE, "%.180s-%s", revision, chance);
    else if (found != NULL)
        snprintf(out, INSTANCE_SIZE, "%.200s", found);
    else if (host[0] != '\0')
        snprintf(out, INSTANCE_SIZE, "%s-%s", host, chance);
    else
        print_chance(out, 26);
    return out;
}
