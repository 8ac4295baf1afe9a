/* The submission gateway: the only way from the three endpoints to the planner.
 *
 * An endpoint submits a document and is called back exactly once with the answer: by the planner, or by the gateway
 * when the document is too large, the planner's queue is full or closed, or the planner does not answer in time. So no
 * endpoint needs a waiting thread or a timer of its own. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_SUBMISSION_GATEWAY_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_SUBMISSION_GATEWAY_H

#include "orchestrator/queues/submission.h"

/* How long a sender waits for the planner. */
#define SUBMISSION_ANSWER_MS 60000
/* Retry-After of a 503. */
#define SUBMISSION_RETRY_AFTER_S 5

/* The detail of a 413 for a plan. The HTTP endpoint uses the same words for every body. */
#define SUBMISSION_TOO_LARGE "at most 1048576 bytes are allowed"

struct recorder;
struct submission_gateway;

/* `submissions` is the planner's queue, of struct submission *. */
enum tc_error submission_gateway_open(struct batch_queue *submissions, int answer_ms,
                                      struct submission_gateway **gateway, struct tc_fault *fault);
/* Records the submissions that are refused from now on. Call it before the first one. */
void submission_gateway_use_recorder(struct submission_gateway *gateway, struct recorder *recorder);

/* Waits at most `wait_ms` for outstanding answers, then answers the remaining submissions with 503. Afterwards no
 * callback of an earlier submission runs, and every new submission gets 503 at once. Call it once, before
 * submission_gateway_close. */
void submission_gateway_stop(struct submission_gateway *gateway, int wait_ms);
/* Frees the gateway. Submissions that the planner still holds are freed when it answers them; those left in its queue
 * by submissions_drop. */
void submission_gateway_close(struct submission_gateway *gateway);

struct submission_request {
    enum endpoint endpoint;
    const char *author;                         /* a valid name; copied */
    const char *idempotency_key;                /* NULL or "": none; copied */
    const struct submission_revision *revision; /* NULL: it is a new rollout; copied */
    const struct access_scope *scope;           /* where the author may order it; NULL: everywhere; copied */
    const struct act *act;                      /* copied */
    char *document;                             /* from malloc; submission_gateway_submit always takes it */
    size_t length;
    /* Called exactly once, on any thread, perhaps before submission_gateway_submit returns. Must not wait. */
    void (*answered)(void *context, const struct submission_answer *answer);
    void *context;
};

/* Submits a document. Waits at most `wait_ms` for space in the planner's queue. */
void submission_gateway_submit(struct submission_gateway *gateway, const struct submission_request *submission_request,
                               int wait_ms);

/* Calls `answered` with a problem document for a request that never becomes a submission. */
void submission_gateway_refuse(int status, const char *detail,
                               void (*answered)(void *context, const struct submission_answer *answer), void *context);

#endif
