/* Approving and rejecting: not by an author, and only exactly the plan that the approver read. */
#include "orchestrator/rollout/state.h"
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate_private.h"
#include "orchestrator/store/running.h"

#include <stdint.h>
#include <string.h>

struct group_snapshot {
    int64_t number; /* 0: the rollout as a whole */
    char state[32];
    bool manual, awaits_approval;
};

static enum tc_error check_digest(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                  struct tc_fault *fault)
{
    if (strcmp(request->digest, snapshot->digest) == 0)
        return TC_OK;
    refusal_copy(snapshot->refusal->digest, sizeof snapshot->refusal->digest, snapshot->digest);
    return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_OTHER_DIGEST, fault);
}

/* To be called after the state is checked: in another state, no other actor may decide either. */
static enum tc_error check_actor(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                 struct tc_fault *fault)
{
    if (snapshot->actor_is_author)
        return operate_refuse(request, snapshot, TC_DENIED, REFUSAL_IS_AUTHOR, fault);
    if (*snapshot->unknown_author == '\0')
        return TC_OK;
    refusal_copy(snapshot->refusal->who, sizeof snapshot->refusal->who, snapshot->unknown_author);
    return operate_refuse(request, snapshot, TC_DENIED, REFUSAL_UNKNOWN_AUTHOR, fault);
}

static enum tc_error find_group(struct store *store, const struct operation_request *request,
                                const struct rollout_snapshot *snapshot, struct group_snapshot *group,
                                struct tc_fault *fault)
{
    *group = (struct group_snapshot){0};
    if (*request->group == '\0')
        return TC_OK;
    const struct sql_find_group_params params = {.rollout = request->rollout, .name = request->group};
    struct sql_find_group_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_group(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return operate_refuse(request, snapshot, TC_NOT_FOUND, REFUSAL_NO_GROUP, fault);
    const struct sql_find_group_row row = sql_find_group_at(&rows, 0);
    group->number = row.group_no;
    copy_text(group->state, sizeof group->state, row.state);
    group->manual = row.manual;
    group->awaits_approval = row.awaits_approval;
    return TC_OK;
}

/* Finds an earlier, equal decision of the actor. An approver may still reject, and the other way round. */
static enum tc_error find_decision(struct store *store, const struct operation_request *request,
                                   const struct rollout_snapshot *snapshot, const struct group_snapshot *group,
                                   bool *existing, struct tc_fault *fault)
{
    bool approves = request->operation == OPERATION_APPROVE;
    const struct sql_find_approval_params params = {
        .rollout = request->rollout, .group_no = group->number, .digest = request->digest, .actor = request->actor};
    struct sql_find_approval_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_approval(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_find_approval_row decision = sql_find_approval_at(&rows, 0);
    if (decision.approved != approves)
        return TC_OK;
    *existing = strcmp(decision.reason, request->reason) == 0;
    if (*existing)
        return TC_OK;
    copy_text(snapshot->refusal->at, sizeof snapshot->refusal->at, decision.at);
    return operate_refuse(request, snapshot, TC_CONFLICT, approves ? REFUSAL_APPROVED_BEFORE : REFUSAL_REJECTED_BEFORE,
                          fault);
}

static enum tc_error write_approval(struct store *store, const struct operation_request *request,
                                    const struct group_snapshot *group, struct tc_fault *fault)
{
    const struct sql_write_approval_params params = {.rollout = request->rollout,
                                                     .group_no = group->number,
                                                     .digest = request->digest,
                                                     .actor = request->actor,
                                                     .approved = request->operation == OPERATION_APPROVE,
                                                     .reason = request->reason};
    return sql_write_approval(store, &params, fault);
}

static enum tc_error check_group(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                 const struct group_snapshot *group, struct tc_fault *fault)
{
    if (!group->manual)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_NEEDS_NO_APPROVAL, fault);
    if (group->awaits_approval)
        return TC_OK;
    refusal_copy(snapshot->refusal->state, sizeof snapshot->refusal->state, group->state);
    return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_GROUP_AWAITS_NONE, fault);
}

/* Records the decision; the conductor acts on it. */
static enum tc_error decide_group(struct store *store, const struct operation_request *request,
                                  const struct rollout_snapshot *snapshot, const struct group_snapshot *group,
                                  struct tc_fault *fault)
{
    if (operate_find_rule(request, snapshot, ROLLOUT_ON_APPROVE_GROUP, fault) == NULL)
        return TC_CONFLICT;
    enum tc_error error = check_group(request, snapshot, group, fault);
    if (error == TC_OK)
        error = check_actor(request, snapshot, fault);
    if (error == TC_OK)
        error = write_approval(store, request, group, fault);
    if (error != TC_OK)
        return error;
    const char *kind = request->operation == OPERATION_APPROVE ? KIND_GROUP_APPROVED : KIND_REJECTED;
    return operate_record_event(store, request, snapshot, kind, group->number, fault);
}

