#include "actors/view/followers.h"

#include "base/folder.h"
#include "base/log.h"

#include <stdio.h>

enum { CACHE_BYTES_MIN = 256 * 1024 };

void
followers_open(struct followers *followers, const struct config *config)
{
    *followers = (struct followers){ .config = config };
}

void
followers_close(struct followers *followers)
{
    for (uint32_t i = 0; i < followers->config->schedulers; i++)
        journal_close(&followers->rows[i].journal);
}

void
followers_begin(struct followers *followers)
{
    followers->batch++;
}

static size_t
share(uint64_t bytes, uint32_t count)
{
    uint64_t part = bytes / count;
    return part > CACHE_BYTES_MIN ? (size_t)part : CACHE_BYTES_MIN;
}

static enum err
open_journal(const struct followers *followers, uint32_t partition,
    struct journal **journal, struct fault *fault)
{
    const struct config *config = followers->config;
    struct journal_options options = {
        .memtable_bytes = config->memtable_bytes,
        .block_cache_bytes = share(config->cache_bytes, config->schedulers),
        .state_cache_bytes = share(config->state_cache_bytes, config->schedulers),
    };
    char folder[FOLDER_PATH_MAX], url[FOLDER_PATH_MAX + 16];
    folder_journal(config->data, "scheduler", partition, folder);
    snprintf(url, sizeof url, "rocksdb-view:%s", folder);
    return journal_open(url, &options, journal, fault);
}

static void
complain(
    struct follower *follower, uint32_t partition, enum err err, const char *detail)
{
    if (err != follower->err && err != ERR_NONE && err != ERR_NOT_FOUND)
        log_line(LOG_UNUSUAL, "journal_view", "partition=%u err=%s detail=\"%s\"",
            partition, err_name(err), detail);
    follower->err = err;
}

struct journal *
followers_journal(void *self, uint32_t partition)
{
    struct followers *followers = self;
    struct follower *follower = &followers->rows[partition];
    struct fault fault = { 0 };
    enum err err;

    if (follower->batch == followers->batch)
        return follower->journal;
    follower->batch = followers->batch;
    if (follower->journal == NULL)
        err = open_journal(followers, partition, &follower->journal, &fault);
    else if ((err = journal_catch_up(follower->journal, &fault)) != ERR_NONE)
        journal_close(&follower->journal);
    complain(follower, partition, err, fault.detail);
    return follower->journal;
}

void
followers_refresh(struct followers *followers)
{
    followers_begin(followers);
    for (uint32_t i = 0; i < followers->config->schedulers; i++)
        (void)followers_journal(followers, i);
}
