#include "orchestrator/store/review.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"

#include <stdio.h>
#include <string.h>

static enum tc_error refuse(const struct review_request *request, struct reviewed *reviewed, enum tc_error error,
                            enum refusal_reason reason, struct tc_fault *fault)
{
    struct refusal *refusal = &reviewed->refusal;
    refusal->other = request->review;
    refusal_copy(refusal->actor, sizeof refusal->actor, request->actor);
    refusal_copy(refusal->state, sizeof refusal->state, reviewed->state);
    return refusal_set(refusal, error, reason, fault);
}

static enum tc_error check(const struct review_request *request, const struct sql_find_review_row *found,
                           struct reviewed *reviewed, struct tc_fault *fault)
{
    struct refusal *refusal = &reviewed->refusal;
    if (found->has_part)
        return refuse(request, reviewed, TC_DENIED, REFUSAL_HAS_PART, fault);
    if (found->unknown_author != NULL) {
        refusal_copy(refusal->who, sizeof refusal->who, found->unknown_author);
        return refuse(request, reviewed, TC_DENIED, REFUSAL_UNKNOWN_AUTHOR, fault);
    }
    if (found->decided_reason != NULL) {
        reviewed->existing =
            found->decided_accepted == request->accepts && strcmp(found->decided_reason, request->reason) == 0;
        refusal_copy(refusal->at, sizeof refusal->at, found->decided_at);
        return reviewed->existing ? TC_OK : refuse(request, reviewed, TC_CONFLICT, REFUSAL_REVIEWED_BEFORE, fault);
    }
    return found->ended ? refuse(request, reviewed, TC_CONFLICT, REFUSAL_REVIEW_ENDED, fault) : TC_OK;
}

static enum tc_error decide(struct store *store, const struct review_request *request, struct reviewed *reviewed,
                            struct tc_fault *fault)
{
    const struct sql_decide_review_params params = {.review = request->review,
                                                    .actor = request->actor,
                                                    .accepted = request->accepts,
                                                    .reason = request->reason,
                                                    .reviewers = REVIEWERS};
    struct sql_decide_review_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_decide_review(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_decide_review_row row = sql_decide_review_at(&rows, 0);
    copy_text(reviewed->state, sizeof reviewed->state, row.state);
    reviewed->ended = row.ended;
    return TC_OK;
}

static enum tc_error carry_out(struct store *store, const struct review_request *request, struct reviewed *reviewed,
                               struct tc_fault *fault)
{
    const struct sql_lock_review_params lock = {.review = request->review};
    const struct sql_find_review_params find = {.review = request->review, .actor = request->actor};
    struct sql_find_review_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_lock_review(store, &lock, fault);
    if (error == TC_OK) /* a statement of its own: it sees commits that were made while the one before waited */
        error = sql_find_review(store, &find, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return refuse(request, reviewed, TC_NOT_FOUND, REFUSAL_NO_REVIEW, fault);
    const struct sql_find_review_row found = sql_find_review_at(&rows, 0);
    reviewed->rollout = found.rollout_id;
    reviewed->ended = found.ended;
    act_set_seen(acts_get(store), found.digest, 0);
    copy_text(reviewed->state, sizeof reviewed->state, found.state);
    error = check(request, &found, reviewed, fault);
    return error == TC_OK && !reviewed->existing ? decide(store, request, reviewed, fault) : error;
}

enum tc_error review_decide(struct store *store, const struct review_request *request, struct reviewed *reviewed,
                            struct tc_fault *fault)
{
    *reviewed = (struct reviewed){0};
    act_set_reason(acts_get(store), request->reason);
    if (strcmp(request->actor, ACTOR_TELLERCAST) == 0)
        return refuse(request, reviewed, TC_DENIED, REFUSAL_OWN_NAME, fault);
    enum tc_error error = acts_begin(store, fault);
    if (error != TC_OK)
        return error;
    error = carry_out(store, request, reviewed, fault);
    return error == TC_OK && reviewed->existing ? store_rollback(store, TC_OK) : acts_end(store, error, fault);
}

bool review_state_is_known(const char *state)
{
    return strcmp(state, REVIEW_PENDING) == 0 || strcmp(state, REVIEW_ACCEPTED) == 0 ||
           strcmp(state, REVIEW_OBJECTED) == 0;
}

enum tc_error review_list(struct store *store, const char *state, int64_t after, int limit, struct buffer *json,
                          struct tc_fault *fault)
{
    const struct sql_read_reviews_params params = {.state = state, .after = after, .most = limit};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_reviews(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}
