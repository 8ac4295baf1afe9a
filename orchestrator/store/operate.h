/* Operations on a rollout. Each is one transaction: it changes the rollout, records an event, and raises the version by
 * one, so that of two operators who act on the same version the second is refused. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_OPERATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_OPERATE_H

#include "base/buffer.h"
#include "base/id.h"
#include "config/plan.h"
#include "orchestrator/access/access.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <stdbool.h>
#include <stdint.h>

enum operation {
    OPERATION_APPROVE,
    OPERATION_REJECT,
    OPERATION_WITHDRAW, /* an amendment that waits, by its author */
    OPERATION_PAUSE,
    OPERATION_RESUME,
    OPERATION_CANCEL,
    OPERATION_RETRY,
    OPERATION_ROLLBACK,
    OPERATION_PROMOTE, /* a group, without its silent and deferring devices */
    OPERATION_REVISE,
    OPERATION_BREAK_GLASS, /* run without approvals; others review that */
    OPERATION_AMEND,       /* change a value of the plan */
    OPERATION_EXCLUDE,     /* the devices of a scope */
    OPERATION_SKIP,        /* one device */
    OPERATION_PAUSE_GROUP,
    OPERATION_RESUME_GROUP,
    OPERATION_COUNT,
};

const char *operation_name(enum operation operation); /* "pause" */
/* Returns false for an unknown name. */
bool operation_find(const char *name, enum operation *operation);
/* Whether the operation is bound to the digest of the plan or of an amendment (approve, reject, withdraw), and not to
 * the rollout's version. */
bool operation_is_on_digest(enum operation operation);
/* Whether it takes devices out of a rollout: it reaches no further than these. */
bool operation_excludes(enum operation operation);

struct amendment_change; /* orchestrator/store/amendment.h */

struct operation_request {
    enum operation operation;
    int64_t rollout;
    const char *actor, *reason;
    int64_t version;         /* the version that the actor saw */
    const char *digest;      /* the digest of the plan that the actor read */
    const char *group;       /* promote, also past what failed; approve and reject: "" is the rollout as a whole */
    const char *match;       /* exclude: the scope as JSON; */
    const char *match_words; /* and as the actor wrote it */
    const char *device;      /* skip */
    int64_t amendment;       /* approve, reject and withdraw: its number; then the digest is its own; 0: none */
    const struct amendment_change *change; /* amend */
    int shard;                             /* of the counters */
    const struct access_scope *scope;      /* where the actor may do it; NULL: everywhere */
};

struct operated {
    enum operation operation;
    int64_t rollout;
    int64_t version; /* now */
    char name[TC_ID_SIZE];
    char state[32]; /* now */
    bool existing;  /* the same request was carried out before: nothing changed */
    struct {
        int64_t number; /* 0: the operation was about none */
        char state[32]; /* now */
        char digest[PLAN_DIGEST_SIZE];
    } amendment;
    struct refusal refusal; /* why it was refused, if so */
};

/* Carries out any operation but OPERATION_REVISE. The scheduler and the conductor do the rest (starts, cancellations,
 * groups) in their next cycle. TC_NOT_FOUND: no such rollout or group. TC_DENIED: the author may not approve, or a
 * device of it (of an exclude or a skip: of these) is outside of the scope. TC_CONFLICT: not allowed in this state, an
 * old version or digest, or nothing to do. `operated->refusal` then has the reason. TC_UNAVAILABLE also while the
 * policy of the store is not in force, for an operation that can let the rollout run. */
enum tc_error operate(struct store *store, const struct operation_request *operation_request, struct operated *operated,
                      struct tc_fault *fault);

/* At most, of a rollout: of scopes, and of single devices. */
#define EXCLUSIONS_MAX 1000
#define SKIPS_MAX 10000

/* Appends what an exclude or a skip would end, withdraw and let finish now, as JSON. TC_NOT_FOUND: the actor sees no
 * such rollout. TC_DENIED: it is not within the actor's scope. TC_CONFLICT: nothing can be excluded in its state, or it
 * is a collect. */
enum tc_error operate_preview_exclusion(struct store *store, const struct operation_request *operation_request,
                                        struct buffer *json, struct refusal *refusal, struct tc_fault *fault);

/* Appends what the pause of a group would hold up and let finish now, or what its resume would let go on, and when, as
 * JSON. Errors: as those of the order. */
enum tc_error operate_preview_pause(struct store *store, const struct operation_request *operation_request,
                                    struct buffer *json, struct refusal *refusal, struct tc_fault *fault);

struct new_rollout; /* orchestrator/store/planning.h */

/* Replaces the plan of a rollout by another one of the same name, before anything was started. The actor is its
 * author. */
enum tc_error operate_revise(struct store *store, const struct operation_request *operation_request,
                             const struct new_rollout *new_rollout, struct operated *operated, struct tc_fault *fault);

struct device_operation {
    const char *device, *actor, *reason;
    const struct access_scope *scope; /* where the actor may do it; NULL: everywhere */
    bool may_take_back;               /* a retired device, in `take_back_scope` */
    const struct access_scope *take_back_scope;
};

/* The operations on a device. Each appends what it did as JSON. TC_NOT_FOUND: no such device. TC_CONFLICT: there is
 * nothing to do. TC_DENIED: the actor's name is the orchestrator's, or it may not take back a retired device. `refusal`
 * has the reason. */
typedef enum tc_error operate_on_device(struct store *store, const struct device_operation *operation,
                                        struct buffer *done, struct refusal *refusal, struct tc_fault *fault);
/* Returns it to service, from being out of service (it no longer uses its branch's budget) or from being retired. */
operate_on_device operate_return_device;
/* Retires it: it gets nothing any more, and the conductor cancels its open instructions. */
operate_on_device operate_retire_device;

/* Appends the answer of all endpoints:
 * {"rollout":42,"name":…,"state":…,"version":8,"operation":"pause","existing":false}, and when it was about an
 * amendment "amendment":{"amendment":3,"state":…,"digest":…}. */
void operated_write(const struct operated *operated, struct buffer *body);

#endif
