#include "tests/fuzz/bounds.h"

#include "base/wrong.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

enum { FLOOR = 512 * 1024, ROUNDS_MAX = 3 };

#ifdef __has_feature
    #if __has_feature(address_sanitizer)
        #define SANITIZED
    #endif
#endif
#ifdef __SANITIZE_ADDRESS__
    #define SANITIZED
#endif

#ifdef SANITIZED
enum { CPU_US_MAX = 8 * 50000, BYTES_PER_BYTE = 2 * 16 };
#else
enum { CPU_US_MAX = 50000, BYTES_PER_BYTE = 16 };
#endif

static _Thread_local ssize_t taken; /* bytes, by this thread */
static ssize_t before, most;        /* at bounds_begin(); the peak above it */
static uint64_t began_us, spent_us; /* of this input; the longest call */
static bool between;

static void
take(size_t size)
{
    taken += (ssize_t)size;
    if (between && taken - before > most)
        most = taken - before;
}

static void
give_back(size_t size)
{
    taken -= (ssize_t)size;
}

#ifdef SANITIZED
int __sanitizer_install_malloc_and_free_hooks(
    void (*on_malloc)(const volatile void *, size_t),
    void (*on_free)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *p);

static void
on_malloc(const volatile void *p, size_t size)
{
    (void)p;
    take(size);
}

static void
on_free(const volatile void *p)
{
    if (p != NULL)
        give_back(__sanitizer_get_allocated_size(p));
}

static void
listen_once(void)
{
    static bool listening;
    if (!listening
        && __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) == 0)
        WRONG("the sanitizer takes no hooks");
    listening = true;
}
#else
/* The C library's own, under the names by which everybody else calls ours. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

void *
malloc(size_t size)
{
    void *p = __libc_malloc(size);
    take(p == NULL ? 0 : malloc_usable_size(p));
    return p;
}

void *
calloc(size_t count, size_t size)
{
    void *p = __libc_calloc(count, size);
    take(p == NULL ? 0 : malloc_usable_size(p));
    return p;
}

void *
realloc(void *p, size_t size)
{
    size_t old = p == NULL ? 0 : malloc_usable_size(p);
    void *moved = __libc_realloc(p, size);
    if (moved != NULL || size == 0)
        give_back(old);
    take(moved == NULL ? 0 : malloc_usable_size(moved));
    return moved;
}

void
free(void *p)
{
    give_back(p == NULL ? 0 : malloc_usable_size(p));
    __libc_free(p);
}

static void
listen_once(void)
{
    /* the linker has made us everybody's malloc already */
}
#endif

bool
planted(const char *name)
{
    const char *asked = getenv("CAPSTAN_PLANTED");
    return asked != NULL && strcmp(asked, name) == 0;
}

static uint64_t
cpu_us(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
        WRONG("no clock for CPU time");
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The two bugs that every target finds. */
static void
misbehave(void)
{
    volatile uint64_t turns = 0;
    if (planted("slow"))
        while (cpu_us() - began_us <= CPU_US_MAX)
            turns++;
    if (planted("greedy")) {
        void *volatile much = malloc(BYTES_PER_BYTE * BOUNDED_INPUT_MAX + FLOOR + 1);
        free(much);
    }
}

void
bounds_begin(void)
{
    listen_once();
    between = true;
    before = taken;
    began_us = cpu_us();
    misbehave();
}

void
bounds_end(void)
{
    uint64_t us = cpu_us() - began_us;
    between = false;
    spent_us = us > spent_us ? us : spent_us;
}

void
bounds_forget(void)
{
    spent_us = 0;
    most = 0;
}

const char *
bounds_verdict(size_t input_size)
{
    if (input_size > BOUNDED_INPUT_MAX)
        return NULL;
    if (most > (ssize_t)(BYTES_PER_BYTE * input_size + FLOOR))
        return "it took more memory than its input may cost";
    if (spent_us > CPU_US_MAX)
        return "it took more CPU time than an input may cost";
    return NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const char *verdict = NULL;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bounds_forget();
        fuzz_one(bytes_of(input, size));
        verdict = bounds_verdict(size);
        if (verdict == NULL)
            return 0;
    }
    WRONG(verdict);
}
