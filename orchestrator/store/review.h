/* Reviews: what one person did alone, by breaking the glass, is reviewed afterwards by two others. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_REVIEW_H
#define TELLERCAST_ORCHESTRATOR_STORE_REVIEW_H

#include "base/buffer.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define REVIEWERS 2

struct review_request {
    int64_t review;
    bool accepts; /* false: objects */
    const char *actor, *reason;
};

struct reviewed {
    int64_t rollout;
    char state[16]; /* of the review, now */
    bool ended;
    bool existing; /* the actor decided the same before: nothing changed */
    struct refusal refusal;
};

/* Records the decision of a person, an act; the review ends with that of the second. TC_NOT_FOUND: no such
 * review. TC_DENIED: the actor has a part in what it is about. TC_CONFLICT: it has ended, or the actor decided
 * otherwise before. `reviewed->refusal` then has the reason. */
enum tc_error review_decide(struct store *store, const struct review_request *request, struct reviewed *reviewed,
                            struct tc_fault *fault);

/* Returns whether it is a state of reviews. */
bool review_state_is_known(const char *state);
/* Appends a page of reviews as JSON, newest first. state: "" for all. after: 0 for the first page. */
enum tc_error review_list(struct store *store, const char *state, int64_t after, int limit, struct buffer *json,
                          struct tc_fault *fault);

#endif
