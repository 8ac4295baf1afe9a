#include "orchestrator/store/start.h"

#include "orchestrator/store/connection.h"

enum tc_error rollout_start(struct store *store, int64_t rollout, const char *actor, bool *started,
                            struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_text(params, actor);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_START_RUNNING, &result, fault);
    *started = error == TC_OK && PQntuples(result) > 0;
    return error;
}
