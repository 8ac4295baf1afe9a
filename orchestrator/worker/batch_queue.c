#include "orchestrator/worker/batch_queue.h"

#include "base/clock.h"
#include "base/condition.h"
#include "orchestrator/worker/fair_items.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A ring of `limit` items, or fair items. A lingering taker waits on `fuller`, apart from takers that wait for a first
 * item, so that it is woken once per batch and not once per item. */
struct batch_queue {
    pthread_mutex_t lock;
    pthread_cond_t not_full;
    pthread_cond_t not_empty;
    pthread_cond_t fuller;
    size_t item_size;
    size_t limit;
    size_t first;
    size_t length;
    size_t enough; /* the number of items that a lingering taker waits for */
    unsigned putters_waiting;
    unsigned takers_waiting;
    unsigned takers_lingering;
    bool woken;
    bool closed;
    unsigned char *items;    /* the ring; NULL: fair */
    struct fair_items *fair; /* NULL: a ring */
};

static struct batch_queue *make_queue(size_t item_size, size_t limit)
{
    TC_CHECK(item_size > 0 && limit > 0);
    struct batch_queue *queue = calloc(1, sizeof *queue);
    TC_CHECK(queue != NULL);
    queue->item_size = item_size;
    queue->limit = limit;
    TC_CHECK(pthread_mutex_init(&queue->lock, NULL) == 0);
    condition_open(&queue->not_full);
    condition_open(&queue->not_empty);
    condition_open(&queue->fuller);
    return queue;
}

struct batch_queue *batch_queue_open(size_t item_size, size_t limit)
{
    struct batch_queue *queue = make_queue(item_size, limit);
    queue->items = calloc(limit, item_size);
    TC_CHECK(queue->items != NULL);
    return queue;
}

struct batch_queue *batch_queue_open_fair(size_t item_size, size_t limit, const struct fair_rules *rules)
{
    struct batch_queue *queue = make_queue(item_size, limit);
    queue->fair = fair_items_open(item_size, limit, rules);
    return queue;
}

void batch_queue_free(struct batch_queue *queue)
{
    if (queue == NULL)
        return;
    (void)pthread_cond_destroy(&queue->fuller);
    (void)pthread_cond_destroy(&queue->not_empty);
    (void)pthread_cond_destroy(&queue->not_full);
    (void)pthread_mutex_destroy(&queue->lock);
    if (queue->fair != NULL)
        fair_items_free(queue->fair);
    free(queue->items);
    free(queue);
}

static void wait_for_space(struct batch_queue *queue, int wait_ms)
{
    int64_t deadline_ms = condition_deadline(wait_ms);
    queue->putters_waiting++;
    while (queue->length == queue->limit && !queue->closed) {
        if (!condition_wait(&queue->not_full, &queue->lock, deadline_ms))
            break;
    }
    queue->putters_waiting--;
}

static void append(struct batch_queue *queue, const void *item)
{
    size_t slot = (queue->first + queue->length) % queue->limit;
    memcpy(queue->items + slot * queue->item_size, item, queue->item_size);
    queue->length++;
}

/* A lingering taker will take this item, too: then no other taker is woken. */
static void announce_item(struct batch_queue *queue)
{
    if (queue->takers_lingering == 0) {
        if (queue->takers_waiting > 0)
            (void)pthread_cond_signal(&queue->not_empty);
    } else if (queue->length >= queue->enough) {
        (void)pthread_cond_signal(&queue->fuller);
    }
}

