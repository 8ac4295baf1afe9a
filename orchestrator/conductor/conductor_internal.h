/* Shared by the conductor's files. Private to the conductor. */
#ifndef TELLERCAST_ORCHESTRATOR_CONDUCTOR_CONDUCTOR_INTERNAL_H
#define TELLERCAST_ORCHESTRATOR_CONDUCTOR_CONDUCTOR_INTERNAL_H

#include "base/buffer.h"
#include "orchestrator/conductor/conductor.h"
#include "orchestrator/directory/publisher.h"
#include "orchestrator/queues/submission.h"
#include "orchestrator/store/conduct.h"
#include "orchestrator/store/lost.h"
#include "orchestrator/store/rollout_progress.h"

/* Rollouts whose last published progress is remembered, so that only changes are published. */
#define PROGRESS_ROLLOUTS 64

/* Instructions in one transaction. */
#define CONDUCT_ROWS 2000

/* Of the text that says why a group or a rollout changed. */
#define REASON_SIZE 256

struct published_progress {
    int64_t rollout; /* 0: free */
    uint64_t hash;
};

struct forecast_memory {
    int64_t rollout;
    int64_t version; /* of the rollout, at the last forecast */
    int64_t due_ms;  /* monotonic: of the next forecast */
    int64_t took_ms; /* the last forecast */
    bool has_nights; /* the nights of its first forecast are stored */
};

/* What is known of the forecasts of the rollouts under way: forecasts.c. */
struct forecast_memories {
    struct forecast_memory *all;
    size_t count;
    int64_t left_ms; /* for forecasts in this cycle */
    int64_t turn;    /* the rollout with which the forecasts of this cycle begin; 0: the first */
    int64_t put_off; /* the first one of this cycle that was due and had to wait; 0: none */
};

enum rollback_submission_state { ROLLBACK_NONE, ROLLBACK_SUBMITTED, ROLLBACK_ANSWERED };

/* The rollback that was submitted to the planner and waits for its answer. At most one at a time. */
struct rollback_submission {
    struct submission submission;
    int64_t origin;
    atomic_int state; /* enum rollback_submission_state; the planner owns the next two while it is ROLLBACK_SUBMITTED */
    int status;       /* of the answer */
    struct buffer body; /* of the answer */
    int64_t after;      /* origins up to this one had their turn */
};

/* Progress of the recall after a restore: recalls.c. */
struct recall_state {
    struct recall_round round; /* under way; epoch 0: none */
    struct recall_place after;
    int64_t checked_ms; /* monotonic */
};

/* What a cycle knows of freezes: freezes.c. */
struct freeze_memory {
    int64_t in_force;
    int64_t rows_left;    /* to look at in this cycle */
    bool withdraws;       /* in this cycle */
    int64_t withdrawn_ms; /* monotonic: when a cycle last did */
};

/* When to withdraw again by exclusions and earlier ends that are not new any more: claims may have been on their way to
 * the broker. endings.c. */
struct repeated_withdrawals {
    bool are_due;     /* in this cycle */
    int64_t begun_ms; /* monotonic: when a cycle last began them */
};

/* What expiry.c deletes: events and logs. */
#define CONDUCTOR_EXPIRIES 2

struct conductor {
    struct conductor_config config;
    struct store *store;
    struct cache *cache;
    struct worker *worker;
    bool announced;       /* it has notified the acting conductor that this orchestrator started */
    int64_t epoch;        /* of the lease; 0: another orchestrator is the conductor */
    int64_t signed_epoch; /* the installation's, when retained messages and cache were last restored */
    int64_t leased_ms;    /* monotonic: when the lease was last taken */
    int64_t progress_published_ms;
    struct published_progress published[PROGRESS_ROLLOUTS];
    size_t next_published;
    struct forecast_memories forecasts;
    struct buffer message;
    bool cache_may_be_stale;  /* it may hold ended instructions */
    bool topics_may_be_stale; /* pull clients' topics may retain instructions that the database does not know */
    struct rollback_submission rollback;
    struct recall_state recall;
    struct freeze_memory freezes;
    int64_t exclusion_rows_left; /* to look at in this cycle: exclusions.c */
    struct repeated_withdrawals repeated_withdrawals;
    struct publisher *publisher; /* of the table of devices; NULL: the broker has no guard */
    int64_t retired_version; /* of the directory, when the instructions of retired devices were last ended; -1: never */
    int64_t retired_ms;      /* monotonic: that time */
    int64_t alarms_raised_ms;               /* monotonic: when that was last done; 0: never */
    int64_t expired_ms[CONDUCTOR_EXPIRIES]; /* likewise, of each that expiry.c deletes */
};

