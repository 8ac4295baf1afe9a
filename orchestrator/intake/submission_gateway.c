#include "orchestrator/intake/submission_gateway.h"

#include "base/clock.h"
#include "base/condition.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/recorder/recorder.h"
#include "topics/topic.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { REFUSED = 400, FAILED = 500 }; /* statuses from here on */

/* A submission, and how the gateway answers it when the planner does not. */
struct pending_submission {
    struct submission submission; /* first: the planner gives back its address */
    struct submission_gateway *gateway;
    void (*answered)(void *context,
                     const struct submission_answer *answer); /* NULL: already answered without the planner */
    void *context;
    int64_t deadline_ms;
    TAILQ_ENTRY(pending_submission) link;
};

TAILQ_HEAD(pending_list, pending_submission);

struct submission_gateway {
    struct batch_queue *submissions;
    struct recorder *recorder;
    int answer_ms;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct pending_list waiting; /* for their answers, the oldest first: all have the same timeout */
    size_t pending_count;        /* held by the planner, whether answered by the gateway or not */
    size_t calling;              /* callbacks running now */
    bool stopped, closed;
    pthread_t thread;
};

static const char no_answer[] =
    "no answer in time: the plan may or may not have been accepted; send the same plan again, "
    "which is safe, to find out";
static const char stopping[] = "this orchestrator is stopping; send the same plan again";

/* What is done is recorded by the planner. */
static void call_back(struct pending_submission *pending, const struct submission_answer *answer)
{
    if (answer->status >= REFUSED) {
        act_set_refused(&pending->submission.act, answer->status >= FAILED ? ACT_FAILED : ACT_REFUSED, answer->detail);
        recorder_refuse(pending->gateway->recorder, &pending->submission.act);
    }
    pending->answered(pending->context, answer);
}

static void call_back_refused(struct pending_submission *pending, int status, const char *detail)
{
    struct buffer body = {0};
    submission_write_problem(status, detail, &body);
    call_back(pending, &(struct submission_answer){status, body.bytes, body.length, detail});
    buffer_free(&body);
}

void submission_gateway_refuse(int status, const char *detail,
                               void (*answered)(void *context, const struct submission_answer *answer), void *context)
{
    struct buffer body = {0};
    submission_write_problem(status, detail, &body);
    metric_add(METRIC_ORDERS_REFUSED, 1);
    answered(context, &(struct submission_answer){status, body.bytes, body.length, detail});
    buffer_free(&body);
}

static void free_pending_submission(struct pending_submission *pending)
{
    free(pending->submission.document);
    free(pending);
}

static void free_gateway(struct submission_gateway *gateway)
{
    (void)pthread_cond_destroy(&gateway->changed);
    (void)pthread_mutex_destroy(&gateway->mutex);
    free(gateway);
}

/* Answers the oldest submission without the planner. Called and returns with the mutex locked. */
static void answer_first(struct submission_gateway *gateway, int status, const char *detail)
{
    struct pending_submission *pending = TAILQ_FIRST(&gateway->waiting);
    TAILQ_REMOVE(&gateway->waiting, pending, link);
    struct pending_submission copy = *pending;
    pending->answered = NULL; /* from here on the planner may free it */
    gateway->calling++;
    (void)pthread_mutex_unlock(&gateway->mutex);

    LOG_LIMITED(LOG_LEVEL_WARNING, copy.submission.author, "order.unanswered",
                F_STR("door", endpoint_name(copy.submission.endpoint)), F_STR("author", copy.submission.author));
    call_back_refused(&copy, status, detail);

    (void)pthread_mutex_lock(&gateway->mutex);
    gateway->calling--;
    (void)pthread_cond_broadcast(&gateway->changed);
}

/* Answers each submission whose deadline has passed. */
static void *watch(void *argument)
{
    struct submission_gateway *gateway = argument;
    (void)pthread_mutex_lock(&gateway->mutex);
    while (!gateway->stopped) {
        const struct pending_submission *first = TAILQ_FIRST(&gateway->waiting);
        if (first != NULL && clock_monotonic_ms() >= first->deadline_ms)
            answer_first(gateway, 504, no_answer);
        else
            (void)condition_wait(&gateway->changed, &gateway->mutex, first ? first->deadline_ms : CONDITION_FOREVER);
    }
    (void)pthread_mutex_unlock(&gateway->mutex);
    return NULL;
}

enum tc_error submission_gateway_open(struct batch_queue *submissions, int answer_ms,
                                      struct submission_gateway **gateway, struct tc_fault *fault)
{
    struct submission_gateway *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->submissions = submissions;
    made->answer_ms = answer_ms;
    TAILQ_INIT(&made->waiting);
    TC_CHECK(pthread_mutex_init(&made->mutex, NULL) == 0);
    condition_open(&made->changed);
    enum tc_error error = thread_start(&made->thread, "gateway", watch, made, fault);
    if (error != TC_OK) {
        free_gateway(made);
        return error;
    }
    *gateway = made;
    return TC_OK;
}

void submission_gateway_use_recorder(struct submission_gateway *gateway, struct recorder *recorder)
{
    gateway->recorder = recorder;
}

