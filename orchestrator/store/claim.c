#include "orchestrator/store/claim.h"

#include "orchestrator/store/abort_rules.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/start_rate.h"

#include <stdlib.h>
#include <string.h>

/* A rollout with an unknown abort criterion starts nothing: this version could not stop it. */
static bool knows_abort_rules(const char *text)
{
    json_t *list = stored_json(text);
    struct abort_rule *rules;
    size_t count;
    bool known = abort_rules_read(list, &rules, &count);
    free(rules);
    json_decref(list);
    return known;
}

static void take_rollout(struct store *store, const struct sql_running_rollouts_row *row,
                         struct running_rollout *rollout)
{
    *rollout = (struct running_rollout){
        .id = row->id,
        .version = row->version,
        .priority = row->priority,
        .preempt = row->preempt,
        .rate = {.per_minute = row->per_minute,
                 .growth = row->growth,
                 .grow_after = row->grow_after,
                 .maximum_per_minute = row->maximum_per_minute},
        .rules = {.dispatch_timeout_ms = row->dispatch_timeout_ms,
                  .answer_timeout_ms = row->answer_timeout_ms,
                  .receive_timeout_ms = row->receive_timeout_ms,
                  .install_timeout_ms = row->install_timeout_ms},
        .known = row->known,
    };
    if (!rollout->known)
        store_log_unknown(store, rollout->id, "rate or execution", row->unreadable_json);
    if (!knows_abort_rules(row->abort)) {
        store_log_unknown(store, rollout->id, "abort", row->abort);
        rollout->known = false;
    }
}

enum tc_error claim_read_rollouts(struct store *store, const int64_t *named, size_t named_count,
                                  struct running_rollout **rollouts, size_t *count, struct tc_fault *fault)
{
    const struct sql_running_rollouts_params params = {.rollouts = {named, named_count}};
    *rollouts = NULL;
    *count = 0;
    struct sql_running_rollouts_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_running_rollouts(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;

    *count = (size_t)rows.count;
    *rollouts = calloc(*count, sizeof **rollouts);
    TC_CHECK(*rollouts != NULL);
    for (int i = 0; i < rows.count; i++) {
        const struct sql_running_rollouts_row row = sql_running_rollouts_at(&rows, i);
        take_rollout(store, &row, &(*rollouts)[i]);
    }
    return TC_OK;
}

static void take_one(const struct sql_claimed *row, struct claimed *claimed)
{
    *claimed = (struct claimed){
        .claim = row->claim,
        .instruction = row->instruction,
        .attempt = row->attempt,
        .pull = row->pull,
        .node = row->node,
        .start_before_s = row->start_before_s,
        .rollout = row->rollout,
        .epoch = row->epoch,
        .out_of_service = row->out_of_service,
    };
    copy_text(claimed->device, sizeof claimed->device, row->device);
    copy_text(claimed->branch, sizeof claimed->branch, row->branch);
}

static struct claimed *allocate_claimed(int count)
{
    struct claimed *claimed = count == 0 ? NULL : calloc((size_t)count, sizeof *claimed);
    TC_CHECK(count == 0 || claimed != NULL);
    return claimed;
}

/* Each row has the place to continue from; when nothing was claimed, a single row has only that. */
static void take_claimed(const struct sql_claim_due_rows *rows, struct claim_result *claimed)
{
    if (rows->count == 0)
        return;
    const struct sql_claim_due_row first = sql_claim_due_at(rows, 0);
    claimed->has_more = first.has_more;
    claimed->place = (struct claim_place){
        .group = first.place_group, .due_us = first.place_due_us, .instruction = first.place_instruction};
    if (!first.claimed.has_claim)
        return;
    claimed->count = (size_t)rows->count;
    claimed->rows = allocate_claimed(rows->count);
    for (int i = 0; i < rows->count; i++) {
        const struct sql_claim_due_row row = sql_claim_due_at(rows, i);
        take_one(&row.claimed, &claimed->rows[i]);
        claimed->rows[i].waited_ms = row.waited_ms;
    }
}

static enum tc_error take_turn(struct store *store, struct tc_fault *fault)
{
    struct sql_take_claim_turn_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_take_claim_turn(store, &rows, fault);
    if (error == TC_OK && !sql_take_claim_turn_at(&rows, 0).is_taken)
        return tc_fault_set(fault, TC_BUSY, "database: another orchestrator is claiming");
    return error;
}

static enum tc_error claim_due(struct store *store, const struct claim_request *request, int64_t claim_limit,
                               struct claim_result *claimed, struct tc_fault *fault)
{
    const struct execution_rules *rules = &request->rollout->rules;
    const struct sql_claim_due_params params = {
        .rollout = request->rollout->id,
        .version = request->rollout->version,
        .claim_limit = claim_limit,
        .instance = request->instance,
        .lease_ms = request->lease_ms,
        .install_timeout_ms = rules->install_timeout_ms,
        .higher = {request->higher, request->higher_count},
        .preempting = {request->preempting, request->preempting_count},
        .push_next_check_ms = due_check_first_after_ms(rules, false),
        .pull_next_check_ms = due_check_first_after_ms(rules, true),
        .push_wait_ms = rules->dispatch_timeout_ms + rules->answer_timeout_ms + rules->receive_timeout_ms,
        .pull_wait_ms = request->pull_wait_ms,
        .shard = request->shard,
        .scan_limit = request->scan_limit,
        .after_group = request->after.group,
        .after_due_us = request->after.due_us,
        .after_instruction = request->after.instruction,
    };
    struct sql_claim_due_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_claim_due(store, &params, &rows, fault);
    if (error == TC_OK)
        take_claimed(&rows, claimed);
    return error;
}

static enum tc_error claim_within_rate(struct store *store, const struct claim_request *request,
                                       struct claim_result *claimed, struct tc_fault *fault)
{
    if (request->rate.per_minute == 0)
        return claim_due(store, request, request->claim_limit, claimed, fault);

