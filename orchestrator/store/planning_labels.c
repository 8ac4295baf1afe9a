/* The counts of the labels of rollouts, by which lists tell whether a rollout lies in a scope, and of the keys that
 * devices trust, and the times of rollouts that have ended. Triggers keep what has changed since. */
#include "orchestrator/store/planning.h"

#include "orchestrator/store/connection.h"

/* Devices whose changes are added at once: about half a second. */
enum { RELABELLED_A_TURN = 10000 };

static enum tc_error take_turn(struct store *store, bool *is_taken, struct tc_fault *fault)
{
    struct sql_take_label_turn_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_take_label_turn(store, &rows, fault);
    *is_taken = error == TC_OK && sql_take_label_turn_at(&rows, 0).is_taken;
    return error;
}

static enum tc_error add_relabelled(struct store *store, int64_t *added, struct tc_fault *fault)
{
    const struct sql_add_relabelled_params params = {.most = RELABELLED_A_TURN};
    struct sql_add_relabelled_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_add_relabelled(store, &params, &rows, fault);
    *added = error == TC_OK ? sql_add_relabelled_at(&rows, 0).added : 0;
    return error;
}

static enum tc_error add_trusted_keys(struct store *store, bool *has_more, struct tc_fault *fault)
{
    const struct sql_add_trusted_keys_params params = {.most = RELABELLED_A_TURN};
    struct sql_add_trusted_keys_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_add_trusted_keys(store, &params, &rows, fault);
    if (error == TC_OK && sql_add_trusted_keys_at(&rows, 0).added == RELABELLED_A_TURN)
        *has_more = true;
    return error;
}

static enum tc_error add_label_changes(struct store *store, bool *has_more, struct tc_fault *fault)
{
    const struct sql_add_label_changes_params params = {.most = RELABELLED_A_TURN};
    struct sql_add_label_changes_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_add_label_changes(store, &params, &rows, fault);
    if (error == TC_OK && sql_add_label_changes_at(&rows, 0).added == RELABELLED_A_TURN)
        *has_more = true;
    return error;
}

static enum tc_error count_next(struct store *store, bool *has_more, struct tc_fault *fault)
{
    struct sql_forget_labels_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_forget_labels(store, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    *has_more = true;
    const struct sql_count_labels_params params = {.rollout = sql_forget_labels_at(&rows, 0).rollout};
    error = sql_plan_memory(store, fault);
    return error == TC_OK ? sql_count_labels(store, &params, fault) : error;
}

static enum tc_error keep_times(struct store *store, bool *has_more, struct tc_fault *fault)
{
    struct sql_keep_times_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_keep_times(store, &rows, fault);
    if (error == TC_OK && rows.count > 0)
        *has_more = true;
    return error;
}

enum tc_error planning_count_labels(struct store *store, bool *has_more, struct tc_fault *fault)
{
    bool is_taken = false;
    int64_t added = 0;
    *has_more = false;
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = take_turn(store, &is_taken, fault);
    if (error == TC_OK && is_taken)
        error = add_relabelled(store, &added, fault);
    if (error == TC_OK && is_taken) {
        *has_more = added == RELABELLED_A_TURN;
        error = add_trusted_keys(store, has_more, fault);
    }
    if (error == TC_OK && is_taken)
        error = add_label_changes(store, has_more, fault);
    if (error == TC_OK && is_taken)
        error = count_next(store, has_more, fault);
    if (error == TC_OK && is_taken)
        error = keep_times(store, has_more, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}
