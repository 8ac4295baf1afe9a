/* The conductor's side of the store: its lease, and what becomes of instructions. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_CONDUCT_H
#define TELLERCAST_ORCHESTRATOR_STORE_CONDUCT_H

#include "base/id.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/store/store.h"

#include <stddef.h>

/* Takes or keeps the conductor's lease for `lease_ms`. TC_OK with its epoch; TC_BUSY when another has it. */
enum tc_error conduct_take_lease(struct store *store, const char *instance, int64_t lease_ms, int64_t *epoch,
                                 struct tc_fault *fault);
/* The next to take it, the present holder among them, gets another epoch. */
enum tc_error conduct_renew_epoch(struct store *store, struct tc_fault *fault);
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
    const char *code; /* "" for none; "withdrawn" for what stays dispatched: its device must not be given it any more */
};

/* A device that must hear no more of what it has in flight, by the conductor's decision. */
struct released {
    char device[TC_ID_SIZE];
    bool pull;
};

/* Does it; what changed in the meantime is passed over. `*released` is the caller's to free. */
enum tc_error conduct_move(struct store *store, const struct decided *decided, size_t count, int shard,
                           struct released **released, size_t *released_count, struct tc_fault *fault);

/* Up to `most` that wait to be started never will be: they become cancelled or expired, with `code`. */
enum tc_error conduct_end_waiting(struct store *store, int64_t rollout, enum instruction_state to, const char *code,
                                  size_t most, int shard, int64_t *ended, struct tc_fault *fault);

/* Up to `most` that were dispatched and not answered are withdrawn: no ask is answered with them any more, and after
 * WITHDRAWAL_MS they wake up, to be cancelled where nothing came of them. `*released` are the devices, the caller's
 * to free. */
enum tc_error conduct_withdraw(struct store *store, int64_t rollout, size_t most, struct released **released,
                               size_t *count, struct tc_fault *fault);

/* The same for what rollouts of a priority below `priority` have dispatched to the devices of `rollout`; these will
 * wait again. */
enum tc_error conduct_withdraw_preempted(struct store *store, int64_t rollout, int priority, size_t most,
                                         struct released **released, size_t *count, struct tc_fault *fault);

/* Where a page of what was withdrawn ended; zeros: before the first. */
struct withdrawn_mark {
    int64_t start_before_us;
    char device[TC_ID_SIZE];
};

/* The next `most` pull clients whose topic must be empty, though an instruction that was there could still begin;
 * `*count` less than `most` tells the end. `*released` is the caller's to free. */
enum tc_error conduct_read_withdrawn(struct store *store, struct withdrawn_mark *mark, size_t most,
                                     struct released **released, size_t *count, struct tc_fault *fault);

#endif
