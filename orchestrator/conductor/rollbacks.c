#include "base/log.h"
#include "config/plan_rollback.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/rollout/words.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATUS_REFUSED = 400, STATUS_UNAVAILABLE = 500 };

/* On the planner's thread. */
static void on_answered(struct submission *submission, const struct submission_answer *answer)
{
    struct conductor *conductor = submission->context;
    struct rollback_submission *rollback = &conductor->rollback;
    rollback->status = answer->status;
    buffer_clear(&rollback->body);
    buffer_put(&rollback->body, answer->body, answer->length);
    atomic_store(&rollback->state, ROLLBACK_ANSWERED);
    batch_queue_wake(conductor->config.wakes);
}

/* The conductor owns it and frees it at its end. */
static void on_dropped(struct submission *submission)
{
    (void)submission;
}

static enum tc_error end_rollback_request(struct conductor *conductor, int64_t origin, const char *kind,
                                          const char *reason, struct tc_fault *fault)
{
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
    if (error != TC_OK)
        return error;
    error = rollout_progress_end_rollback_request(conductor->store, origin, kind, reason, fault);
    return conductor_end(conductor, error, fault);
}

/* Records once that the rollback is impossible, and leaves it to the operators. */
static void refuse(struct conductor *conductor, int64_t origin, const char *reason)
{
    struct tc_fault fault;
    LOG_WARNING("rollback.refused", F_INT("rollout", origin), F_STR("reason", reason));
    (void)end_rollback_request(conductor, origin, KIND_ROLLBACK_REFUSED, reason, &fault);
}

static void read_answer(struct conductor *conductor)
{
    struct rollback_submission *rollback = &conductor->rollback;
    if (rollback->status >= STATUS_REFUSED && rollback->status < STATUS_UNAVAILABLE) {
        json_t *problem = json_loadb(rollback->body.bytes, rollback->body.length, 0, NULL);
        const json_t *first = json_array_get(json_object_get(problem, "errors"), 0);
        const char *detail = json_string_value(json_object_get(first == NULL ? problem : first, "detail"));
        refuse(conductor, rollback->origin, detail == NULL ? "the planner refused it" : detail);
        json_decref(problem);
    } else if (rollback->status >= STATUS_UNAVAILABLE) {
        LOG_WARNING("rollback.put_off", F_INT("rollout", rollback->origin), F_INT("status", rollback->status));
    } else {
        LOG_INFO("rollback.ordered", F_INT("rollout", rollback->origin));
    }
    free(rollback->submission.document);
    rollback->submission = (struct submission){0};
    rollback->after = rollback->origin;
    atomic_store(&rollback->state, ROLLBACK_NONE);
}

static void submit(struct conductor *conductor, const struct rollback_request *request)
{
    const struct plan_rollback plan = {.canonical = request->plan,
                                       .origin = request->origin,
                                       .number = request->before + 1,
                                       .approvals_required = request->approvals_required};
    struct buffer document = {0};
    struct tc_fault fault;
    if (plan_rollback_write(&plan, &document, &fault) != TC_OK) {
        buffer_free(&document);
        refuse(conductor, request->origin, fault.text);
        return;
    }
    struct rollback_submission *rollback = &conductor->rollback;
    struct submission *submission = &rollback->submission;
    *submission = (struct submission){.endpoint = ENDPOINT_ROLLBACK,
                                      .document = document.bytes,
                                      .length = document.length,
                                      .answered = on_answered,
                                      .dropped = on_dropped,
                                      .context = conductor};
    (void)snprintf(submission->author, sizeof submission->author, "%s", request->wanted_by);
    submission->act = (struct act){.endpoint = endpoint_name(ENDPOINT_ROLLBACK), .outcome = ACT_DONE, .times = 1};
    (void)snprintf(submission->act.person, sizeof submission->act.person, "%s", request->wanted_by);
    (void)snprintf(submission->act.operation, sizeof submission->act.operation, "submit");
    act_set_verb(&submission->act, "submit");
    rollback->origin = request->origin;
    atomic_store(&rollback->state, ROLLBACK_SUBMITTED);
    if (batch_queue_put(conductor->config.submissions, &submission, 0) == TC_OK)
        return;
    free(submission->document);
    *submission = (struct submission){0};
    atomic_store(&rollback->state, ROLLBACK_NONE); /* the queue is full: tried again in the next cycle */
}

void conductor_submit_rollbacks(struct conductor *conductor)
{
    struct rollback_submission *rollback = &conductor->rollback;
    if (atomic_load(&rollback->state) == ROLLBACK_ANSWERED)
        read_answer(conductor);
    if (atomic_load(&rollback->state) != ROLLBACK_NONE)
        return;

    struct rollback_request request;
    struct tc_fault fault;
    if (rollout_progress_find_rollback_request(conductor->store, rollback->after, &request, &fault) != TC_OK)
        return;
    rollback->after = request.origin; /* 0 after the last: starts over */
    if (request.origin == 0)
        return;
    char reason[REASON_SIZE];
    if (request.made != 0) {
        (void)snprintf(reason, sizeof reason, "rolled back by rollout %lld", (long long)request.made);
        (void)end_rollback_request(conductor, request.origin, KIND_ROLLBACK_MADE, reason, &fault);
    } else if (request.to_take_back == 0) {
        refuse(conductor, request.origin, "nothing to roll back: no device completed it or was taken out of service");
    } else {
        submit(conductor, &request);
    }
    free(request.plan);
}

void conductor_close_rollbacks(struct conductor *conductor)
{
    free(conductor->rollback.submission.document);
    buffer_free(&conductor->rollback.body);
}
