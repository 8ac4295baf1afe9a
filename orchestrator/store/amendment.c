#include "orchestrator/store/amendment.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/amendment_private.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/policy_in_force.h"
#include "orchestrator/store/scope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[AMENDMENT_KIND_COUNT] = {
#define AMENDMENT_KIND(constant, name) [constant] = (name),
#include "orchestrator/rollout/vocabulary.def"
};

static amendment_apply *const applies[AMENDMENT_KIND_COUNT] = {
    [AMENDMENT_RATE] = amendment_apply_value,         [AMENDMENT_BUDGET] = amendment_apply_value,
    [AMENDMENT_END] = amendment_apply_value,          [AMENDMENT_EXCLUDE] = amendment_apply_exclusion,
    [AMENDMENT_SKIP] = amendment_apply_exclusion,     [AMENDMENT_PAUSE_GROUP] = amendment_apply_pause,
    [AMENDMENT_RESUME_GROUP] = amendment_apply_pause, [AMENDMENT_PROMOTE] = amendment_apply_promotion,
};

const char *amendment_kind_name(enum amendment_kind kind)
{
    return kind_names[kind];
}

const char *amendment_group(const struct amendment_change *change)
{
    return change->kind == AMENDMENT_PROMOTE ? json_string_value(json_object_get(change->after, "group")) : NULL;
}

static bool parse_kind(const char *name, enum amendment_kind *kind)
{
    for (int i = 0; i < AMENDMENT_KIND_COUNT; i++) {
        *kind = (enum amendment_kind)i;
        if (strcmp(name, kind_names[i]) == 0)
            return true;
    }
    return false;
}

static void set_answer(struct operated *operated, int64_t number, const char *state, const char *digest)
{
    operated->amendment.number = number;
    (void)snprintf(operated->amendment.state, sizeof operated->amendment.state, "%s", state);
    (void)snprintf(operated->amendment.digest, sizeof operated->amendment.digest, "%s", digest);
}

static enum tc_error record_event(struct store *store, const struct operation_request *request, int64_t number,
                                  const char *kind, const char *actor, const char *reason, int64_t version,
                                  const char *digest, struct tc_fault *fault)
{
    const struct sql_record_amendment_params params = {.rollout = request->rollout,
                                                       .number = number,
                                                       .kind = kind,
                                                       .actor = actor,
                                                       .reason = reason,
                                                       .version = version,
                                                       .digest = digest,
                                                       .group_no = 0};
    return sql_record_amendment(store, &params, fault);
}

/* ---- coming into force ---- */

static enum tc_error apply(struct store *store, const struct operation_request *request,
                           const struct rollout_snapshot *snapshot, const struct amendment *amendment, bool *retimes,
                           struct tc_fault *fault)
{
    *retimes = false;
    TC_CHECK(applies[amendment->order.kind] != NULL);
    return applies[amendment->order.kind](store, request, snapshot, amendment, retimes, fault);
}

static enum tc_error void_others(struct store *store, const struct operation_request *request,
                                 const struct amendment *amendment, struct tc_fault *fault)
{
    const struct sql_void_others_params params = {.rollout = request->rollout,
                                                  .number = amendment->number,
                                                  .kind = kind_names[amendment->order.kind],
                                                  .subject = amendment->order.subject};
    return sql_void_others(store, &params, fault);
}

/* ---- ordering ---- */

static void make_digest(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                        const struct amendment_order *order, char digest[static PLAN_DIGEST_SIZE])
{
    json_t *document =
        json_pack("{s:I,s:s,s:s,s:s,s:O,s:O,s:I}", "rollout", (json_int_t)request->rollout, "plan", snapshot->digest,
                  "kind", kind_names[order->kind], "subject", order->subject, "before", (json_t *)order->before,
                  "after", (json_t *)order->after, "version", (json_int_t)request->version);
    TC_CHECK(document != NULL);
    plan_digest_of(document, digest);
    json_decref(document);
}

static enum tc_error write_order(struct store *store, const struct operation_request *request,
                                 const struct rollout_snapshot *snapshot, const struct amendment_order *order,
                                 struct operated *operated, struct tc_fault *fault)
{
    char *before = json_text_of(order->before), *after = json_text_of(order->after);
    const struct sql_write_amendment_params params = {
        .rollout = request->rollout,
        .kind = kind_names[order->kind],
        .subject = order->subject,
        .before = before,
        .after = after,
        .is_loosening = order->is_loosening,
        .plan_digest = snapshot->digest,
        .digest = operated->amendment.digest,
        .version = request->version,
        .author = request->actor,
        .reason = request->reason,
        .approvals_required = order->is_loosening ? snapshot->loosening_approvals_required : 0,
        .state = operated->amendment.state,
    };
    struct sql_write_amendment_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_write_amendment(store, &params, &rows, fault);
    free(before);
    free(after);
    if (error == TC_OK)
        operated->amendment.number = sql_write_amendment_at(&rows, 0).number;
    return error;
}

