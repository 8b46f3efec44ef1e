#include "actors/row_head.h"

static bool
keep_head(void *self, struct bytes key, struct bytes value)
{
    struct row_head *head = self;
    (void)value;
    head->key.size = key.size;
    memcpy(head->key.bytes, key.data, key.size);
    return false;
}

void
row_head_find(struct journal *journal, struct row_head *head, struct row_key from,
    const struct row_key *all)
{
    struct row_key to = row_key_after(all);
    head->key.size = 0;
    journal_scan(
        journal, row_key_bytes(&from), row_key_bytes(&to), false, keep_head, head);
}

void
row_head_put(struct row_head *head, const struct row_key *key)
{
    if (head->key.size == 0
        || bytes_order(row_key_bytes(key), row_key_bytes(&head->key)) < 0)
        head->key = *key;
}

void
row_head_drop(struct journal *journal, struct row_head *head, const struct row_key *key,
    const struct row_key *all)
{
    if (bytes_equal(row_key_bytes(key), row_key_bytes(&head->key)))
        row_head_find(journal, head, *key, all);
}