/* lease.c: takes or renews the lease. False when another orchestrator has it. */
bool conductor_take_lease(struct conductor *conductor);
/* Ends a transaction that began with conduct_begin: commits when `error` is TC_OK, else rolls back. */
enum tc_error conductor_end(struct conductor *conductor, enum tc_error error, struct tc_fault *fault);
/* Renews the lease when it is time; call it during long work. False when the lease was lost. */
bool conductor_keeps_lease(struct conductor *conductor);

/* deadlines.c: makes all due checks of the rollout. */
enum tc_error conductor_sweep(struct conductor *conductor, const struct conducted_rollout *rollout,
                              struct tc_fault *fault);

/* endings.c: ends what waits, and withdraws what may not start, when the rollout is over or being cancelled. Also
 * withdraws it when its version is blocked. */
enum tc_error conductor_give_up(struct conductor *conductor, const struct conducted_rollout *rollout,
                                struct tc_fault *fault);
/* Begins a cycle: decides whether repeated withdrawals are due in it. */
void conductor_begin_withdrawals(struct conductor *conductor);
/* Withdraws page by page: `withdraw` takes up to so many instructions of a rollout from their devices. `*withdrawn`: of
 * how many, also when a later page failed. */
typedef enum tc_error conductor_withdraw_page(struct store *store, int64_t rollout, size_t most,
                                              struct released **released, size_t *count, struct tc_fault *fault);
enum tc_error conductor_withdraw(struct conductor *conductor, int64_t rollout, conductor_withdraw_page *withdraw,
                                 int64_t *withdrawn, struct tc_fault *fault);
/* Pauses the running rollouts whose version is blocked. */
enum tc_error conductor_pause_blocked(struct conductor *conductor, struct tc_fault *fault);
/* Withdraws from the rollout's devices the instructions of rollouts of lower priority. */
enum tc_error conductor_preempt(struct conductor *conductor, const struct conducted_rollout *rollout,
                                struct tc_fault *fault);
/* After the commit: removes these devices' instructions from the cache and from retained topics. */
void conductor_forget(struct conductor *conductor, const struct released *released, size_t count);

/* amendments.c: gives waiting instructions of a rollout the times that an amendment asks for, and withdraws what was
 * not answered and might start after an amended end. */
enum tc_error conductor_retime(struct conductor *conductor, const struct conducted_rollout *rollout,
                               struct tc_fault *fault);
/* freezes.c: begins a cycle; withdraws from frozen devices of a rollout what was not answered, and looks which of its
 * groups freezes touch. */
void conductor_begin_freezes(struct conductor *conductor);
enum tc_error conductor_freeze(struct conductor *conductor, const struct conducted_rollout *rollout,
                               struct tc_fault *fault);

/* exclusions.c: begins a cycle; ends what waits of the excluded devices of a rollout, and withdraws what was not
 * answered. */
void conductor_begin_exclusions(struct conductor *conductor);
enum tc_error conductor_exclude(struct conductor *conductor, const struct conducted_rollout *rollout,
                                struct tc_fault *fault);

/* groups.c: opens and ends groups, ends the rollout. `*changed`: whether the state of the rollout changed. */
enum tc_error conductor_advance(struct conductor *conductor, const struct conducted_rollout *rollout, bool *changed,
                                struct tc_fault *fault);

/* aborts.c: stops the rollout when an abort criterion is met. `*changed`: whether the state of the rollout changed. */
enum tc_error conductor_watch(struct conductor *conductor, const struct conducted_rollout *rollout,
                              const struct group *groups, size_t count, bool *changed, struct tc_fault *fault);

/* rollbacks.c: submits the rollbacks that were requested. */
void conductor_submit_rollbacks(struct conductor *conductor);
void conductor_close_rollbacks(struct conductor *conductor);

/* forecasts.c: computes periodically when a running rollout will end at best and at worst, and writes it to the rollout
 * and to the curve of its forecasts. The first begins a cycle with these rollouts. */
void conductor_begin_forecasts(struct conductor *conductor, const struct conducted_rollout *rollouts, size_t count);
void conductor_forecast(struct conductor *conductor, const struct conducted_rollout *rollout,
                        const struct group *groups, size_t count);

/* progress.c: publishes the rollout's progress if it changed since the last time. */
void conductor_publish_progress(struct conductor *conductor, int64_t rollout);

/* restore.c: restores the entries and messages that Redis and the broker lost, and asks devices for the state of their
 * instructions in flight. */
void conductor_restore_cache(struct conductor *conductor);
void conductor_restore_assignments(struct conductor *conductor);

/* retirements.c: ends the instructions of retired devices, and keeps the guard's table of devices equal to the
 * database's.
 */
void conductor_keep_directory(struct conductor *conductor);

/* alarms.c: raises and ends alarms. */
void conductor_raise_alarms(struct conductor *conductor);

/* expiry.c: deletes events of the log and logs of devices that are too old, or too many. */
void conductor_expire(struct conductor *conductor);

/* recalls.c: starts devices that have not reported what they did before the database was restored. */
void conductor_recall(struct conductor *conductor);

#endif