enum tc_error batch_queue_put(struct batch_queue *queue, const void *item, int wait_ms)
{
    TC_CHECK(queue->fair == NULL);
    enum tc_error error = TC_OK;
    (void)pthread_mutex_lock(&queue->lock);
    if (queue->length == queue->limit && wait_ms != 0)
        wait_for_space(queue, wait_ms);
    if (queue->closed) {
        error = TC_UNAVAILABLE;
    } else if (queue->length == queue->limit) {
        error = TC_BUSY;
    } else {
        append(queue, item);
        announce_item(queue);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return error;
}

enum tc_error batch_queue_put_from(struct batch_queue *queue, const struct fair_sender *sender, const void *item,
                                   bool *replaced)
{
    *replaced = false;
    if (queue->fair == NULL)
        return batch_queue_put(queue, item, -1);
    (void)pthread_mutex_lock(&queue->lock);
    enum fair_verdict verdict = FAIR_FULL;
    while (!queue->closed && (verdict = fair_items_put(queue->fair, sender, item)) == FAIR_FULL) {
        queue->putters_waiting++;
        (void)condition_wait(&queue->not_full, &queue->lock, CONDITION_FOREVER);
        queue->putters_waiting--;
    }
    *replaced = verdict == FAIR_REPLACED;
    queue->length = fair_items_length(queue->fair);
    if (verdict == FAIR_TAKEN)
        announce_item(queue);
    enum tc_error error = verdict == FAIR_FULL ? TC_UNAVAILABLE : verdict == FAIR_OVER ? TC_BUSY : TC_OK;
    (void)pthread_mutex_unlock(&queue->lock);
    return error;
}

/* The end of the next rest, if that is earlier. */
static int64_t until_ready(const struct batch_queue *queue, int64_t deadline_ms)
{
    int64_t next_ms = queue->fair == NULL ? INT64_MAX : fair_items_next_ms(queue->fair);
    return next_ms < deadline_ms ? next_ms : deadline_ms;
}

/* True when an item can be taken: the senders of all items in a fair queue may rest. */
static bool is_ready(const struct batch_queue *queue)
{
    if (queue->fair == NULL || queue->length == 0 || queue->closed)
        return queue->length > 0;
    return fair_items_are_ready(queue->fair) || fair_items_next_ms(queue->fair) <= clock_monotonic_ms();
}

static bool wait_for_first(struct batch_queue *queue, int64_t deadline_ms)
{
    bool in_time = deadline_ms > 0;
    queue->takers_waiting++;
    while (!is_ready(queue) && !queue->woken && !queue->closed && in_time) {
        int64_t until_ms = until_ready(queue, deadline_ms);
        in_time = condition_wait(&queue->not_empty, &queue->lock, until_ms) || until_ms < deadline_ms;
    }
    queue->takers_waiting--;
    return is_ready(queue);
}

static void wait_for_more(struct batch_queue *queue, size_t most, int linger_ms)
{
    int64_t deadline_ms = condition_deadline(linger_ms);
    size_t enough = most < queue->limit ? most : queue->limit;
    queue->enough = enough;
    queue->takers_lingering++;
    while (queue->length > 0 && queue->length < enough && !queue->closed) {
        if (!condition_wait(&queue->fuller, &queue->lock, deadline_ms))
            break;
    }
    queue->takers_lingering--;
}

static size_t take_items(struct batch_queue *queue, unsigned char *items, size_t most)
{
    if (queue->fair != NULL) {
        size_t taken = fair_items_take(queue->fair, items, most, queue->closed ? INT64_MAX : clock_monotonic_ms());
        queue->length = fair_items_length(queue->fair);
        return taken;
    }
    size_t count = queue->length < most ? queue->length : most;
    size_t until_end = queue->limit - queue->first;
    size_t before_wrap = count < until_end ? count : until_end;
    memcpy(items, queue->items + queue->first * queue->item_size, before_wrap * queue->item_size);
    memcpy(items + before_wrap * queue->item_size, queue->items, (count - before_wrap) * queue->item_size);
    queue->first = (queue->first + count) % queue->limit;
    queue->length -= count;
    return count;
}

static void announce_space(struct batch_queue *queue)
{
    if (queue->putters_waiting > 0)
        (void)pthread_cond_broadcast(&queue->not_full);
    if (queue->length > 0 && queue->takers_waiting > 0)
        (void)pthread_cond_signal(&queue->not_empty);
    if (queue->length == 0 && queue->takers_lingering > 0)
        (void)pthread_cond_broadcast(&queue->fuller);
}

size_t batch_queue_take(struct batch_queue *queue, void *items, size_t most, int wait_ms, int linger_ms)
{
    size_t count = 0;
    int64_t deadline_ms = wait_ms == 0 ? 0 : condition_deadline(wait_ms);
    (void)pthread_mutex_lock(&queue->lock);
    /* Another taker may have taken everything while this one lingered: then it waits again. */
    while (count == 0 && !queue->woken && wait_for_first(queue, deadline_ms)) {
        if (queue->woken)
            break;
        if (linger_ms > 0)
            wait_for_more(queue, most, linger_ms);
        count = take_items(queue, items, most);
    }
    if (count == 0)
        queue->woken = false;
    announce_space(queue);
    (void)pthread_mutex_unlock(&queue->lock);
    return count;
}

void batch_queue_wake(struct batch_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    queue->woken = !queue->closed;
    (void)pthread_cond_signal(&queue->not_empty);
    (void)pthread_mutex_unlock(&queue->lock);
}

void batch_queue_close(struct batch_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    queue->woken = false; /* else a taker would return without the items that are left */
    (void)pthread_cond_broadcast(&queue->not_full);
    (void)pthread_cond_broadcast(&queue->not_empty);
    (void)pthread_cond_broadcast(&queue->fuller);
    (void)pthread_mutex_unlock(&queue->lock);
}

bool batch_queue_is_closed(struct batch_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    bool closed = queue->closed;
    (void)pthread_mutex_unlock(&queue->lock);
    return closed;
}

size_t batch_queue_length(struct batch_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    size_t length = queue->length;
    (void)pthread_mutex_unlock(&queue->lock);
    return length;
}