    struct start_rate rate;
    enum tc_error error = start_rate_read(store, request->rollout->id, &request->rate, &rate, fault);
    if (error != TC_OK)
        return error;
    claimed->rate_is_used_up = rate.allowance == 0;
    if (rate.allowance == 0)
        return TC_OK;
    int64_t limit = rate.allowance < request->claim_limit ? rate.allowance : request->claim_limit;
    error = claim_due(store, request, limit, claimed, fault);
    if (error != TC_OK || claimed->count == 0)
        return error;
    return start_rate_write(store, request->rollout->id, &rate, (int64_t)claimed->count, fault);
}

enum tc_error claim_take_due(struct store *store, const struct claim_request *request, struct claim_result *result,
                             struct tc_fault *fault)
{
    *result = (struct claim_result){0};
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = take_turn(store, fault);
    if (error == TC_OK)
        error = claim_within_rate(store, request, result, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    if (error == TC_OK)
        return TC_OK;
    free(result->rows);
    *result = (struct claim_result){0};
    return store_rollback(store, error);
}

enum tc_error claim_renew(struct store *store, const char *instance, int64_t lease_ms, int64_t *claims, size_t *count,
                          struct tc_fault *fault)
{
    const struct sql_drop_empty_claims_params empty = {.instance = instance};
    enum tc_error error = sql_drop_empty_claims(store, &empty, fault);
    if (error != TC_OK)
        return error;
    const struct sql_renew_claims_params params = {
        .instance = instance, .lease_ms = lease_ms, .claims = {claims, *count}};
    struct sql_renew_claims_rows rows ROWS_AUTO = {0};
    error = sql_renew_claims(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    TC_CHECK((size_t)rows.count <= *count);
    *count = (size_t)rows.count;
    for (int i = 0; i < rows.count; i++)
        claims[i] = sql_renew_claims_at(&rows, i).id;
    return TC_OK;
}

enum tc_error claim_take_over(struct store *store, const char *instance, int64_t lease_ms, struct claimed **rows,
                              size_t *count, struct tc_fault *fault)
{
    *rows = NULL;
    *count = 0;
    enum tc_error error = store_begin(store, fault);
    if (error != TC_OK)
        return error;
    const struct sql_take_over_claims_params params = {.instance = instance, .lease_ms = lease_ms};
    struct sql_claimed_rows taken ROWS_AUTO = {0};
    error = sql_take_over_claims(store, &params, &taken, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    if (error != TC_OK)
        return store_rollback(store, error);
    *count = (size_t)taken.count;
    *rows = allocate_claimed(taken.count);
    for (int i = 0; i < taken.count; i++) {
        const struct sql_claimed row = sql_claimed_at(&taken, i);
        take_one(&row, &(*rows)[i]);
    }
    return TC_OK;
}

enum tc_error claim_drop(struct store *store, const char *instance, const int64_t *claims, size_t count,
                         struct tc_fault *fault)
{
    const struct sql_drop_claims_params params = {.instance = instance, .claims = {claims, count}};
    return sql_drop_claims(store, &params, fault);
}