/* Applies an amendment that is written, and marks it. */
static enum tc_error come_into_force(struct store *store, const struct operation_request *request,
                                     const struct rollout_snapshot *snapshot, const struct amendment *amendment,
                                     struct tc_fault *fault)
{
    bool retimes;
    enum tc_error error = apply(store, request, snapshot, amendment, &retimes, fault);
    if (error != TC_OK)
        return error;
    const struct sql_end_amendment_params params = {
        .rollout = request->rollout, .number = amendment->number, .state = AMENDMENT_IN_FORCE, .retimes = retimes};
    error = sql_end_amendment(store, &params, fault);
    return error == TC_OK ? void_others(store, request, amendment, fault) : error;
}

static enum tc_error record_order(struct store *store, const struct operation_request *request,
                                  const struct rollout_snapshot *snapshot, const struct amendment_order *order,
                                  bool waits, const struct operated *operated, struct tc_fault *fault)
{
    const char *kind = order->event == NULL ? KIND_AMENDED : order->event;
    const struct sql_record_amendment_params params = {.rollout = request->rollout,
                                                       .number = operated->amendment.number,
                                                       .kind = waits ? KIND_AMENDMENT_ORDERED : kind,
                                                       .actor = request->actor,
                                                       .reason = order->event_reason == NULL ? request->reason
                                                                                             : order->event_reason,
                                                       .version = snapshot->version,
                                                       .digest = operated->amendment.digest,
                                                       .group_no = order->group_no};
    return sql_record_amendment(store, &params, fault);
}

enum tc_error amendment_record(struct store *store, const struct operation_request *request,
                               const struct rollout_snapshot *snapshot, const struct amendment_order *order,
                               struct operated *operated, struct tc_fault *fault)
{
    bool waits = order->is_loosening && snapshot->loosening_approvals_required > 0;
    enum tc_error error = order->is_loosening ? policy_in_force_check(store->policy, fault) : TC_OK;
    if (error != TC_OK)
        return error;
    char digest[PLAN_DIGEST_SIZE];
    make_digest(request, snapshot, order, digest);
    set_answer(operated, 0, waits ? AMENDMENT_AWAITING_APPROVAL : AMENDMENT_IN_FORCE, digest);
    error = write_order(store, request, snapshot, order, operated, fault);
    if (error == TC_OK)
        error = record_order(store, request, snapshot, order, waits, operated, fault);
    if (error != TC_OK || waits)
        return error;
    const struct amendment amendment = {.number = operated->amendment.number, .order = *order};
    return come_into_force(store, request, snapshot, &amendment, fault);
}

enum tc_error amendment_find_repeated(struct store *store, const struct operation_request *request,
                                      const struct amendment_order *order, bool *existing, struct operated *operated,
                                      struct tc_fault *fault)
{
    char *after = order->after == NULL ? NULL : json_text_of(order->after);
    const struct sql_find_repeated_params params = {.rollout = request->rollout,
                                                    .version = request->version,
                                                    .author = request->actor,
                                                    .reason = request->reason,
                                                    .kind = kind_names[order->kind],
                                                    .subject = order->subject,
                                                    .after = after};
    struct sql_find_repeated_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_repeated(store, &params, &rows, fault);
    free(after);
    *existing = error == TC_OK && rows.count > 0;
    if (!*existing)
        return error;
    const struct sql_find_repeated_row row = sql_find_repeated_at(&rows, 0);
    set_answer(operated, row.number, row.state, row.digest);
    return TC_OK;
}

/* ---- deciding ---- */

static enum tc_error refuse(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                            enum tc_error error, enum refusal_reason reason, struct tc_fault *fault)
{
    snapshot->refusal->other = request->amendment;
    return operate_refuse(request, snapshot, error, reason, fault);
}

static enum tc_error check_actor(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                 const struct sql_find_amendment_row *found, struct tc_fault *fault)
{
    struct refusal *refusal = snapshot->refusal;
    if (strcmp(found->author, request->actor) == 0 || found->actor_is_author)
        return refuse(request, snapshot, TC_DENIED, REFUSAL_AMENDED_IT, fault);
    if (found->author_is_known && found->unknown_author == NULL)
        return TC_OK;
    refusal_copy(refusal->who, sizeof refusal->who, found->author_is_known ? found->unknown_author : found->author);
    return refuse(request, snapshot, TC_DENIED, REFUSAL_UNKNOWN_AUTHOR, fault);
}

