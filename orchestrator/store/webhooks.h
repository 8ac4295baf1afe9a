/* How far each webhook has got in the log of events. The webhooks' threads of the conductor write it. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_WEBHOOKS_H
#define TELLERCAST_ORCHESTRATOR_STORE_WEBHOOKS_H

#include "base/buffer.h"
#include "orchestrator/store/events.h"
#include "orchestrator/store/store.h"

/* Events that were given up, kept of each webhook. */
#define WEBHOOK_GIVEN_UP_KEPT 1000
/* Events that wait, counted for a reader. */
#define WEBHOOK_WAITING_MAX 10000

struct webhook_place {
    struct events_position position; /* behind the last event that it took, that is not for it, or that was given up */
    bool is_failing;
    int64_t test_at_us; /* when a test was ordered that is still to be made; 0: none */
};

/* Reads the place of a webhook; a new one begins behind the newest event. TC_DENIED: `epoch` is not that of the
 * conductor's lease any more. */
enum tc_error webhook_read_place(struct store *store, const char *name, int64_t epoch, struct webhook_place *place,
                                 struct tc_fault *fault);

/* Moves it on to `number`. `delivered`: it took that event. */
enum tc_error webhook_move(struct store *store, const char *name, int64_t number, bool delivered,
                           struct tc_fault *fault);
/* The log does not have what is next after `was`: moves it to `number`, behind which the log has all events. `*moved`
 * false: it is not at `was` any more. */
enum tc_error webhook_skip(struct store *store, const char *name, int64_t was, int64_t number, bool *moved,
                           struct tc_fault *fault);

struct webhook_failure {
    bool is_over;       /* the event was tried for `give_up_ms` */
    int64_t tries;      /* since the webhook began to fail */
    int64_t event_at_s; /* when the event was logged */
};

/* Records that it did not take event `number`, and why. `*failure` is empty when it has got beyond that event, which
 * another orchestrator posted. */
enum tc_error webhook_fail(struct store *store, const char *name, int64_t number, const char *reason,
                           int64_t give_up_ms, struct webhook_failure *failure, struct tc_fault *fault);
/* Gives event `number` up, and moves on. */
enum tc_error webhook_give_up(struct store *store, const char *name, int64_t number, const char *kind,
                              struct tc_fault *fault);

/* Records how the test ended that was ordered at `test_at_us`; `reason` "": well. */
enum tc_error webhook_write_test(struct store *store, const char *name, int64_t test_at_us, const char *reason,
                                 struct tc_fault *fault);

/* ---- for people ---- */

/* Appends {"webhooks": […]}. `configured`: those of this orchestrator's settings, a JSON array of objects with name,
 * host and kinds. */
enum tc_error webhooks_list(struct store *store, const char *configured, struct buffer *json, struct tc_fault *fault);
/* Orders a test: an act. Appends a JSON object. TC_NOT_FOUND: there is no such webhook. */
enum tc_error webhook_order_test(struct store *store, const char *name, const char *actor, struct buffer *json,
                                 struct tc_fault *fault);

#endif
