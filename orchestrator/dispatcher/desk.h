/* What one thread of the dispatcher works with: its connections, and the rollouts it has signed for lately.
 * Private to the dispatcher. */
#ifndef TELLERCAST_ORCHESTRATOR_DISPATCHER_DESK_H
#define TELLERCAST_ORCHESTRATOR_DISPATCHER_DESK_H

#include "orchestrator/dispatcher/dispatcher.h"
#include "orchestrator/store/store.h"

/* Rollouts whose shared claims a thread remembers. */
#define DESK_ROLLOUTS 32

struct shared_claims {
    int64_t rollout; /* 0: free */
    struct buffer text;
};

struct desk {
    const struct dispatcher_config *config;
    struct store *store;
    struct cache *cache;
    struct shared_claims rollouts[DESK_ROLLOUTS];
    size_t next_rollout;
    struct buffer token;
};

struct desk *desk_open(const struct dispatcher_config *config, const char *role);
void desk_close(struct desk *desk);

/* What is to be signed for a device. */
struct answer {
    const char *device;
    int64_t instruction, rollout, epoch, start_before_s;
    int32_t attempt;
    enum device_role role;
};

/* Signs the instruction and publishes it on the device's topic, for a pull client retained and at QoS 1 (counted in
 * `batch`, which may be NULL), else at QoS 0: what is lost is asked for again. */
enum tc_error desk_publish_instruction(struct desk *desk, const struct answer *answer, struct broker_batch *batch,
                                       struct tc_fault *fault);

/* Tells a device that there is nothing for it; a pull client's retained topic is emptied. */
enum tc_error desk_publish_nothing(struct desk *desk, const char *device, enum device_role role);

#endif
