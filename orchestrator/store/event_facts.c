#include "orchestrator/store/event_facts.h"

#include "orchestrator/store/connection.h"

enum tc_error event_facts_read_progress(struct store *store, const int64_t *rollouts, size_t count,
                                        event_facts_take_progress *take, void *context, struct tc_fault *fault)
{
    const struct sql_read_progress_params params = {.rollouts = {.values = rollouts, .count = count},
                                                    .most = PROGRESS_ROLLOUTS_MAX};
    struct sql_read_progress_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_progress(store, &params, &rows, fault);
    for (int i = 0; error == TC_OK && i < rows.count; i++) {
        const struct sql_read_progress_row row = sql_read_progress_at(&rows, i);
        take(context, row.rollout, row.has_ended, row.document);
    }
    return error;
}

enum tc_error event_facts_read_whole(struct store *store, const char *patterns, const int64_t *rollouts, size_t count,
                                     bool *is_whole, struct tc_fault *fault)
{
    for (size_t i = 0; i < count; i++)
        is_whole[i] = patterns == NULL;
    if (patterns == NULL || count == 0)
        return TC_OK;
    const struct sql_whole_rollouts_params params = {.rollouts = {.values = rollouts, .count = count},
                                                     .patterns = patterns};
    struct sql_whole_rollouts_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_whole_rollouts(store, &params, &rows, fault);
    for (int row = 0; error == TC_OK && row < rows.count; row++) {
        for (size_t i = 0; i < count; i++)
            is_whole[i] = is_whole[i] || rollouts[i] == sql_whole_rollouts_at(&rows, row).rollout;
    }
    return error;
}

enum tc_error event_facts_read_devices(struct store *store, const char *const *devices, const char *const *patterns,
                                       size_t count, event_facts_take_device *take, void *context,
                                       struct tc_fault *fault)
{
    const struct sql_read_device_states_params params = {.devices = {.values = devices, .count = count},
                                                         .patterns = {.values = patterns, .count = count}};
    struct sql_read_device_states_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_device_states(store, &params, &rows, fault);
    for (int i = 0; error == TC_OK && i < rows.count; i++) {
        const struct sql_read_device_states_row row = sql_read_device_states_at(&rows, i);
        take(context, (size_t)(row.place - 1), row.document);
    }
    return error;
}
