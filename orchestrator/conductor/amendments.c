/* What amendments leave to the conductor: other times for the waiting instructions of a rollout, page by page. */
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/worker/worker.h"

enum { RETIMED_ROWS = 20000 /* of a rollout in a cycle */ };

enum tc_error conductor_retime(struct conductor *conductor, const struct conducted_rollout *rollout,
                               struct tc_fault *fault)
{
    bool is_under_way = rollout->state == ROLLOUT_RUNNING || rollout->state == ROLLOUT_PAUSED;
    int64_t looked = 0;
    for (int64_t rows = 0; rollout->retimes && is_under_way && looked >= 0 && rows < RETIMED_ROWS; rows += looked) {
        enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
        if (error != TC_OK)
            return error;
        error = conduct_retime(conductor->store, rollout->id, &rollout->rules, CONDUCT_ROWS, &looked, fault);
        error = conductor_end(conductor, error, fault);
        if (error != TC_OK)
            return error;
        worker_mark_progress();
    }
    return TC_OK;
}
