/* The course of rollouts as the conductor keeps it: what runs, how far its groups are, and each change of a group's or
 * a rollout's state together with the event that tells it. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_COURSE_H
#define TELLERCAST_ORCHESTRATOR_STORE_COURSE_H

#include "base/id.h"
#include "orchestrator/rollout/abort.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/rollout/gate.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/store/store.h"

#include <stddef.h>

/* Who did it when nobody did. */
#define COURSE_ACTOR "tellercast"

/* What the conductor must know of a rollout that goes on: running, paused, cancelling, or over before its approval. */
struct conducted_rollout {
    int64_t id;
    char name[TC_ID_SIZE];
    enum rollout_state state;
    int64_t version;
    int priority;
    bool preempts;
    struct execution_rules rules;
    struct abort_rule *abort_rules;
    int64_t *abort_seen; /* one for each of them; see rollout/abort.h */
    size_t abort_count;
    bool rolls_back_on_abort, rolls_back_on_failed, rolls_back_on_timed_out;
    int64_t now_ms; /* the database's clock */
};

/* All of them, in order; for course_free_rollouts(). */
enum tc_error course_read_rollouts(struct store *store, struct conducted_rollout **rollouts, size_t *count,
                                   struct tc_fault *fault);
void course_free_rollouts(struct conducted_rollout *rollouts, size_t count);

struct group {
    int number;
    char name[TC_ID_SIZE];
    enum group_state state;
    struct group_rules rules;
    struct group_progress progress;
    int64_t out_of_service; /* for good; counted only when asked for */
};

/* The groups of a rollout in order; `*groups` is the caller's to free. */
enum tc_error course_read_groups(struct store *store, int64_t rollout, bool with_out_of_service, struct group **groups,
                                 size_t *count, struct tc_fault *fault);

/* Each change of a course stands in a transaction of conduct.h that begins with this: nobody else changes the rollout
 * until its end. TC_CONFLICT: somebody did since it was read; it must be read again. */
enum tc_error course_hold(struct store *store, const struct conducted_rollout *rollout, struct tc_fault *fault);

/* The group, which is in state `group->state`, goes to `to`. `reason` is for people. */
enum tc_error course_move_group(struct store *store, int64_t rollout, const struct group *group, enum group_state to,
                                const char *reason, struct tc_fault *fault);

struct rollout_move {
    enum rollout_state to;
    const char *kind;           /* of the event: "halted" */
    const char *reason;         /* for people; also the rollout's detail */
    const char *rollback_order; /* not NULL: it is to be rolled back, and why */
};

/* Moves the rollout, raises its version and tells it. */
enum tc_error course_move_rollout(struct store *store, const struct conducted_rollout *rollout,
                                  const struct rollout_move *move, struct tc_fault *fault);

/* Keeps rollout->abort_seen. */
enum tc_error course_write_seen(struct store *store, const struct conducted_rollout *rollout, struct tc_fault *fault);

/* Tells something that changes no state. */
enum tc_error course_tell(struct store *store, int64_t rollout, const char *kind, const char *reason,
                          struct tc_fault *fault);

/* A rollout that has ended and is to be rolled back. */
struct rollback_wish {
    int64_t origin; /* 0: there is none */
    char name[TC_ID_SIZE];
    char wanted_by[TC_ID_SIZE];
    char *plan;                 /* the origin's, canonical; the caller's to free */
    int64_t approvals_required; /* of the rollback */
    int64_t completed;          /* devices that would be rolled back */
    int64_t made;               /* the rollout that does it; 0: none is there yet */
    int64_t before;             /* how many were made and ended before it was wanted */
};

/* The first one after `after`. */
enum tc_error course_find_wish(struct store *store, int64_t after, struct rollback_wish *wish, struct tc_fault *fault);
/* It is fulfilled, or cannot be: `kind` and `reason` of the event say which. */
enum tc_error course_end_wish(struct store *store, int64_t origin, const char *kind, const char *reason,
                              struct tc_fault *fault);

#endif
