#include "clients/agent/inbox.h"

#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The last places are for the connection's own events, which must never wait: paho holds its lock then. */
enum { INBOX_SIZE = 64, INBOX_SHARED = 48 };

struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct inbox_item *items; /* a ring */
    size_t first, count;
    int event;
};

struct inbox *inbox_create(void)
{
    struct inbox *inbox = calloc(1, sizeof *inbox);
    TC_CHECK(inbox != NULL);
    inbox->items = calloc(INBOX_SIZE, sizeof *inbox->items);
    TC_CHECK(inbox->items != NULL);
    TC_CHECK(pthread_mutex_init(&inbox->lock, NULL) == 0);
    TC_CHECK(pthread_cond_init(&inbox->room, NULL) == 0);
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
    (void)close(inbox->event);
    (void)pthread_cond_destroy(&inbox->room);
    (void)pthread_mutex_destroy(&inbox->lock);
    free(inbox->items);
    free(inbox);
}

int inbox_descriptor(const struct inbox *inbox)
{
    return inbox->event;
}

static bool has_room(const struct inbox *inbox, enum inbox_kind kind)
{
    return inbox->count < (kind <= INBOX_CONNECTION_LOST ? INBOX_SIZE : INBOX_SHARED);
}

static void put(struct inbox *inbox, const struct inbox_item *item)
{
    const uint64_t one = 1;
    inbox->items[(inbox->first + inbox->count++) % INBOX_SIZE] = *item;
    TC_CHECK(write(inbox->event, &one, sizeof one) == (ssize_t)sizeof one);
}

bool inbox_put(struct inbox *inbox, const struct inbox_item *item)
{
    TC_CHECK(pthread_mutex_lock(&inbox->lock) == 0);
    bool is_taken = has_room(inbox, item->kind);
    if (is_taken)
        put(inbox, item);
    TC_CHECK(pthread_mutex_unlock(&inbox->lock) == 0);
    return is_taken;
}

void inbox_put_surely(struct inbox *inbox, const struct inbox_item *item)
{
    TC_CHECK(pthread_mutex_lock(&inbox->lock) == 0);
    while (!has_room(inbox, item->kind))
        TC_CHECK(pthread_cond_wait(&inbox->room, &inbox->lock) == 0);
    put(inbox, item);
    TC_CHECK(pthread_mutex_unlock(&inbox->lock) == 0);
}

bool inbox_take(struct inbox *inbox, struct inbox_item *item)
{
    uint64_t events;
    TC_CHECK(pthread_mutex_lock(&inbox->lock) == 0);
    bool is_there = inbox->count > 0;
    if (is_there) {
        *item = inbox->items[inbox->first];
        inbox->first = (inbox->first + 1) % INBOX_SIZE;
        inbox->count--;
        TC_CHECK(pthread_cond_signal(&inbox->room) == 0);
    }
    if (inbox->count == 0 && read(inbox->event, &events, sizeof events) < 0)
        TC_CHECK(errno == EAGAIN);
    TC_CHECK(pthread_mutex_unlock(&inbox->lock) == 0);
    return is_there;
}

void inbox_item_free(struct inbox_item *item)
{
    if (item->kind == INBOX_MESSAGE)
        free(item->message.payload);
}
