#include "tests/fleet/timer_queue.h"

#include "base/fault.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 1024 };

void timer_queue_put(struct timer_queue *queue, const struct timer_entry *entry)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? FIRST_CAPACITY : 2 * queue->capacity;
        queue->entries = realloc(queue->entries, queue->capacity * sizeof *queue->entries);
        TC_CHECK(queue->entries != NULL);
    }
    size_t at = queue->count++;
    while (at > 0 && queue->entries[(at - 1) / 2].due_ms > entry->due_ms) {
        queue->entries[at] = queue->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    queue->entries[at] = *entry;
}

/* Moves `entry` down from the top of the heap to its place. */
static void sink(struct timer_queue *queue, struct timer_entry entry)
{
    size_t at = 0;
    for (size_t child = 1; child < queue->count; child = 2 * at + 1) {
        if (child + 1 < queue->count && queue->entries[child + 1].due_ms < queue->entries[child].due_ms)
            child++;
        if (queue->entries[child].due_ms >= entry.due_ms)
            break;
        queue->entries[at] = queue->entries[child];
        at = child;
    }
    queue->entries[at] = entry;
}

bool timer_queue_take(struct timer_queue *queue, int64_t now_ms, struct timer_entry *entry)
{
    if (timer_queue_next_ms(queue) > now_ms)
        return false;
    *entry = queue->entries[0];
    queue->count--;
    if (queue->count > 0)
        sink(queue, queue->entries[queue->count]);
    return true;
}

int64_t timer_queue_next_ms(const struct timer_queue *queue)
{
    return queue->count == 0 ? INT64_MAX : queue->entries[0].due_ms;
}

void timer_queue_free(struct timer_queue *queue)
{
    free(queue->entries);
    *queue = (struct timer_queue){0};
}
