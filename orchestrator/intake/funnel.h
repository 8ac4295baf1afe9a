/* The funnel: the one way from the three doors to the planner.
 *
 * A door submits a document and is called back once with the answer, whatever happens: by the planner, or by
 * the funnel itself when the document is too large, the planner's queue is full or closed, or no answer has
 * come in time. So no door waits in a thread of its own, and none needs a timer. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_FUNNEL_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_FUNNEL_H

#include "orchestrator/planner/order.h"

/* How long a door lets its sender wait for the planner. */
#define FUNNEL_ANSWER_MS 60000
/* What a 503 tells in Retry-After. */
#define FUNNEL_RETRY_AFTER_S 5

/* The answer to a longer plan; the HTTP door says it so of every body. */
#define FUNNEL_TOO_LARGE "at most 1048576 bytes are taken here"

struct funnel;

/* `orders` is the planner's queue, of struct order *. */
enum tc_error funnel_open(struct batch_queue *orders, int answer_ms, struct funnel **funnel, struct tc_fault *fault);

/* Waits at most `wait_ms` for the answers under way, then answers what is left with 503. Afterwards every
 * submission is answered with 503 at once, and no callback runs any more. Once, before funnel_close. */
void funnel_stop(struct funnel *funnel, int wait_ms);
/* Frees it, and what is left in the queue when no planner takes it any more. Orders that a planner still holds are
 * freed when it answers them. */
void funnel_close(struct funnel *funnel);

struct submission {
    enum door door;
    const char *author;                    /* a valid name; copied */
    bool author_is_claimed;                /* nobody vouches for the author's name */
    const char *idempotency_key;           /* NULL or "": none; copied */
    const struct order_revision *revision; /* NULL: it is a rollout of its own; copied */
    char *document;                        /* from malloc; taken by funnel_submit in any case */
    size_t length;
    /* Called exactly once, on any thread, perhaps before funnel_submit returns. Must not wait. */
    void (*answered)(void *context, const struct order_answer *answer);
    void *context;
};

/* Waits at most `wait_ms` for room in the planner's queue. */
void funnel_submit(struct funnel *funnel, const struct submission *submission, int wait_ms);

/* Calls `answered` with the problem document for what never becomes a submission. */
void funnel_refuse(int status, const char *detail, void (*answered)(void *context, const struct order_answer *answer),
                   void *context);

#endif
