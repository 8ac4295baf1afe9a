#include "clients/agent/inbox.h"

#include "base/fault.h"
#include "clients/agent/inbox_merge.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t space; /* for the worker's items */
    struct inbox_list list;
    int event;
};

struct inbox *inbox_create(void)
{
    struct inbox *inbox = calloc(1, sizeof *inbox);
    TC_CHECK(inbox != NULL);
    TC_CHECK(pthread_mutex_init(&inbox->lock, NULL) == 0);
    TC_CHECK(pthread_cond_init(&inbox->space, NULL) == 0);
    inbox->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    TC_CHECK(inbox->event >= 0);
    return inbox;
}

void inbox_destroy(struct inbox *inbox)
{
    if (inbox == NULL)
        return;
    struct inbox_item item;
    while (inbox_take(inbox, &item))
        inbox_item_free(&item);
    inbox_list_free(&inbox->list);
    (void)close(inbox->event);
    (void)pthread_cond_destroy(&inbox->space);
    (void)pthread_mutex_destroy(&inbox->lock);
    free(inbox);
}

int inbox_descriptor(const struct inbox *inbox)
{
    return inbox->event;
}

/* Call it with the lock held. */
static void add(struct inbox *inbox, struct inbox_entry *entry)
{
    const uint64_t one = 1;
    inbox_list_add(&inbox->list, entry);
    TC_CHECK(write(inbox->event, &one, sizeof one) == (ssize_t)sizeof one);
}

void inbox_put(struct inbox *inbox, const struct inbox_item *item)
{
    struct inbox_entry *entry = inbox_entry_create(item);
    TC_CHECK(entry->class != CLASS_WORK);
    TC_CHECK(pthread_mutex_lock(&inbox->lock) == 0);
    add(inbox, entry);
    TC_CHECK(pthread_mutex_unlock(&inbox->lock) == 0);
}

void inbox_put_work(struct inbox *inbox, const struct inbox_item *item)
{
    struct inbox_entry *entry = inbox_entry_create(item);
    TC_CHECK(entry->class == CLASS_WORK);
    TC_CHECK(pthread_mutex_lock(&inbox->lock) == 0);
    while (inbox->list.counts[CLASS_WORK] >= INBOX_WORK_MAX)
        TC_CHECK(pthread_cond_wait(&inbox->space, &inbox->lock) == 0);
    add(inbox, entry);
    TC_CHECK(pthread_mutex_unlock(&inbox->lock) == 0);
}

bool inbox_take(struct inbox *inbox, struct inbox_item *item)
{
    uint64_t events;
    TC_CHECK(pthread_mutex_lock(&inbox->lock) == 0);
    struct inbox_entry *entry = inbox_list_take(&inbox->list);
    if (entry != NULL && entry->class == CLASS_WORK)
        TC_CHECK(pthread_cond_signal(&inbox->space) == 0);
    if (inbox->list.length == 0 && read(inbox->event, &events, sizeof events) < 0)
        TC_CHECK(errno == EAGAIN);
    TC_CHECK(pthread_mutex_unlock(&inbox->lock) == 0);
    if (entry == NULL)
        return false;
    *item = entry->item;
    start_free(&entry->start);
    free(entry);
    return true;
}
