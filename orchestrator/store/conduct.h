/* The conductor's queries: its lease, and decisions on instructions. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_CONDUCT_H
#define TELLERCAST_ORCHESTRATOR_STORE_CONDUCT_H

#include "base/id.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/store/store.h"
#include "orchestrator/store/store_clock.h"

#include <stddef.h>

/* Takes or renews the conductor's lease for `lease_ms`. TC_OK with its epoch; TC_BUSY: another instance has it. Sets
 * `clock` in both cases. */
enum tc_error conduct_take_lease(struct store *store, const char *instance, int64_t lease_ms, struct store_clock *clock,
                                 int64_t *epoch, struct tc_fault *fault);
/* Makes the next take of the lease, even by its present holder, start a new epoch. */
enum tc_error conduct_renew_epoch(struct store *store, struct tc_fault *fault);
/* Releases the lease at once, so that another instance need not wait for it to expire. */
enum tc_error conduct_release_lease(struct store *store, const char *instance, struct tc_fault *fault);

/* Each write of the conductor is between begin and commit. Begin checks that the lease is still held in `epoch`
 * (TC_DENIED: it is not), and locks it until the commit. */
enum tc_error conduct_begin(struct store *store, int64_t epoch, struct tc_fault *fault);
enum tc_error conduct_commit(struct store *store, struct tc_fault *fault);
enum tc_error conduct_rollback(struct store *store, enum tc_error error);

struct checked_instruction {
    int64_t instruction;
    int32_t attempt;
    bool known; /* false: a newer version's state or substate; the conductor does not touch it */
    struct due_check check;
    int64_t device_since_ms, node_since_ms; /* of their presence */
};

/* The last item of a page; zeros: before the first. */
struct due_check_place {
    int64_t next_check_us, instruction;
};

/* Reads the next `most` instructions of a rollout whose check is due; the last page has fewer than `most`. The caller
 * frees `*items`. */
enum tc_error conduct_read_due_checks(struct store *store, int64_t rollout, struct due_check_place *place, size_t most,
                                      struct checked_instruction **items, size_t *count, struct tc_fault *fault);

#define DECIDED_DETAIL_SIZE 80

/* The decision on one instruction. */
struct decided {
    int64_t instruction;
    int32_t attempt;
    enum instruction_state from, to;
    enum instruction_substate from_substate, to_substate;
    enum instruction_event event; /* of the rule that applies; not written */
    int64_t due_ms;               /* not 0: a new attempt, due then */
    int64_t next_check_ms;        /* 0: no further check */
    int64_t may_install_until_ms; /* not 0: its device, which timed out, may be installing until then */
    const char *code;             /* "" for none */
    char detail[DECIDED_DETAIL_SIZE];
    bool moved; /* set by conduct_move */
};

/* A device that the conductor decided to send nothing more about its instruction in flight. */
struct released {
    char device[TC_ID_SIZE];
    bool pull;
};

/* Carries out the decisions and sets `moved` of each; skips instructions that changed meanwhile or are locked by a
 * writer. The caller frees `*released`. */
enum tc_error conduct_move(struct store *store, struct decided *decided, size_t count, int shard,
                           struct released **released, size_t *released_count, struct tc_fault *fault);

/* Ends up to `most` instructions that were not started: they become cancelled or expired, with `code`. TC_CONFLICT: the
 * rollout is no longer at `version`. */
enum tc_error conduct_end_waiting(struct store *store, int64_t rollout, int64_t version, enum instruction_state to,
                                  const char *code, size_t most, int shard, int64_t *ended, struct tc_fault *fault);

/* Withdraws up to `most` instructions that were dispatched and not answered, or received and not begun: no ask is
 * answered with them any more. The former have a due check after WITHDRAWAL_MS, which cancels them unless their device
 * reported; of the latter the device reports the outcome. The caller frees `*released`, the devices. */
enum tc_error conduct_withdraw(struct store *store, int64_t rollout, size_t most, struct released **released,
                               size_t *count, struct tc_fault *fault);

/* Withdraws in the same way what rollouts of a priority below `priority` have dispatched to nodes and ATMs of
 * `rollout`; these instructions wait again. Sets `*count` to their number. */
enum tc_error conduct_withdraw_preempted(struct store *store, int64_t rollout, int priority, size_t most, size_t *count,
                                         struct tc_fault *fault);

/* The freezes in force; `newest_age_ms`: since when the newest is. */
enum tc_error conduct_count_freezes(struct store *store, int64_t *freezes, int64_t *newest_age_ms,
                                    struct tc_fault *fault);

/* Looks at the next waiting instructions of a rollout, at most `most`, for a freeze of which that is not done, and
 * keeps which groups it touches. `*looked`: at how many; -1: nothing was left to do. `*begins`: the freeze was found to
 * touch the rollout now. */
enum tc_error conduct_look_frozen(struct store *store, int64_t rollout, int64_t most, int64_t *looked, bool *begins,
                                  struct tc_fault *fault);

/* Gives the next waiting instructions of a rollout, at most `most`, the times that an amendment asks for. `*looked`:
 * how many it looked at; -1: nothing was left to do. */
enum tc_error conduct_retime(struct store *store, int64_t rollout, const struct execution_rules *rules, int64_t most,
                             int64_t *looked, struct tc_fault *fault);

/* Withdraws up to `most` instructions that were dispatched to pull clients and not answered, and that may be started
 * later than an amended end leaves time for; these wait again. The caller frees `*released`. */
enum tc_error conduct_withdraw_late(struct store *store, int64_t rollout, size_t most, struct released **released,
                                    size_t *count, struct tc_fault *fault);

/* Withdraws up to `most` instructions that were dispatched to frozen devices and not answered; these wait again. The
 * caller frees `*released`. */
enum tc_error conduct_withdraw_frozen(struct store *store, int64_t rollout, size_t most, struct released **released,
                                      size_t *count, struct tc_fault *fault);

/* Looks at the next waiting instructions of a rollout, at most `most`, for an exclusion of which that is not done, and
 * cancels those of it. `*looked`: at how many; -1: nothing was left to do. */
enum tc_error conduct_look_excluded(struct store *store, int64_t rollout, int64_t most, int shard, int64_t *looked,
                                    int64_t *ended, struct tc_fault *fault);

/* Withdraws up to `most` instructions that were dispatched to excluded devices and not answered; their due check
 * cancels these unless their device reported. The caller frees `*released`. */
enum tc_error conduct_withdraw_excluded(struct store *store, int64_t rollout, size_t most, struct released **released,
                                        size_t *count, struct tc_fault *fault);

/* The last item of a page of withdrawn instructions; zeros: before the first. */
struct withdrawn_place {
    int64_t start_before_us;
    char device[TC_ID_SIZE];
};

/* Reads the next `most` pull clients whose topic must be empty, although a withdrawn instruction could still begin; the
 * last page has fewer than `most`. The caller frees `*released`. */
enum tc_error conduct_read_withdrawn(struct store *store, struct withdrawn_place *place, size_t most,
                                     struct released **released, size_t *count, struct tc_fault *fault);

#endif
