/* What freezes in force do to rollouts under way: the claims and the answers heed them by themselves. */
#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/worker/worker.h"

enum {
    LOOK_ROWS = 20000, /* instructions looked at in a cycle */
    /* A freeze is new for so long, and each cycle withdraws: claims may be on their way to the broker. Later an
     * instruction can only come into its scope with changed labels. */
    NEW_MS = 60000,
    SWEEP_PERIOD_MS = 10000,
};

void conductor_begin_freezes(struct conductor *conductor)
{
    struct freeze_memory *freezes = &conductor->freezes;
    int64_t now_ms = clock_monotonic_ms(), newest_age_ms = 0;
    freezes->in_force = 0;
    freezes->rows_left = LOOK_ROWS;
    if (conduct_count_freezes(conductor->store, &freezes->in_force, &newest_age_ms, NULL) != TC_OK)
        return;
    freezes->withdraws =
        freezes->in_force > 0 && (newest_age_ms < NEW_MS || now_ms - freezes->withdrawn_ms >= SWEEP_PERIOD_MS);
    if (freezes->withdraws)
        freezes->withdrawn_ms = now_ms;
}

static enum tc_error withdraw(struct conductor *conductor, int64_t rollout, struct tc_fault *fault)
{
    int64_t withdrawn;
    enum tc_error error = conductor_withdraw(conductor, rollout, conduct_withdraw_frozen, &withdrawn, fault);
    if (withdrawn > 0)
        LOG_INFO("rollout.withdrawn_as_frozen", F_INT("rollout", rollout), F_INT("instructions", withdrawn));
    return error;
}

/* Looks page by page, as far as this cycle still may. */
static enum tc_error look(struct conductor *conductor, int64_t rollout, struct tc_fault *fault)
{
    int64_t looked = 0;
    while (looked >= 0 && conductor->freezes.rows_left > 0) {
        bool begins;
        enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
        if (error != TC_OK)
            return error;
        error = conduct_look_frozen(conductor->store, rollout, CONDUCT_ROWS, &looked, &begins, fault);
        error = conductor_end(conductor, error, fault);
        if (error != TC_OK)
            return error;
        conductor->freezes.rows_left -= looked;
        if (begins)
            LOG_WARNING("rollout.frozen", F_INT("rollout", rollout));
        worker_mark_progress();
    }
    return TC_OK;
}

enum tc_error conductor_freeze(struct conductor *conductor, const struct conducted_rollout *rollout,
                               struct tc_fault *fault)
{
    bool is_under_way = rollout->state == ROLLOUT_RUNNING || rollout->state == ROLLOUT_PAUSED;
    if (conductor->freezes.in_force == 0 || !is_under_way)
        return TC_OK;
    enum tc_error error = look(conductor, rollout->id, fault);
    return error == TC_OK && conductor->freezes.withdraws ? withdraw(conductor, rollout->id, fault) : error;
}
