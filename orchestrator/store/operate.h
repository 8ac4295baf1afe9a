/* What people order on a rollout that is there. Each order is one transaction: the rollout, the event that tells of
 * it, and a version higher by one, which is how two people who give orders on the same ground notice each other. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_OPERATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_OPERATE_H

#include "base/buffer.h"
#include "base/id.h"
#include "orchestrator/store/store.h"

#include <stdbool.h>
#include <stdint.h>

enum operation {
    OPERATION_APPROVE,
    OPERATION_REJECT,
    OPERATION_PAUSE,
    OPERATION_RESUME,
    OPERATION_CANCEL,
    OPERATION_RETRY,
    OPERATION_ROLLBACK,
    OPERATION_REVISE,
    OPERATION_COUNT,
};

const char *operation_name(enum operation operation); /* "pause" */
/* False when `name` is none. */
bool operation_find(const char *name, enum operation *operation);
/* Approving and rejecting are bound to the plan's digest, the others to the rollout's version. */
bool operation_is_on_digest(enum operation operation);

struct operation_order {
    enum operation operation;
    int64_t rollout;
    const char *actor, *reason;
    int64_t version;    /* that the actor saw */
    const char *digest; /* of the plan that the actor read */
    const char *group;  /* approve and reject: ""  is the rollout as a whole */
    int shard;          /* of the counters */
};

struct operated {
    enum operation operation;
    int64_t rollout;
    int64_t version; /* now */
    char name[TC_ID_SIZE];
    char state[32]; /* now */
    bool existing;  /* this very order was carried out before: nothing was changed */
};

/* Carries out any order but OPERATION_REVISE. What it sets in motion (starts, cancellations, groups) the scheduler and
 * the conductor do when they look next. TC_NOT_FOUND: there is no such rollout or group. TC_DENIED: the author may not
 * approve. TC_CONFLICT: not in this state, on an old version or digest, or there is nothing to do; the text says how
 * it stands, and who did what last. */
enum tc_error operate(struct store *store, const struct operation_order *order, struct operated *operated,
                      struct tc_fault *fault);

struct submission; /* orchestrator/store/planning.h */

/* Puts another plan in the rollout's place, under the same name, while nothing of it was started. Its author is
 * order->actor. */
enum tc_error operate_revise(struct store *store, const struct operation_order *order,
                             const struct submission *submission, struct operated *operated, struct tc_fault *fault);

/* Appends what every door answers: {"rollout":42,"name":…,"state":…,"version":8,"operation":"pause","existing":false}.
 */
void operated_write(const struct operated *operated, struct buffer *body);

#endif
