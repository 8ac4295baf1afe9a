/* A submission: a plan on its way from an endpoint through the gateway to the planner, and its answer.
 *
 * The submission gateway makes one for an endpoint, from a submission_request; the conductor makes one for a rollback
 * (conductor/rollbacks.c). Both put its pointer in the planner's queue. */
#ifndef TELLERCAST_ORCHESTRATOR_QUEUES_SUBMISSION_H
#define TELLERCAST_ORCHESTRATOR_QUEUES_SUBMISSION_H

#include "base/buffer.h"
#include "base/id.h"
#include "config/document.h"
#include "config/operation.h"
#include "orchestrator/access/access.h"
#include "orchestrator/store/act.h"
#include "orchestrator/worker/batch_queue.h"

#include <stddef.h>

enum endpoint {
    ENDPOINT_HTTP,
    ENDPOINT_MQTT,
    ENDPOINT_SOCKET,
    ENDPOINT_ROLLBACK, /* no endpoint: the conductor submits the rollback of a rollout */
    ENDPOINT_COLLECT,  /* an order by HTTP to collect a file of one device, for which the daemon makes the plan */
};

const char *endpoint_name(enum endpoint endpoint); /* "http", "mqtt", "socket", "rollback", "collect" */

/* The answer to a submission. At every endpoint the status is HTTP's (RFC 9110) and the body is the same JSON document:
 * the rollout (201 new, 200 the same submission again), or a problem (RFC 9457): 400, 409, 413, 422, 503. */
struct submission_answer {
    int status;
    const char *body; /* valid during the call of `answered` only */
    size_t length;
    const char *detail; /* of a problem; NULL: there is none. Valid as long as `body` */
};

/* A plan that replaces a rollout's. */
struct submission_revision {
    int64_t rollout; /* 0: a new rollout */
    int64_t version; /* of the rollout, as the author saw it */
    char reason[OPERATION_REASON_MAX + 1];
};

struct submission {
    enum endpoint endpoint;
    char author[TC_ID_SIZE];
    char idempotency_key[TC_ID_SIZE]; /* empty: none given */
    struct submission_revision revision;
    struct access_scope scope; /* where the author may order it */
    struct act act;            /* that it is; the planner records it */
    char *document;            /* the plan as received; owned by the submission */
    size_t length;
    /* Called once, on a planner's thread; must not wait. Then its maker owns the submission again. */
    void (*answered)(struct submission *submission, const struct submission_answer *answer);
    /* Called instead, once, when no planner will take it: its maker owns it again. */
    void (*dropped)(struct submission *submission);
    void *context;
};

/* Closes the queue and calls `dropped` of each submission in it. Call it after the planner has ended and before the
 * makers end. */
void submissions_drop(struct batch_queue *submissions);

/* The title of an HTTP status that an endpoint answers with. */
const char *submission_status_title(int status);

/* Appends the problem document of every endpoint for a request that never became a submission (too large, queue full,
 * not allowed): {"type":"about:blank","title":…,"status":…,"detail":…}. */
void submission_write_problem(int status, const char *detail, struct buffer *body);
/* The same for a document with faults: the detail is "the plan has 2 faults", with `what` "plan", and the faults
 * follow as "errors":[…]. */
void submission_write_faults(int status, const char *what, const struct document_faults *faults, struct buffer *body);

#endif
