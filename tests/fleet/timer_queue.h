/* Timers of many owners, several kinds each. One thread.
 *
 * An entry is not taken out when its timer is set anew or stopped: the owner knows what it waits for, and
 * passes over an entry that is not that any more. */
#ifndef TELLERCAST_TESTS_FLEET_TIMER_QUEUE_H
#define TELLERCAST_TESTS_FLEET_TIMER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer_entry {
    int64_t due_ms; /* monotonic */
    uint32_t owner;
    uint32_t kind;
};

struct timer_queue {
    struct timer_entry *entries; /* a heap, the earliest first */
    size_t count, capacity;
};

void timer_queue_put(struct timer_queue *queue, const struct timer_entry *entry);
/* Takes the earliest entry that is due by `now_ms`. */
bool timer_queue_take(struct timer_queue *queue, int64_t now_ms, struct timer_entry *entry);
/* When the earliest is due; INT64_MAX: never. */
int64_t timer_queue_next_ms(const struct timer_queue *queue);
void timer_queue_free(struct timer_queue *queue);

#endif
