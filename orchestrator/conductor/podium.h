/* What the conductor's files share. Private to the conductor. */
#ifndef TELLERCAST_ORCHESTRATOR_CONDUCTOR_PODIUM_H
#define TELLERCAST_ORCHESTRATOR_CONDUCTOR_PODIUM_H

#include "base/buffer.h"
#include "orchestrator/conductor/conductor.h"
#include "orchestrator/store/claim.h"

/* Rollouts whose progress was told, to tell only what changed. */
#define PROGRESS_ROLLOUTS 64

struct told_progress {
    int64_t rollout; /* 0: free */
    uint64_t hash;
};

struct conductor {
    struct conductor_config config;
    struct store *store;
    struct cache *cache;
    struct worker *worker;
    int64_t epoch; /* of the lease; 0: another orchestrator is the conductor */
    int64_t progress_told_ms;
    struct told_progress told[PROGRESS_ROLLOUTS];
    size_t next_told;
    struct buffer message;
    bool cache_is_suspect; /* it may hold what has ended */
};

/* deadlines.c: everything in the rollout whose time has come. */
enum tc_error conductor_sweep(struct conductor *conductor, const struct running_rollout *rollout,
                              struct tc_fault *fault);

/* groups.c: opens and ends groups, ends the rollout. `*ended` is true when it did. */
enum tc_error conductor_advance(struct conductor *conductor, const struct running_rollout *rollout, bool *ended,
                                struct tc_fault *fault);

/* progress.c: publishes the rollout's progress if it changed since it was told last. */
void conductor_tell_progress(struct conductor *conductor, int64_t rollout);

/* restore.c: puts back what Redis and the broker have lost. */
void conductor_restore_cache(struct conductor *conductor);
void conductor_restore_retained(struct conductor *conductor);

#endif
