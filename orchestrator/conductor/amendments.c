/* What amendments leave to the conductor: other times for the waiting instructions of a rollout, page by page, and at
 * an earlier end the withdrawal of what was not answered and might start too late. */
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/worker/worker.h"

enum { RETIMED_ROWS = 20000 /* of a rollout in a cycle */ };

/* From pull clients at once, which may have it from their topic. Asks of nodes and ATMs are answered with the earlier
 * time, and theirs is withdrawn when that has passed. */
static enum tc_error withdraw_late(struct conductor *conductor, int64_t rollout, struct tc_fault *fault)
{
    int64_t withdrawn;
    enum tc_error error = conductor_withdraw(conductor, rollout, conduct_withdraw_late, &withdrawn, fault);
    if (withdrawn > 0)
        LOG_INFO("rollout.withdrawn_as_late", F_INT("rollout", rollout), F_INT("instructions", withdrawn));
    return error;
}

enum tc_error conductor_retime(struct conductor *conductor, const struct conducted_rollout *rollout,
                               struct tc_fault *fault)
{
    bool is_under_way = rollout->state == ROLLOUT_RUNNING || rollout->state == ROLLOUT_PAUSED;
    int64_t looked = 0;
    enum tc_error error = TC_OK;
    if (is_under_way && rollout->limits_starts && (rollout->retimes || conductor->repeated_withdrawals.are_due))
        error = withdraw_late(conductor, rollout->id, fault);
    for (int64_t rows = 0; error == TC_OK && rollout->retimes && is_under_way && looked >= 0 && rows < RETIMED_ROWS;
         rows += looked) {
        error = conduct_begin(conductor->store, conductor->epoch, fault);
        if (error != TC_OK)
            break;
        error = conduct_retime(conductor->store, rollout->id, &rollout->rules, CONDUCT_ROWS, &looked, fault);
        error = conductor_end(conductor, error, fault);
        worker_mark_progress();
    }
    return error;
}
