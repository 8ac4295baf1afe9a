#include "orchestrator/store/running.h"

#include "orchestrator/store/connection.h"

enum tc_error rollout_begin_running(struct store *store, int64_t rollout, const char *actor, bool *started,
                                    struct tc_fault *fault)
{
    *started = false;
    const struct sql_hold_superseded_params superseding = {.rollout = rollout};
    enum tc_error error = sql_hold_superseded(store, &superseding, fault);
    if (error != TC_OK)
        return error;
    /* A statement of its own: it sees commits that were made while the one before waited for its locks. */
    const struct sql_begin_running_params params = {.rollout = rollout, .actor = actor};
    struct sql_begin_running_rows rows ROWS_AUTO = {0};
    error = sql_begin_running(store, &params, &rows, fault);
    *started = error == TC_OK && rows.count > 0;
    return error;
}
