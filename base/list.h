/* list - things in the order in which they were added, through a link inside each. */
#ifndef BASE_LIST_H
#define BASE_LIST_H
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

/* The thing of `type` whose member `link` is `at`. */
#define LIST_OF(at, type, link) ((type *)(void *)((char *)(at)-offsetof(type, link)))

static inline void
list_open(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool
list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void
list_append(struct list *head, struct list *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Also right for a link that is in no list, if list_open made it. */
static inline void
list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_open(link);
}

static inline struct list *
list_first(const struct list *head)
{
    return head->next == head ? NULL : head->next;
}
#endif
