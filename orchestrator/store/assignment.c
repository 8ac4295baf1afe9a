#include "orchestrator/store/assignment.h"

#include "orchestrator/store/guard_private.h"

#include <stdlib.h>
#include <string.h>

static void take_assignment(struct store *store, const struct sql_assignment *row, struct assignment *assignment)
{
    assignment->instruction = row->instruction;
    assignment->rollout = row->rollout;
    assignment->attempt = row->attempt;
    assignment->known = device_role_parse(row->role, &assignment->role);
    if (!assignment->known)
        store_log_unknown(store, assignment->rollout, "role", row->role);
    assignment->start_before_s = row->start_before_s;
    assignment->epoch = row->epoch;
    assignment->out_of_service = row->out_of_service;
}

static void take_found(struct store *store, const struct sql_find_assignment_row *row, struct assignment *assignment)
{
    take_assignment(store, &row->assignment, assignment);
    assignment->recall = row->recall;
    assignment->recall_since_s = row->recall_since_s;
    assignment->recall_unable = row->recall_unable;
    assignment->may_sign = row->may_sign;
    assignment->versions_are_written = row->versions_are_written;
    if (row->trusted_keys[0] != '\0') {
        assignment->trusted_keys = strdup(row->trusted_keys);
        TC_CHECK(assignment->trusted_keys != NULL);
    }
}

void assignments_free(struct assignment *assignments, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(assignments[i].trusted_keys);
}

enum tc_error assignment_find(struct store *store, const char *const *devices, const char *const *versions,
                              size_t count, const char *key, struct assignment *assignments, struct tc_fault *fault)
{
    const struct sql_find_assignment_params params = {
        .devices = {devices, count}, .versions = {versions, count}, .key = key};
    struct sql_find_assignment_rows rows ROWS_AUTO = {0};
    const struct mark_seen seen = store_guard_read_mark(store->guard);
    enum tc_error error = sql_find_assignment(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    memset(assignments, 0, count * sizeof *assignments);
    for (int i = 0; i < rows.count; i++) {
        const struct sql_find_assignment_row row = sql_find_assignment_at(&rows, i);
        if (i == 0)
            error = store_guard_compare(store->guard, &row.watermark, seen, fault);
        if (error != TC_OK)
            return error;
        size_t at = (size_t)row.at;
        TC_CHECK(at < count && strlen(devices[at]) < sizeof assignments[at].device);
        memcpy(assignments[at].device, devices[at], strlen(devices[at]) + 1);
        take_found(store, &row, &assignments[at]);
    }
    return TC_OK;
}

enum tc_error assignment_page(struct store *store, const char *after, size_t most, struct assignment *assignments,
                              size_t *count, struct tc_fault *fault)
{
    *count = 0;
    const struct sql_assignment_page_params params = {.after = after, .most = (int64_t)most};
    struct sql_assignment_page_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_assignment_page(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    *count = (size_t)rows.count;
    for (int i = 0; i < rows.count; i++) {
        const struct sql_assignment_page_row row = sql_assignment_page_at(&rows, i);
        take_assignment(store, &row.assignment, &assignments[i]);
        copy_text(assignments[i].device, sizeof assignments[i].device, row.device);
        copy_text(assignments[i].branch, sizeof assignments[i].branch, row.branch);
        assignments[i].pull = row.pull;
        assignments[i].withdrawn = row.withdrawn;
    }
    return TC_OK;
}

enum tc_error assignment_read_content(struct store *store, int64_t rollout, struct buffer *content,
                                      struct tc_fault *fault)
{
    const struct sql_rollout_content_params params = {.rollout = rollout};
    struct sql_rollout_content_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_rollout_content(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: has no rollout %lld", (long long)rollout);
    buffer_put_text(content, sql_rollout_content_at(&rows, 0).content);
    return TC_OK;
}

enum tc_error assignment_find_undeliverable(struct store *store, const int64_t *rollouts, const int64_t *instructions,
                                            size_t count, bool *is_undeliverable, struct tc_fault *fault)
{
    const struct sql_undeliverable_among_params params = {.rollouts = {rollouts, count},
                                                          .instructions = {instructions, count}};
    struct sql_undeliverable_among_rows rows ROWS_AUTO = {0};
    memset(is_undeliverable, 0, count * sizeof *is_undeliverable);
    enum tc_error error = sql_undeliverable_among(store, &params, &rows, fault);
    for (int i = 0; error == TC_OK && i < rows.count; i++) {
        int64_t at = sql_undeliverable_among_at(&rows, i).at;
        TC_CHECK(at >= 0 && (size_t)at < count);
        is_undeliverable[at] = true;
    }
    return error;
}
