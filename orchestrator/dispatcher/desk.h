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

/* Answers that a thread remembers: a device that asks again and again costs no writing. A power of two. */
#define DESK_SENT 16384

struct sent {
    int64_t instruction;
    int32_t attempt;
};

struct desk {
    const struct dispatcher_config *config;
    struct store *store;
    struct cache *cache;
    struct shared_claims rollouts[DESK_ROLLOUTS];
    size_t next_rollout;
    struct buffer token;
    struct sent sent[DESK_SENT]; /* at the instruction's number modulo their count */
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

/* Signs the instruction and publishes it on the device's topic. An answer to an ask goes at QoS 0 (`batch` is NULL):
 * what is lost is asked for again. What a pull client will find when it comes is retained, at QoS 1, and counted in
 * `batch`. */
enum tc_error desk_publish_instruction(struct desk *desk, const struct answer *answer, struct broker_batch *batch,
                                       struct tc_fault *fault);

/* Remembers that the device was answered with this attempt of an instruction; true when it was lately, so that it
 * need not be written again. */
bool desk_remember_sent(struct desk *desk, int64_t instruction, int32_t attempt);

/* Tells a device that there is nothing for it; a pull client's retained topic is emptied. */
enum tc_error desk_publish_nothing(struct desk *desk, const char *device, enum device_role role);

#endif
