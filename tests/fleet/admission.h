/* Limits the connections of a shard: how many at once, how many of them being made, and how many new ones a second. A
 * device beyond that waits, nodes first, until a connection is free or a device that has finished an instruction gives
 * its own up. Called on the shard's thread. */
#ifndef TELLERCAST_TESTS_FLEET_ADMISSION_H
#define TELLERCAST_TESTS_FLEET_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;
struct shard;

struct waiting_line {
    uint32_t first, last;
};

enum { WAITING_LINES = 2 }; /* nodes, and the other devices */

struct admission {
    size_t slots, used;
    size_t pending, pending_most;
    double tokens, tokens_per_ms;
    int64_t filled_ms;
    struct waiting_line lines[WAITING_LINES];
    struct waiting_line donors;
    bool was_full; /* since then a device that connects may have missed a command while it waited */
};

void admission_open(struct admission *admission, size_t slots, size_t pending_most, double connects_per_second);

/* Queues a device for a connection. It must not wait already. */
void admission_wait(struct shard *shard, struct device *device);
/* The device is idle and has finished: it may be disconnected for another one. */
void admission_offer(struct shard *shard, struct device *device);
/* The connection of the device is complete; it is closed. */
void admission_completed(struct shard *shard);
void admission_released(struct shard *shard, bool was_pending);

/* Connects waiting devices, as far as the limits allow. Returns the time of the next call; INT64_MAX: after an
 * event. */
int64_t admission_run(struct shard *shard);

#endif
