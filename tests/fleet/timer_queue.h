/* Timers of many owners, several kinds each. One thread.
 *
 * An entry stays in the queue when its timer is set again or stopped: the owner knows the present time of its timer,
 * and ignores an outdated entry. */
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
/* Returns the time of the earliest entry; INT64_MAX: there is none. */
int64_t timer_queue_next_ms(const struct timer_queue *queue);
void timer_queue_free(struct timer_queue *queue);

#endif