void submission_gateway_stop(struct submission_gateway *gateway, int wait_ms)
{
    int64_t deadline_ms = condition_deadline(wait_ms);
    (void)pthread_mutex_lock(&gateway->mutex);
    bool in_time = true;
    while (!TAILQ_EMPTY(&gateway->waiting) && in_time)
        in_time = condition_wait(&gateway->changed, &gateway->mutex, deadline_ms);
    gateway->stopped = true;
    (void)pthread_cond_broadcast(&gateway->changed);
    while (!TAILQ_EMPTY(&gateway->waiting))
        answer_first(gateway, 503, no_answer);
    while (gateway->calling > 0)
        (void)condition_wait(&gateway->changed, &gateway->mutex, CONDITION_FOREVER);
    (void)pthread_mutex_unlock(&gateway->mutex);
    (void)pthread_join(gateway->thread, NULL);
}

/* Removes the pending submission from the gateway. Returns true, and counts the callback, when its endpoint still
 * waits. */
static bool remove_pending(struct pending_submission *pending)
{
    struct submission_gateway *gateway = pending->gateway;
    (void)pthread_mutex_lock(&gateway->mutex);
    bool waits = pending->answered != NULL;
    if (waits) {
        TAILQ_REMOVE(&gateway->waiting, pending, link);
        gateway->calling++;
    }
    (void)pthread_mutex_unlock(&gateway->mutex);
    return waits;
}

static void finish(struct pending_submission *pending, bool called)
{
    struct submission_gateway *gateway = pending->gateway;
    free_pending_submission(pending);
    (void)pthread_mutex_lock(&gateway->mutex);
    gateway->pending_count--;
    if (called)
        gateway->calling--;
    bool unused = gateway->closed && gateway->pending_count == 0;
    (void)pthread_cond_broadcast(&gateway->changed);
    (void)pthread_mutex_unlock(&gateway->mutex);
    if (unused)
        free_gateway(gateway);
}

void submission_gateway_close(struct submission_gateway *gateway)
{
    if (gateway == NULL)
        return;
    TC_CHECK(gateway->stopped);
    (void)pthread_mutex_lock(&gateway->mutex);
    gateway->closed = true;
    bool unused = gateway->pending_count == 0;
    (void)pthread_mutex_unlock(&gateway->mutex);
    if (unused)
        free_gateway(gateway);
}

static void planner_answered(struct submission *submission, const struct submission_answer *answer)
{
    struct pending_submission *pending = submission->context;
    bool waits = remove_pending(pending);
    if (waits)
        call_back(pending, answer);
    finish(pending, waits);
}

static void planner_dropped(struct submission *submission)
{
    struct pending_submission *pending = submission->context;
    bool waits = remove_pending(pending);
    if (waits) {
        metric_add(METRIC_ORDERS_REFUSED, 1);
        call_back_refused(pending, 503, stopping);
    }
    finish(pending, waits);
}

static void refuse(struct pending_submission *pending, int status, const char *detail)
{
    LOG_LIMITED(LOG_LEVEL_WARNING, pending->submission.author, "order.refused",
                F_STR("door", endpoint_name(pending->submission.endpoint)), F_STR("author", pending->submission.author),
                F_INT("status", status));
    bool waits = remove_pending(pending);
    if (waits) {
        metric_add(METRIC_ORDERS_REFUSED, 1);
        call_back_refused(pending, status, detail);
    }
    finish(pending, waits);
}

static struct pending_submission *make_pending_submission(struct submission_gateway *gateway,
                                                          const struct submission_request *submission_request)
{
    struct pending_submission *pending = calloc(1, sizeof *pending);
    TC_CHECK(pending != NULL);
    pending->gateway = gateway;
    pending->answered = submission_request->answered;
    pending->context = submission_request->context;
    struct submission *submission = &pending->submission;
    submission->endpoint = submission_request->endpoint;
    if (submission_request->revision != NULL)
        submission->revision = *submission_request->revision;
    if (submission_request->scope != NULL)
        submission->scope = *submission_request->scope;
    if (submission_request->act != NULL)
        submission->act = *submission_request->act;
    submission->document = submission_request->document;
    submission->length = submission_request->length;
    submission->answered = planner_answered;
    submission->dropped = planner_dropped;
    submission->context = pending;
    const char *key = submission_request->idempotency_key == NULL ? "" : submission_request->idempotency_key;
    TC_CHECK(strlen(submission_request->author) < sizeof submission->author &&
             strlen(key) < sizeof submission->idempotency_key);
    (void)snprintf(submission->author, sizeof submission->author, "%s", submission_request->author);
    (void)snprintf(submission->idempotency_key, sizeof submission->idempotency_key, "%s", key);
    return pending;
}

void submission_gateway_submit(struct submission_gateway *gateway, const struct submission_request *submission_request,
                               int wait_ms)
{
    struct pending_submission *pending = make_pending_submission(gateway, submission_request);
    (void)pthread_mutex_lock(&gateway->mutex);
    bool stopped = gateway->stopped;
    pending->deadline_ms = condition_deadline(gateway->answer_ms);
    TAILQ_INSERT_TAIL(&gateway->waiting, pending, link);
    gateway->pending_count++;
    (void)pthread_cond_broadcast(&gateway->changed);
    (void)pthread_mutex_unlock(&gateway->mutex);

    if (stopped) {
        refuse(pending, 503, stopping);
        return;
    }
    if (pending->submission.length > PLAN_SIZE_MAX) {
        refuse(pending, 413, SUBMISSION_TOO_LARGE);
        return;
    }
    struct submission *submission = &pending->submission;
    enum tc_error error = batch_queue_put(gateway->submissions, &submission, wait_ms);
    if (error != TC_OK)
        refuse(pending, 503, error == TC_BUSY ? "too many plans are waiting; send this one again later" : stopping);
}
