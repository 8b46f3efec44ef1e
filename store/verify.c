#include "store/verify.h"

#include "store/stored.h"

#include <inttypes.h>
#include <stdio.h>

struct verification {
    uint64_t number; /* of the record before */
    uint64_t at_ms;
    struct hash hash;
    enum err err;
    struct fault *fault;
};

static enum err
check_record(struct verification *v, struct bytes key, struct bytes value)
{
    struct record record;
    if (key.size != NUMBER_SIZE || number_of_key(key) != v->number + 1)
        return fault_set(
            v->fault, ERR_CORRUPT, "record %" PRIu64 " is missing", v->number + 1);
    if (stored_read(value, v->number + 1, &record, v->fault) != ERR_NONE)
        return v->fault->err;
    if (!stored_continues(value, &v->hash))
        return fault_set(v->fault, ERR_CORRUPT,
            "the hash of record %" PRIu64 " does not continue the one before",
            record.number);
    if (record.at_ms < v->at_ms)
        return fault_set(v->fault, ERR_CORRUPT,
            "record %" PRIu64 " is of an earlier time than the one before",
            record.number);
    v->number = record.number;
    v->at_ms = record.at_ms;
    v->hash = record.hash;
    return ERR_NONE;
}

static bool
verify_record(void *self, struct bytes key, struct bytes value)
{
    struct verification *v = self;
    v->err = check_record(v, key, value);
    return v->err == ERR_NONE;
}

static bool
verify_row(void *self, struct bytes key, struct bytes value)
{
    (void)self, (void)key, (void)value; /* reading it checked it */
    return true;
}

static bool
verify_blob(void *self, struct bytes key, struct bytes value)
{
    struct verification *v = self;
    struct hash hash = hash_of(value);
    if (key.size > HASH_SIZE) /* how often it was put */
        return true;
    if (bytes_equal(key, bytes_of(hash.bytes, HASH_SIZE)))
        return true;
    char name[2 * 8 + 1] = { 0 };
    for (size_t i = 0; i < 8 && i < key.size; i++)
        snprintf(name + 2 * i, 3, "%02x", key.data[i]);
    v->err = fault_set(v->fault, ERR_CORRUPT, "blob %s… fails its hash", name);
    return false;
}

enum err
verify(const struct backend *backend, void *self, uint64_t last, struct fault *fault)
{
    static each_fn *const each[SHELF_COUNT] = {
        [SHELF_RECORDS] = verify_record,
        [SHELF_ROWS] = verify_row,
        [SHELF_BLOBS] = verify_blob,
    };
    struct verification v = { .fault = fault };
    struct range all = { 0 };
    for (int shelf = 0; shelf < SHELF_COUNT; shelf++) {
        enum err e =
            backend->scan(self, (enum shelf)shelf, &all, each[shelf], &v, fault);
        if (e == ERR_NONE)
            e = v.err;
        if (e != ERR_NONE)
            return e;
    }
    if (v.number < last)
        return fault_set(
            fault, ERR_CORRUPT, "record %" PRIu64 " is missing", v.number + 1);
    return ERR_NONE;
}