static enum tc_error check_digest(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                  const struct sql_find_amendment_row *found, struct tc_fault *fault)
{
    if (strcmp(request->digest, found->digest) == 0)
        return TC_OK;
    refusal_copy(snapshot->refusal->digest, sizeof snapshot->refusal->digest, found->digest);
    return refuse(request, snapshot, TC_CONFLICT, REFUSAL_OTHER_AMENDMENT, fault);
}

static enum tc_error check_waits(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                 const struct sql_find_amendment_row *found, struct tc_fault *fault)
{
    bool promotes = strcmp(found->kind, kind_names[AMENDMENT_PROMOTE]) == 0;
    enum rollout_event event = promotes ? ROLLOUT_ON_PROMOTE_ORDERED : ROLLOUT_ON_AMEND;
    if (strcmp(found->state, AMENDMENT_AWAITING_APPROVAL) == 0)
        return operate_find_rule(request, snapshot, event, fault) == NULL ? TC_CONFLICT : TC_OK;
    refusal_copy(snapshot->refusal->state, sizeof snapshot->refusal->state, found->state);
    return refuse(request, snapshot, TC_CONFLICT, REFUSAL_AMENDMENT_ENDED, fault);
}

/* `*existing`: the actor decided the same before, for the same reason. */
static enum tc_error check_decision(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                    const struct sql_find_amendment_row *found, bool *existing, struct tc_fault *fault)
{
    bool approves = request->operation == OPERATION_APPROVE;
    struct refusal *refusal = snapshot->refusal;
    enum tc_error error = check_digest(request, snapshot, found, fault);
    bool is_same = found->has_approved && found->approved == approves;
    *existing = error == TC_OK && is_same && strcmp(found->reason, request->reason) == 0;
    if (error == TC_OK && !*existing)
        error = check_waits(request, snapshot, found, fault);
    if (error != TC_OK || *existing)
        return error;
    if (approves && snapshot->end_has_passed && strcmp(found->kind, kind_names[AMENDMENT_END]) == 0)
        return refuse(request, snapshot, TC_CONFLICT, REFUSAL_AMEND_AFTER_END, fault);
    if (is_same) {
        copy_text(refusal->at, sizeof refusal->at, found->at);
        return refuse(request, snapshot, TC_CONFLICT, approves ? REFUSAL_APPROVED_BEFORE : REFUSAL_REJECTED_BEFORE,
                      fault);
    }
    return check_actor(request, snapshot, found, fault);
}

static enum tc_error write_decision(struct store *store, const struct operation_request *request,
                                    const struct rollout_snapshot *snapshot, const struct sql_find_amendment_row *found,
                                    struct tc_fault *fault)
{
    bool approves = request->operation == OPERATION_APPROVE;
    const struct sql_write_amendment_decision_params params = {.rollout = request->rollout,
                                                               .number = request->amendment,
                                                               .actor = request->actor,
                                                               .approved = approves,
                                                               .reason = request->reason};
    enum tc_error error = sql_write_amendment_decision(store, &params, fault);
    return error == TC_OK ? record_event(store, request, request->amendment,
                                         approves ? KIND_AMENDMENT_APPROVED : KIND_AMENDMENT_REJECTED, request->actor,
                                         request->reason, snapshot->version, found->digest, fault)
                          : error;
}

/* Ends the wait of an amendment that does not come into force. */
static enum tc_error end_wait(struct store *store, const struct operation_request *request, const char *state,
                              struct operated *operated, struct tc_fault *fault)
{
    const struct sql_end_amendment_params params = {
        .rollout = request->rollout, .number = request->amendment, .state = state, .retimes = false};
    (void)snprintf(operated->amendment.state, sizeof operated->amendment.state, "%s", state);
    return sql_end_amendment(store, &params, fault);
}

static enum tc_error bring_into_force(struct store *store, const struct operation_request *request,
                                      const struct rollout_snapshot *snapshot,
                                      const struct sql_find_amendment_row *found, const char **to,
                                      struct operated *operated, struct tc_fault *fault)
{
    json_t *before = json_loads(found->before, JSON_DECODE_ANY, NULL);
    json_t *after = json_loads(found->after, JSON_DECODE_ANY, NULL);
    struct amendment amendment = {
        .number = request->amendment,
        .order = {.subject = found->subject, .before = before, .after = after, .is_loosening = found->is_loosening}};
    enum tc_error error = TC_OK;
    if (before == NULL || after == NULL || !parse_kind(found->kind, &amendment.order.kind))
        error = tc_fault_set(fault, TC_CONFLICT, "database: a newer version wrote this amendment: use a newer version");
    if (error == TC_OK)
        error = come_into_force(store, request, snapshot, &amendment, fault);
    if (error == TC_OK && amendment.order.kind == AMENDMENT_PROMOTE)
        error = promotion_go_on(store, request, snapshot, found->author, to, fault);
    json_decref(before);
    json_decref(after);
    if (error != TC_OK)
        return error;
    char reason[TC_ID_SIZE + 64];
    (void)snprintf(reason, sizeof reason, "ordered by %s, approved by %" PRId64, found->author, found->approvals + 1);
    (void)snprintf(operated->amendment.state, sizeof operated->amendment.state, "%s", AMENDMENT_IN_FORCE);
    return record_event(store, request, request->amendment, KIND_AMENDED, ACTOR_TELLERCAST, reason, 0, found->digest,
                        fault);
}

