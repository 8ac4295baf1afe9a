/* What the conductor's files share. Private to the conductor. */
#ifndef TELLERCAST_ORCHESTRATOR_CONDUCTOR_PODIUM_H
#define TELLERCAST_ORCHESTRATOR_CONDUCTOR_PODIUM_H

#include "base/buffer.h"
#include "orchestrator/conductor/conductor.h"
#include "orchestrator/planner/order.h"
#include "orchestrator/store/conduct.h"
#include "orchestrator/store/course.h"

/* Rollouts whose progress was told, to tell only what changed. */
#define PROGRESS_ROLLOUTS 64

/* Instructions in one transaction. */
#define CONDUCT_ROWS 2000

/* Text for people: why a group or a rollout changed. */
#define REASON_SIZE 256

struct told_progress {
    int64_t rollout; /* 0: free */
    uint64_t hash;
};

enum rollback_order_state { ORDER_NONE, ORDER_GIVEN, ORDER_ANSWERED };

/* The one rollback that is on its way to the planner. */
struct rollback_order {
    struct order order;
    int64_t origin;
    atomic_int state;   /* enum rollback_order_state; the two below are the planner's while it is ORDER_GIVEN */
    int status;         /* of the answer */
    struct buffer body; /* of the answer */
    int64_t after;      /* origins up to this one have had their turn */
};

struct conductor {
    struct conductor_config config;
    struct store *store;
    struct cache *cache;
    struct worker *worker;
    bool announced;    /* that it started, to whoever is the conductor */
    int64_t epoch;     /* of the lease; 0: another orchestrator is the conductor */
    int64_t leased_ms; /* monotonic; when it was last taken */
    int64_t progress_told_ms;
    struct told_progress told[PROGRESS_ROLLOUTS];
    size_t next_told;
    struct buffer message;
    bool cache_is_suspect; /* it may hold what has ended */
    struct rollback_order rollback;
};

/* conductor.c: the end of a transaction that began with conduct_begin: commits when `error` is TC_OK. */
enum tc_error conductor_end(struct conductor *conductor, enum tc_error error, struct tc_fault *fault);
/* In between, whatever takes long: the lease is renewed when it is time. False when it was lost. */
bool conductor_keeps_lease(struct conductor *conductor);

/* deadlines.c: everything in the rollout whose time has come. */
enum tc_error conductor_sweep(struct conductor *conductor, const struct conducted_rollout *rollout,
                              struct tc_fault *fault);

/* endings.c: what is given up because the rollout is over or is being cancelled. */
enum tc_error conductor_give_up(struct conductor *conductor, const struct conducted_rollout *rollout,
                                struct tc_fault *fault);
/* What rollouts of lower priority have dispatched to its devices is withdrawn, to be taken back. */
enum tc_error conductor_preempt(struct conductor *conductor, const struct conducted_rollout *rollout,
                                struct tc_fault *fault);
/* After the commit: these devices must get no old answer from the cache or a retained topic. */
void conductor_forget(struct conductor *conductor, const struct released *released, size_t count);

/* groups.c: opens and ends groups, ends the rollout. `*changed` is true when the rollout's state did. */
enum tc_error conductor_advance(struct conductor *conductor, const struct conducted_rollout *rollout, bool *changed,
                                struct tc_fault *fault);

/* aborts.c: stops the rollout when too much of it went wrong. `*changed` is true when its state did. */
enum tc_error conductor_watch(struct conductor *conductor, const struct conducted_rollout *rollout,
                              const struct group *groups, size_t count, bool *changed, struct tc_fault *fault);

/* rollbacks.c: orders what takes rollouts back. */
void conductor_order_rollbacks(struct conductor *conductor);
void conductor_close_rollbacks(struct conductor *conductor);

/* progress.c: publishes the rollout's progress if it changed since it was told last. */
void conductor_tell_progress(struct conductor *conductor, int64_t rollout);

/* restore.c: puts back what Redis and the broker have lost, and asks what is in flight for its state. */
void conductor_restore_cache(struct conductor *conductor);
void conductor_restore_flights(struct conductor *conductor);

#endif
