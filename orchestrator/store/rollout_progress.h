/* The conductor's queries on the progress of rollouts: reads rollouts and groups, and changes their states together
 * with the events that record it. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_ROLLOUT_PROGRESS_H
#define TELLERCAST_ORCHESTRATOR_STORE_ROLLOUT_PROGRESS_H

#include "base/id.h"
#include "orchestrator/rollout/abort.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/rollout/forecast_ends.h"
#include "orchestrator/rollout/gate.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/store/store.h"

#include <stddef.h>

/* A rollout under way, as the conductor needs it: running, paused, cancelling, or past its end before its approval. */
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
    int64_t now_ms;       /* the database's clock */
    bool paused_by_abort; /* and not by an operator */
    bool retimes;         /* an amendment gives waiting instructions other times */
    bool limits_starts;   /* by an amended end: what was dispatched before may have more time to start */
    int64_t exclusions;
    int64_t exclusion_age_ms; /* since when the newest is */
};

/* Reads all of them, in order. Free them with rollout_progress_free_rollouts(). */
enum tc_error rollout_progress_read_rollouts(struct store *store, struct conducted_rollout **rollouts, size_t *count,
                                             struct tc_fault *fault);
void rollout_progress_free_rollouts(struct conducted_rollout *rollouts, size_t count);

/* Devices whose last ended attempt failed or timed out, but which are counted in another state: the next attempt waits,
 * runs or was cancelled. */
struct unsettled_ends {
    int64_t failed, timed_out;
    int64_t out_of_service; /* of these; counted on request only */
};

struct group {
    int number;
    char name[TC_ID_SIZE];
    enum group_state state;
    struct group_rules rules;
    struct group_progress progress;
    struct unsettled_ends unsettled;
    int64_t out_of_service; /* by the last ended attempt; counted on request only */
};

/* Reads the groups of a rollout in order; the caller frees `*groups`. */
enum tc_error rollout_progress_read_groups(struct store *store, int64_t rollout, bool with_out_of_service,
                                           struct group **groups, size_t *count, struct tc_fault *fault);

/* NULL: there is none of that name. */
const struct group *rollout_progress_find_group(const struct group *groups, size_t count, const char *name);

/* Locks the rollout until the end of the transaction (see conduct.h). Every change of the progress begins with this.
 * TC_CONFLICT: the rollout was changed since it was read, and must be read again. */
enum tc_error rollout_progress_hold(struct store *store, const struct conducted_rollout *rollout,
                                    struct tc_fault *fault);

/* Moves the group from `group->state` to `to`. `reason` is a sentence for users. */
enum tc_error rollout_progress_move_group(struct store *store, int64_t rollout, const struct group *group,
                                          enum group_state to, const char *reason, struct tc_fault *fault);

/* Marks the open group as reached. */
enum tc_error rollout_progress_reach_group(struct store *store, int64_t rollout, const struct group *group,
                                           const char *reason, struct tc_fault *fault);

struct rollout_move {
    enum rollout_state to;
    const char *kind;            /* of the event: "halted" */
    const char *reason;          /* a sentence for users; also the rollout's detail */
    const char *rollback_reason; /* why it is to be rolled back; NULL: it is not */
};

/* Moves the rollout, raises its version and records the event. */
enum tc_error rollout_progress_move_rollout(struct store *store, const struct conducted_rollout *rollout,
                                            const struct rollout_move *move, struct tc_fault *fault);

/* Stores rollout->abort_seen. */
enum tc_error rollout_progress_write_seen(struct store *store, const struct conducted_rollout *rollout,
                                          struct tc_fault *fault);

/* Stores the forecast end of the rollout, for `watch`; 0: unknown. */
enum tc_error rollout_progress_write_forecast(struct store *store, int64_t rollout, int64_t end_ms,
                                              struct tc_fault *fault);

/* Of the curve of a rollout's forecasts. When it is full, every second point is deleted. */
#define FORECAST_POINTS_MAX 500

/* Adds the ends to the curve of the rollout's forecasts, which keeps at most FORECAST_POINTS_MAX points. */
enum tc_error rollout_progress_write_ends(struct store *store, int64_t rollout, const struct forecast_ends *ends,
                                          struct tc_fault *fault);
/* Stores the nights of the rollout's first forecast, as what was planned. Changes nothing when it has a curve already.
 */
enum tc_error rollout_progress_write_nights(struct store *store, int64_t rollout, const struct forecast *forecast,
                                            struct tc_fault *fault);

/* Records an event that changes no state. */
enum tc_error rollout_progress_record_event(struct store *store, int64_t rollout, const char *kind, const char *reason,
                                            struct tc_fault *fault);

/* A rollout that has ended and is to be rolled back. */
struct rollback_request {
    int64_t origin; /* 0: there is none */
    char name[TC_ID_SIZE];
    char wanted_by[TC_ID_SIZE];
    char *plan;                 /* the origin's canonical plan; the caller frees it */
    int64_t approvals_required; /* of the rollback */
    int64_t to_take_back;       /* devices that would be rolled back */
    int64_t made;               /* the rollout that rolls back; 0: none yet */
    int64_t before;             /* earlier rollbacks that ended before this request */
};

/* Finds the first one after `after`. */
enum tc_error rollout_progress_find_rollback_request(struct store *store, int64_t after,
                                                     struct rollback_request *request, struct tc_fault *fault);
/* Ends the request as fulfilled or impossible, with an event of this `kind` and `reason`. */
enum tc_error rollout_progress_end_rollback_request(struct store *store, int64_t origin, const char *kind,
                                                    const char *reason, struct tc_fault *fault);

#endif
