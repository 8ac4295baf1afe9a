/* An order: one submitted plan on its way through the funnel, from whichever door, and its answer.
 *
 * The three doors do the same thing: fill in an order, put its pointer in the planner's queue, and pass
 * on the answer. */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_ORDER_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_ORDER_H

#include "base/buffer.h"
#include "base/id.h"
#include "config/document.h"
#include "config/operation.h"
#include "orchestrator/worker/batch_queue.h"

#include <stddef.h>

enum door {
    DOOR_HTTP,
    DOOR_MQTT,
    DOOR_SOCKET,
    DOOR_ROLLBACK, /* none: the conductor orders what takes a rollout back */
};

const char *door_name(enum door door); /* "http", "mqtt", "socket", "rollback" */

/* What became of an order. The status is HTTP's (RFC 9110) at every door; the body is the JSON document
 * that every door gives: the rollout (201 new, 200 the same submission again), or a problem (RFC 9457):
 * 400, 409, 413, 422, 503. */
struct order_answer {
    int status;
    const char *body; /* valid during the call of `answered` only */
    size_t length;
};

/* A plan that is to stand in the place of a rollout's. */
struct order_revision {
    int64_t rollout; /* 0: it is a rollout of its own */
    int64_t version; /* of the rollout, that the author saw */
    char reason[OPERATION_REASON_MAX + 1];
};

struct order {
    enum door door;
    char author[TC_ID_SIZE];
    bool author_is_claimed;           /* nobody vouches for it: a plan that needs approval is refused */
    char idempotency_key[TC_ID_SIZE]; /* empty: none given */
    struct order_revision revision;
    char *document; /* the plan as it came; owned by the order */
    size_t length;
    /* Called once, on a planner's thread; must not wait. Then the order belongs to whoever made it again. */
    void (*answered)(struct order *order, const struct order_answer *answer);
    void *context;
};

/* Appends the problem document that every door gives for what never became an order (too large, the queue is
 * full, not allowed): {"type":"about:blank","title":…,"status":…,"detail":…}. */
void order_write_problem(int status, const char *detail, struct buffer *body);
/* The same for a document with faults: the detail is "the plan has 2 faults", with `what` "plan", and the faults
 * follow as "errors":[…]. */
void order_write_faults(int status, const char *what, const struct document_faults *faults, struct buffer *body);

#endif
