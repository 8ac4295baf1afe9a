/* Taking devices out of a rollout that runs or is paused. The conductor ends what they have not started. */
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/amendment_private.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate_private.h"

#include <string.h>

/* Of how many devices a preview tells exactly. */
enum { PREVIEW_DEVICES = 10000 };

/* The scope of the exclusion, and the device that is skipped: one of them is NULL. */
static const char *scope_of(const struct operation_request *request)
{
    return request->operation == OPERATION_EXCLUDE ? request->match : NULL;
}

static const char *device_of(const struct operation_request *request)
{
    return request->operation == OPERATION_SKIP ? request->device : NULL;
}

enum tc_error operate_look_up_members(struct store *store, const struct operation_request *request,
                                      struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    enum tc_error error = act_scope_check_seen(store, request->scope, request->rollout, &snapshot->is_seen, fault);
    if (error != TC_OK || !snapshot->is_seen)
        return error;
    const struct sql_look_up_members_params params = {
        .rollout = request->rollout, .device = device_of(request), .scope = scope_of(request)};
    struct sql_look_up_members_rows rows ROWS_AUTO = {0};
    error = sql_look_up_members(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_look_up_members_row row = sql_look_up_members_at(&rows, 0);
    snapshot->has_member = row.is_member;
    snapshot->has_open_member = row.is_open;
    return TC_OK;
}

static enum tc_error check_excluded(struct store *store, const struct operation_request *request,
                                    const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    struct refusal *refusal = snapshot->refusal;
    const struct sql_find_excluded_params params = {
        .rollout = request->rollout, .device = device_of(request), .scope = scope_of(request)};
    struct sql_find_excluded_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_excluded(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_find_excluded_row found = sql_find_excluded_at(&rows, 0);
    refusal_copy(refusal->places, sizeof refusal->places, found.words);
    if (found.is_excluded)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_EXCLUDED_BEFORE, fault);
    if (!snapshot->has_member)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_NOT_A_MEMBER, fault);
    if (snapshot->has_open_member)
        return TC_OK;
    return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_ALL_ENDED, fault);
}

enum tc_error operate_exclude(struct store *store, const struct operation_request *request,
                              const struct rollout_snapshot *snapshot, struct operated *operated,
                              struct tc_fault *fault)
{
    bool skips = request->operation == OPERATION_SKIP;
    enum tc_error error = check_excluded(store, request, snapshot, fault);
    if (error != TC_OK)
        return error;
    json_t *before = json_null(), *after = skips ? json_pack("{s:s}", "device", request->device)
                                                 : json_pack("{s:o}", "match", json_loads(request->match, 0, NULL));
    TC_CHECK(after != NULL);
    const struct amendment_order order = {.kind = skips ? AMENDMENT_SKIP : AMENDMENT_EXCLUDE,
                                          .subject = skips ? request->device : request->match_words,
                                          .before = before,
                                          .after = after,
                                          .event = skips ? KIND_SKIPPED : KIND_EXCLUDED,
                                          .event_reason = snapshot->reason};
    error = amendment_record(store, request, snapshot, &order, operated, fault);
    json_decref(after);
    return error;
}

enum tc_error operate_check_steered(struct store *store, const struct operation_request *request,
                                    enum rollout_event event, struct refusal *refusal, struct tc_fault *fault)
{
    struct rollout_snapshot snapshot = {.refusal = refusal};
    const struct sql_read_steered_params params = {.rollout = request->rollout};
    struct sql_read_steered_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_steered(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return operate_refuse(request, &snapshot, TC_NOT_FOUND, REFUSAL_NO_ROLLOUT, fault);
    const struct sql_read_steered_row row = sql_read_steered_at(&rows, 0);
    snapshot.version = row.version;
    refusal_copy(snapshot.name, sizeof snapshot.name, row.name);
    if (!rollout_state_parse(row.state, &snapshot.state))
        return operate_refuse(request, &snapshot, TC_CONFLICT, REFUSAL_UNKNOWN_STATE, fault);
    if (row.is_collect)
        return operate_refuse(request, &snapshot, TC_CONFLICT, REFUSAL_IS_COLLECT, fault);
    return operate_find_rule(request, &snapshot, event, fault) == NULL ? TC_CONFLICT : TC_OK;
}

enum tc_error operate_preview_exclusion(struct store *store, const struct operation_request *request,
                                        struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    bool is_seen;
    *refusal = (struct refusal){.reason = REFUSAL_NONE, .rollout = request->rollout};
    enum tc_error error = act_scope_check_seen(store, request->scope, request->rollout, &is_seen, fault);
    if (error == TC_OK && !is_seen)
        return refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_ROLLOUT, fault);
    if (error == TC_OK)
        error = act_scope_check_exclusion(store, request->scope, device_of(request), scope_of(request), refusal, fault);
    if (error == TC_OK)
        error = operate_check_steered(store, request, ROLLOUT_ON_EXCLUDE, refusal, fault);
    if (error != TC_OK)
        return error;
    const struct sql_preview_exclusion_params params = {
        .rollout = request->rollout, .device = device_of(request), .scope = scope_of(request), .most = PREVIEW_DEVICES};
    struct sql_document_rows rows ROWS_AUTO = {0};
    error = sql_preview_exclusion(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}
