#include "orchestrator/store/rollout_progress.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/abort_rules.h"
#include "orchestrator/store/connection.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Parses at most `most` whole numbers of an array as PostgreSQL writes it, "{12,0,3}"; does not change the others. */
static void take_numbers(const char *text, int64_t *numbers, size_t most)
{
    const char *at = *text == '{' ? text + 1 : text;
    for (size_t i = 0; i < most && *at != '}' && *at != '\0'; i++) {
        char *end;
        numbers[i] = strtoll(at, &end, 10);
        at = *end == ',' ? end + 1 : end;
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Frees the list. Returns false when this version does not know a rule. */
static bool take_abort_rules(json_t *list, const char *seen, struct conducted_rollout *rollout)
{
    bool known = abort_rules_read(list, &rollout->abort_rules, &rollout->abort_count);
    rollout->abort_seen = calloc(rollout->abort_count + 1, sizeof *rollout->abort_seen);
    TC_CHECK(rollout->abort_seen != NULL);
    take_numbers(seen, rollout->abort_seen, rollout->abort_count);
    json_decref(list);
    return known;
}

static void take_rules(const struct sql_conducted_rollouts_row *row, struct conducted_rollout *rollout)
{
    rollout->rules.end_at_ms = row->end_at_ms;
    rollout->rules.cancels_at_end = row->cancels_at_end;
    rollout->rules.dispatch_timeout_ms = row->dispatch_timeout_ms;
    rollout->rules.answer_timeout_ms = row->answer_timeout_ms;
    rollout->rules.receive_timeout_ms = row->receive_timeout_ms;
    rollout->rules.install_timeout_ms = row->install_timeout_ms;
    rollout->rules.backoff_ms = row->backoff_ms;
    rollout->rules.retries = (int)row->retries;
    rollout->rules.defer_limit = (int)row->defer_limit;
    rollout->rules.retry_failed = row->retry_failed;
    rollout->rules.retry_timed_out = row->retry_timed_out;
    rollout->rules.is_blocked = row->is_blocked;
    rollout->rules.gives_up = rollout->state == ROLLOUT_CANCELLING;
}

/* Returns false when it has values that this version does not know: a newer orchestrator conducts it. */
static bool take_rollout(struct store *store, const struct sql_conducted_rollouts_row *row,
                         struct conducted_rollout *rollout)
{
    rollout->id = row->id;
    copy_text(rollout->name, sizeof rollout->name, row->name);
    bool known = rollout_state_parse(row->state, &rollout->state);
    if (!known)
        store_log_unknown(store, rollout->id, "state", row->state);
    rollout->version = row->version;
    rollout->priority = row->priority;
    rollout->preempts = row->preempt;
    take_rules(row, rollout);
    if (!take_abort_rules(stored_json(row->abort), row->abort_seen, rollout)) {
        store_log_unknown(store, rollout->id, "abort", row->abort);
        known = false;
    }
    rollout->rolls_back_on_abort = row->rolls_back_on_abort;
    rollout->rolls_back_on_failed = row->rolls_back_on_failed;
    rollout->rolls_back_on_timed_out = row->rolls_back_on_timed_out;
    rollout->now_ms = row->now_ms;
    rollout->paused_by_abort = row->paused_by_abort;
    rollout->retimes = row->retimes;
    rollout->limits_starts = row->limits_starts;
    rollout->exclusions = row->exclusions;
    rollout->exclusion_age_ms = row->exclusion_age_ms;
    if (!row->known) {
        store_log_unknown(store, rollout->id, "execution", row->unreadable_json);
        known = false;
    }
    return known;
}

static void free_rules(struct conducted_rollout *rollout)
{
    free(rollout->abort_rules);
    free(rollout->abort_seen);
    *rollout = (struct conducted_rollout){0};
}

enum tc_error rollout_progress_read_rollouts(struct store *store, struct conducted_rollout **rollouts, size_t *count,
                                             struct tc_fault *fault)
{
    *rollouts = NULL;
    *count = 0;
    struct sql_conducted_rollouts_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_conducted_rollouts(store, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    *rollouts = calloc((size_t)rows.count, sizeof **rollouts);
    TC_CHECK(*rollouts != NULL);
    for (int i = 0; i < rows.count; i++) {
        const struct sql_conducted_rollouts_row row = sql_conducted_rollouts_at(&rows, i);
        if (take_rollout(store, &row, &(*rollouts)[*count]))
            (*count)++;
        else
            free_rules(&(*rollouts)[*count]);
    }
    return TC_OK;
}

void rollout_progress_free_rollouts(struct conducted_rollout *rollouts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free_rules(&rollouts[i]);
    free(rollouts);
}

/* Returns false when this version does not know its state. */
static bool take_group(const struct sql_group_progress_row *row, struct group *group)
{
    group->number = row->group_no;
    copy_text(group->name, sizeof group->name, row->name);
    group->rules = (struct group_rules){.success_percent = row->success,
                                        .soak_ms = row->soak_ms,
                                        .manual = row->manual,
                                        .opens_reached = row->opens_reached};
    group->progress = (struct group_progress){
        .retriable = row->retriable,
        .settled_ms = row->settled_ms,
        .reached_ms = row->reached_ms,
        .approved = row->approved,
        .rejected = row->rejected,
        .promoted = row->promoted,
        .past_possible = row->past_possible,
        .past_ended = row->past_ended,
        .past_failed = row->past_failed,
        .is_frozen = row->is_frozen,
        .is_paused = row->is_paused,
        .is_excluded = row->is_excluded,
    };
    take_numbers(row->counts, group->progress.count, STATE_COUNT);
    group->unsettled.failed = row->failed;
    group->unsettled.timed_out = row->timed_out;
    group->unsettled.out_of_service = row->unsettled_out_of_service;
    group->out_of_service = row->out_of_service;
    return group_state_parse(row->state, &group->state);
}

enum tc_error rollout_progress_read_groups(struct store *store, int64_t rollout, bool with_out_of_service,
                                           struct group **groups, size_t *count, struct tc_fault *fault)
{
    *groups = NULL;
    *count = 0;
    const struct sql_group_progress_params params = {.rollout = rollout, .with_out_of_service = with_out_of_service};
    struct sql_group_progress_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_group_progress(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    *count = (size_t)rows.count;
    *groups = calloc(*count, sizeof **groups);
    TC_CHECK(*groups != NULL);
    for (int i = 0; i < rows.count; i++) {
        const struct sql_group_progress_row row = sql_group_progress_at(&rows, i);
        if (take_group(&row, &(*groups)[i]))
            continue;
        store_log_unknown(store, rollout, "group state", row.state);
        error = tc_fault_set(fault, TC_CONFLICT, "database: rollout %lld: group state %s is unknown to this version",
                             (long long)rollout, row.state);
    }
    return error;
}

const struct group *rollout_progress_find_group(const struct group *groups, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(groups[i].name, name) == 0)
            return &groups[i];
    }
    return NULL;
}

/* ---- changing -------------------------------------------------------------------------------- */

enum tc_error rollout_progress_hold(struct store *store, const struct conducted_rollout *rollout,
                                    struct tc_fault *fault)
{
    const struct sql_hold_rollout_params params = {.rollout = rollout->id, .version = rollout->version};
    struct sql_hold_rollout_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_hold_rollout(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        return tc_fault_set(fault, TC_CONFLICT, "database: another transaction changed the rollout");
    return error;
}

enum tc_error rollout_progress_move_group(struct store *store, int64_t rollout, const struct group *group,
                                          enum group_state to, const char *reason, struct tc_fault *fault)
{
    static const char *const kinds[GROUP_STATE_COUNT] = {
        [GROUP_OPEN] = KIND_GROUP_OPENED,
        [GROUP_SOAKING] = KIND_GROUP_SETTLED,
        [GROUP_AWAITING_APPROVAL] = KIND_GROUP_AWAITING_APPROVAL,
        [GROUP_PASSED] = KIND_GROUP_PASSED,
        [GROUP_NOT_REACHED] = KIND_GROUP_NOT_REACHED,
    };
    TC_CHECK(kinds[to] != NULL);
    const struct sql_move_group_params params = {.rollout = rollout,
                                                 .group_no = group->number,
                                                 .from_state = group_state_name(group->state),
                                                 .to_state = group_state_name(to),
                                                 .kind = kinds[to],
                                                 .reason = reason};
    struct sql_move_group_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_move_group(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        return tc_fault_set(fault, TC_CONFLICT, "database: the group changed, or may not open any more");
    return error;
}

enum tc_error rollout_progress_reach_group(struct store *store, int64_t rollout, const struct group *group,
                                           const char *reason, struct tc_fault *fault)
{
    const struct sql_reach_group_params params = {.rollout = rollout, .group_no = group->number, .reason = reason};
    return sql_reach_group(store, &params, fault);
}

enum tc_error rollout_progress_move_rollout(struct store *store, const struct conducted_rollout *rollout,
                                            const struct rollout_move *move, struct tc_fault *fault)
{
    const struct sql_move_rollout_params params = {.rollout = rollout->id,
                                                   .from_state = rollout_state_name(rollout->state),
                                                   .to_state = rollout_state_name(move->to),
                                                   .is_end = rollout_state_is_end(move->to),
                                                   .kind = move->kind,
                                                   .reason = move->reason,
                                                   .rollback_reason = move->rollback_reason};
    return sql_move_rollout(store, &params, fault);
}

enum tc_error rollout_progress_write_seen(struct store *store, const struct conducted_rollout *rollout,
                                          struct tc_fault *fault)
{
    const struct sql_write_abort_seen_params params = {.rollout = rollout->id,
                                                       .seen = {rollout->abort_seen, rollout->abort_count}};
    return sql_write_abort_seen(store, &params, fault);
}

enum tc_error rollout_progress_write_forecast(struct store *store, int64_t rollout, int64_t end_ms,
                                              struct tc_fault *fault)
{
    const struct sql_write_forecast_params params = {.rollout = rollout, .end_ms = end_ms};
    return sql_write_forecast(store, &params, fault);
}

enum tc_error rollout_progress_write_ends(struct store *store, int64_t rollout, const struct forecast_ends *ends,
                                          struct tc_fault *fault)
{
    const char *assumptions[FORECAST_ASSUMPTION_COUNT];
    size_t count = 0;
    for (int i = 0; i < FORECAST_ASSUMPTION_COUNT; i++) {
        if (ends->assumes[i])
            assumptions[count++] = forecast_assumption_name((enum forecast_assumption)i);
    }
    const struct sql_write_forecast_point_params params = {.rollout = rollout,
                                                           .best_ms = ends->best_ms,
                                                           .worst_ms = ends->worst_ms,
                                                           .assumptions = {assumptions, count},
                                                           .most = FORECAST_POINTS_MAX};
    return sql_write_forecast_point(store, &params, fault);
}

enum tc_error rollout_progress_write_nights(struct store *store, int64_t rollout, const struct forecast *forecast,
                                            struct tc_fault *fault)
{
    struct sql_write_planned_nights_item *items = calloc(forecast->night_count + 1, sizeof *items);
    TC_CHECK(items != NULL);
    for (size_t i = 0; i < forecast->night_count; i++)
        items[i] = (struct sql_write_planned_nights_item){.night = forecast->nights[i].night,
                                                          .devices = forecast->nights[i].devices,
                                                          .first_start_ms = forecast->nights[i].first_start_ms,
                                                          .last_end_ms = forecast->nights[i].last_end_ms};
    const struct sql_write_planned_nights_params params = {
        .rollout = rollout, .items = items, .item_count = forecast->night_count};
    enum tc_error error = sql_write_planned_nights(store, &params, fault);
    free(items);
    return error;
}

enum tc_error rollout_progress_record_event(struct store *store, int64_t rollout, const char *kind, const char *reason,
                                            struct tc_fault *fault)
{
    const struct sql_record_rollout_event_params params = {.rollout = rollout, .kind = kind, .reason = reason};
    return sql_record_rollout_event(store, &params, fault);
}

/* ---- rollbacks ------------------------------------------------------------------------------- */

enum tc_error rollout_progress_find_rollback_request(struct store *store, int64_t after,
                                                     struct rollback_request *request, struct tc_fault *fault)
{
    *request = (struct rollback_request){0};
    const struct sql_find_rollback_request_params params = {.after = after};
    struct sql_find_rollback_request_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_rollback_request(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_find_rollback_request_row row = sql_find_rollback_request_at(&rows, 0);
    request->origin = row.id;
    copy_text(request->name, sizeof request->name, row.name);
    copy_text(request->wanted_by, sizeof request->wanted_by, row.wanted_by);
    request->plan = strdup(row.plan);
    TC_CHECK(request->plan != NULL);
    request->approvals_required = row.approvals_required;
    request->to_take_back = row.to_take_back;
    request->made = row.made;
    request->before = row.before;
    return TC_OK;
}

enum tc_error rollout_progress_end_rollback_request(struct store *store, int64_t origin, const char *kind,
                                                    const char *reason, struct tc_fault *fault)
{
    const struct sql_end_rollback_request_params params = {.rollout = origin, .kind = kind, .reason = reason};
    return sql_end_rollback_request(store, &params, fault);
}