/* The row is valid as long as `rows`. */
static enum tc_error find(struct store *store, const struct operation_request *request,
                          const struct rollout_snapshot *snapshot, struct sql_find_amendment_rows *rows,
                          struct sql_find_amendment_row *found, struct operated *operated, struct tc_fault *fault)
{
    const struct sql_find_amendment_params params = {
        .rollout = request->rollout, .number = request->amendment, .actor = request->actor};
    enum tc_error error = sql_find_amendment(store, &params, rows, fault);
    if (error != TC_OK)
        return error;
    if (rows->count == 0)
        return refuse(request, snapshot, TC_NOT_FOUND, REFUSAL_NO_AMENDMENT, fault);
    *found = sql_find_amendment_at(rows, 0);
    set_answer(operated, request->amendment, found->state, found->digest);
    return TC_OK;
}

enum tc_error amendment_decide(struct store *store, const struct operation_request *request,
                               const struct rollout_snapshot *snapshot, const char **to, struct operated *operated,
                               struct tc_fault *fault)
{
    bool *existing = &operated->existing;
    struct sql_find_amendment_rows rows ROWS_AUTO = {0};
    struct sql_find_amendment_row found;
    enum tc_error error = find(store, request, snapshot, &rows, &found, operated, fault);
    if (error == TC_OK)
        error = check_decision(request, snapshot, &found, existing, fault);
    if (error == TC_OK && !*existing)
        error = write_decision(store, request, snapshot, &found, fault);
    if (error != TC_OK || *existing)
        return error;
    if (request->operation == OPERATION_REJECT)
        return end_wait(store, request, AMENDMENT_REJECTED, operated, fault);
    bool is_enough = found.approvals + 1 >= found.required;
    return is_enough ? bring_into_force(store, request, snapshot, &found, to, operated, fault) : TC_OK;
}

/* ---- withdrawing ---- */

/* Whether its author withdrew it before, for the reason of the request. */
static enum tc_error find_withdrawal(struct store *store, const struct operation_request *request, bool *existing,
                                     struct tc_fault *fault)
{
    const struct sql_find_withdrawal_params params = {.rollout = request->rollout, .number = request->amendment};
    struct sql_find_withdrawal_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_withdrawal(store, &params, &rows, fault);
    *existing =
        error == TC_OK && rows.count > 0 && strcmp(sql_find_withdrawal_at(&rows, 0).reason, request->reason) == 0;
    return error;
}

static enum tc_error check_withdrawal(struct store *store, const struct operation_request *request,
                                      const struct rollout_snapshot *snapshot,
                                      const struct sql_find_amendment_row *found, bool *existing,
                                      struct tc_fault *fault)
{
    enum tc_error error = check_digest(request, snapshot, found, fault);
    if (error == TC_OK && strcmp(found->author, request->actor) != 0) {
        refusal_copy(snapshot->refusal->who, sizeof snapshot->refusal->who, found->author);
        return refuse(request, snapshot, TC_DENIED, REFUSAL_AMENDED_BY, fault);
    }
    if (error == TC_OK)
        error = find_withdrawal(store, request, existing, fault);
    return error == TC_OK && !*existing ? check_waits(request, snapshot, found, fault) : error;
}

enum tc_error amendment_withdraw(struct store *store, const struct operation_request *request,
                                 const struct rollout_snapshot *snapshot, struct operated *operated,
                                 struct tc_fault *fault)
{
    struct sql_find_amendment_rows rows ROWS_AUTO = {0};
    struct sql_find_amendment_row found;
    enum tc_error error = find(store, request, snapshot, &rows, &found, operated, fault);
    if (error == TC_OK)
        error = check_withdrawal(store, request, snapshot, &found, &operated->existing, fault);
    if (error != TC_OK || operated->existing)
        return error;
    error = end_wait(store, request, AMENDMENT_WITHDRAWN, operated, fault);
    return error == TC_OK ? record_event(store, request, request->amendment, KIND_AMENDMENT_WITHDRAWN, request->actor,
                                         request->reason, snapshot->version, found.digest, fault)
                          : error;
}
