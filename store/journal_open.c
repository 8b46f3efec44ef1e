#include "store/backend.h"
#include "store/journal.h"
#include "store/journal_memory.h"

enum err
journal_open(const char *url, const struct journal_options *options,
    struct journal **journal, struct fault *fault)
{
    static const char rocksdb[] = "rocksdb:", view[] = "rocksdb-view:";
    static const char still[] = "rocksdb-still:";
    *journal = NULL;
    if (strcmp(url, "memory:") == 0)
        return journal_open_memory(NULL, options, journal, fault);
    if (strncmp(url, rocksdb, strlen(rocksdb)) == 0)
        return journal_open_rocksdb(url + strlen(rocksdb), options, journal, fault);
    if (strncmp(url, view, strlen(view)) == 0)
        return journal_view_rocksdb(url + strlen(view), false, options, journal, fault);
    if (strncmp(url, still, strlen(still)) == 0)
        return journal_view_rocksdb(url + strlen(still), true, options, journal, fault);
    return fault_set(fault, ERR_INVALID, "no kind of journal is called \"%s\"", url);
}
