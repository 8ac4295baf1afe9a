/* Freezes: orders that nothing starts in a scope, over all rollouts. The claim and the answer to an ask read them by
 * themselves; what is at work goes on. A freeze stays in force until people lift it. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_FREEZE_H
#define TELLERCAST_ORCHESTRATOR_STORE_FREEZE_H

#include "base/buffer.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* In force at a time: each claim looks at all of them. */
#define FREEZES_MAX 100
/* What a preview of a lift counts, the devices of a scope that it looks up, and else the instructions that it looks at.
 */
#define LIFT_COUNTED 10000
#define LIFT_DEVICES 1000
#define LIFT_SEARCHED 20000

/* ---- for operators ---- */

struct freeze_act {
    const char *actor, *reason;
    const struct access_scope *scope; /* where the actor may; NULL: everywhere */
    /* Of a new one: */
    const char *match; /* the scope as JSON; {}: everything */
    bool excepts_rollbacks;
    int64_t until_ms;
    /* Of lifting: */
    int64_t freeze;
    const char *patterns; /* where the actor may read freezes; NULL: everywhere */
    bool may_confirm;     /* what another person ordered, */
    const struct access_scope *confirm_scope;
};

/* Appends what a freeze would withdraw and let finish now, and how many devices are in its scope, as JSON. TC_DENIED:
 * it is not within the actor's scope. */
enum tc_error freeze_preview(struct store *store, const struct freeze_act *act, struct buffer *json,
                             struct refusal *refusal, struct tc_fault *fault);

/* Freezes, in force from the commit on; the conductor withdraws what was not answered. Appends the freeze as JSON;
 * `*existing`: the actor had an equal one in force. TC_CONFLICT: FREEZES_MAX are in force. TC_DENIED: the actor has the
 * orchestrator's name, or it is not within the actor's scope. */
enum tc_error freeze_put(struct store *store, const struct freeze_act *act, struct buffer *json, bool *existing,
                         struct refusal *refusal, struct tc_fault *fault);

/* Lifts a freeze or, when the policy of the site asks for two people, orders that or confirms what another person
 * ordered who still may lift it. `*waits`: for another person. Appends the freeze as JSON. TC_NOT_FOUND: there is none
 * that the actor may read; TC_CONFLICT: it was lifted before; TC_DENIED: the actor may not. */
enum tc_error freeze_lift(struct store *store, const struct freeze_act *act, struct buffer *json, bool *waits,
                          struct refusal *refusal, struct tc_fault *fault);

/* Appends what a lift of the freeze would let start, of devices in `patterns` (NULL: all), as JSON. TC_NOT_FOUND: there
 * is none that may touch `patterns`. */
enum tc_error freeze_preview_lift(struct store *store, const char *patterns, int64_t freeze, struct buffer *json,
                                  struct tc_fault *fault);

/* Append JSON: a freeze; a page of those in a state ("": in any), newest first. Those that may touch `patterns` (NULL:
 * all). */
enum tc_error freeze_read(struct store *store, const char *patterns, int64_t freeze, struct buffer *json,
                          struct tc_fault *fault);
enum tc_error freeze_list(struct store *store, const char *patterns, const char *state, int64_t after, int limit,
                          struct buffer *json, struct tc_fault *fault);
bool freeze_state_is_known(const char *state);

/* ---- for the parts of the orchestrator ---- */

struct freeze_alarms {
    int64_t in_force, overdue;
    int64_t freeze; /* overdue for the longest time; 0: none */
    char by[TC_ID_SIZE], until[32];
};

enum tc_error freeze_read_alarms(struct store *store, struct freeze_alarms *alarms, struct tc_fault *fault);

#endif
