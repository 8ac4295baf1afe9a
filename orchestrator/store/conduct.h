/* The conductor's side of the store: its lease, what wakes up, and the groups. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_CONDUCT_H
#define TELLERCAST_ORCHESTRATOR_STORE_CONDUCT_H

#include "base/id.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/rollout/gate.h"
#include "orchestrator/store/store.h"

#include <stddef.h>

/* Takes or keeps the conductor's lease for `lease_ms`. TC_OK with its epoch; TC_BUSY when another has it. */
enum tc_error conduct_take_lease(struct store *store, const char *instance, int64_t lease_ms, int64_t *epoch,
                                 struct tc_fault *fault);
/* Gives it back at once, so that another need not wait for its end. */
enum tc_error conduct_release_lease(struct store *store, const char *instance, struct tc_fault *fault);

/* Each write of the conductor stands between these two: begin checks that the lease is still held in `epoch`, and
 * holds it until the commit (TC_DENIED when it is not). */
enum tc_error conduct_begin(struct store *store, int64_t epoch, struct tc_fault *fault);
enum tc_error conduct_commit(struct store *store, struct tc_fault *fault);
enum tc_error conduct_rollback(struct store *store, enum tc_error error);

struct waking_instruction {
    int64_t instruction;
    int32_t attempt;
    struct waking waking;
};

/* Up to `most` instructions of a rollout that must be looked at; `*rows` is the caller's to free. */
enum tc_error conduct_read_waking(struct store *store, int64_t rollout, size_t most, struct waking_instruction **rows,
                                  size_t *count, struct tc_fault *fault);

/* What was decided on one of them. */
struct decided {
    int64_t instruction;
    int32_t attempt;
    enum instruction_state from, to;
    int64_t due_ms;   /* not 0: a new attempt, due then */
    int64_t wake_ms;  /* 0: it need not be looked at again */
    const char *code; /* "" for none */
};

/* A device that has nothing in flight any more, by the conductor's decision. */
struct released {
    char device[TC_ID_SIZE];
    bool pull;
};

/* Does it; what changed in the meantime is passed over. `*released` is the caller's to free. */
enum tc_error conduct_move(struct store *store, const struct decided *decided, size_t count, int shard,
                           struct released **released, size_t *released_count, struct tc_fault *fault);

/* The end of the rollout has come: up to `most` that have not been started expire. */
enum tc_error conduct_expire(struct store *store, int64_t rollout, size_t most, int shard, int64_t *expired,
                             struct tc_fault *fault);

struct group {
    int number;
    char name[TC_ID_SIZE];
    char state[16]; /* "waiting", "open", "passed", "not_reached" */
    double success_percent;
    struct group_progress progress;
};

/* The groups of a rollout in order; `*groups` is the caller's to free. */
enum tc_error conduct_read_groups(struct store *store, int64_t rollout, struct group **groups, size_t *count,
                                  struct tc_fault *fault);
enum tc_error conduct_end_group(struct store *store, int64_t rollout, int group, const char *state,
                                struct tc_fault *fault);
enum tc_error conduct_open_group(struct store *store, int64_t rollout, int group, struct tc_fault *fault);
enum tc_error conduct_end_rollout(struct store *store, int64_t rollout, const char *state, const char *detail,
                                  struct tc_fault *fault);

#endif
