/* What exclusions do to a rollout under way: the claims and the answers heed them by themselves. */
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/worker/worker.h"

enum {
    LOOK_ROWS = 20000, /* instructions looked at in a cycle */
    /* An exclusion is new for so long, and each cycle withdraws: claims may be on their way to the broker. */
    NEW_MS = 60000,
};

void conductor_begin_exclusions(struct conductor *conductor)
{
    conductor->exclusion_rows_left = LOOK_ROWS;
}

/* Looks page by page, as far as this cycle still may. */
static enum tc_error look(struct conductor *conductor, int64_t rollout, struct tc_fault *fault)
{
    int64_t looked = 0, ended, sum = 0;
    enum tc_error error = TC_OK;
    while (error == TC_OK && looked >= 0 && conductor->exclusion_rows_left > 0) {
        error = conduct_begin(conductor->store, conductor->epoch, fault);
        if (error != TC_OK)
            break;
        error = conduct_look_excluded(conductor->store, rollout, CONDUCT_ROWS, conductor->config.shard, &looked, &ended,
                                      fault);
        error = conductor_end(conductor, error, fault);
        sum += error == TC_OK ? ended : 0;
        conductor->exclusion_rows_left -= looked > 0 ? looked : 1;
        worker_mark_progress();
    }
    if (sum > 0)
        LOG_INFO("rollout.excluded", F_INT("rollout", rollout), F_INT("instructions", sum));
    return error;
}

enum tc_error conductor_exclude(struct conductor *conductor, const struct conducted_rollout *rollout,
                                struct tc_fault *fault)
{
    bool is_under_way = rollout->state == ROLLOUT_RUNNING || rollout->state == ROLLOUT_PAUSED;
    if (rollout->exclusions == 0 || !is_under_way)
        return TC_OK;
    enum tc_error error = look(conductor, rollout->id, fault);
    bool withdraws = conductor->repeated_withdrawals.are_due || rollout->exclusion_age_ms < NEW_MS;
    if (error != TC_OK || !withdraws)
        return error;
    int64_t withdrawn;
    error = conductor_withdraw(conductor, rollout->id, conduct_withdraw_excluded, &withdrawn, fault);
    if (withdrawn > 0)
        LOG_INFO("rollout.withdrawn_as_excluded", F_INT("rollout", rollout->id), F_INT("instructions", withdrawn));
    return error;
}