static enum tc_error start_if_enough(struct store *store, const struct operation_request *request,
                                     const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    const struct sql_count_approvals_params params = {.rollout = request->rollout, .digest = snapshot->digest};
    struct sql_count_approvals_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_count_approvals(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (sql_count_approvals_at(&rows, 0).approvals < snapshot->approvals_required)
        return operate_keep_needed(store, snapshot, request->rollout, false, fault);
    bool started;
    error = rollout_begin_running(store, request->rollout, request->actor, &started, fault);
    TC_CHECK(error != TC_OK || started); /* its state was checked under the lock */
    return error;
}

static enum tc_error approve(struct store *store, const struct operation_request *request,
                             const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    if (operate_find_rule(request, snapshot, ROLLOUT_ON_APPROVE, fault) == NULL)
        return TC_CONFLICT;
    if (snapshot->end_has_passed)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_APPROVE_AFTER_END, fault);
    static const struct group_snapshot whole;
    enum tc_error error = check_actor(request, snapshot, fault);
    if (error == TC_OK)
        error = operate_check_version(store, request, snapshot, fault);
    if (error == TC_OK)
        error = write_approval(store, request, &whole, fault);
    if (error == TC_OK)
        error = operate_record_event(store, request, snapshot, KIND_APPROVED, 0, fault);
    return error == TC_OK ? start_if_enough(store, request, snapshot, fault) : error;
}

/* The conductor no longer handles a rejected rollout: its instructions end here. */
static enum tc_error end_instructions(struct store *store, const struct operation_request *request,
                                      const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    const struct sql_end_waiting_params params = {.rollout = request->rollout,
                                                  .version = snapshot->version,
                                                  .most = INT64_MAX,
                                                  .to_state = CANCELLED,
                                                  .code = CODE_REJECTED,
                                                  .shard = request->shard};
    struct sql_end_waiting_rows rows ROWS_AUTO = {0};
    return sql_end_waiting(store, &params, &rows, fault);
}

static enum tc_error reject(struct store *store, const struct operation_request *request,
                            const struct rollout_snapshot *snapshot, const char **to, struct tc_fault *fault)
{
    const struct rollout_rule *rule = operate_find_rule(request, snapshot, ROLLOUT_ON_REJECT, fault);
    if (rule == NULL)
        return TC_CONFLICT;
    *to = rollout_state_name(rule->to);
    static const struct group_snapshot whole;
    enum tc_error error = check_actor(request, snapshot, fault);
    if (error == TC_OK)
        error = write_approval(store, request, &whole, fault);
    if (error == TC_OK)
        error = operate_record_event(store, request, snapshot, KIND_REJECTED, 0, fault);
    return error == TC_OK ? end_instructions(store, request, snapshot, fault) : error;
}

/* `*is_of_resume`: the decision is about a resume, which awaits it or had the same decision before. */
static enum tc_error decide_resume(struct store *store, const struct operation_request *request,
                                   const struct rollout_snapshot *snapshot, const char **to, bool *existing,
                                   bool *is_of_resume, struct tc_fault *fault)
{
    struct resume_snapshot resume;
    if (snapshot->state != ROLLOUT_PAUSED && snapshot->state != ROLLOUT_RUNNING)
        return TC_OK;
    enum tc_error error = operate_read_resume(store, request, snapshot, &resume, fault);
    if (error != TC_OK)
        return error;
    bool waits = snapshot->state == ROLLOUT_PAUSED && *resume.requested_by != '\0';
    *existing = operate_resume_was_decided(request, &resume);
    *is_of_resume = *existing || waits;
    if (!waits || *existing)
        return TC_OK;
    error = check_actor(request, snapshot, fault);
    return error == TC_OK ? operate_decide_resume(store, request, snapshot, &resume, to, fault) : error;
}

enum tc_error operate_approval(struct store *store, const struct operation_request *request,
                               const struct rollout_snapshot *snapshot, const char **to, bool *existing,
                               struct tc_fault *fault)
{
    struct group_snapshot group;
    enum tc_error error = find_group(store, request, snapshot, &group, fault);
    if (error == TC_OK)
        error = check_digest(request, snapshot, fault);
    bool is_of_resume = false;
    if (error == TC_OK && group.number == 0)
        error = decide_resume(store, request, snapshot, to, existing, &is_of_resume, fault);
    if (error == TC_OK && !is_of_resume)
        error = find_decision(store, request, snapshot, &group, existing, fault);
    if (error != TC_OK || is_of_resume || *existing)
        return error;
    if (group.number != 0)
        return decide_group(store, request, snapshot, &group, fault);
    return request->operation == OPERATION_APPROVE ? approve(store, request, snapshot, fault)
                                                   : reject(store, request, snapshot, to, fault);
}
