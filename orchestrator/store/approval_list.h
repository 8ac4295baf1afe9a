/* What waits for an approval or for a second person, for one who may decide some of it. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_APPROVAL_LIST_H
#define TELLERCAST_ORCHESTRATOR_STORE_APPROVAL_LIST_H

#include "base/buffer.h"
#include "orchestrator/store/store.h"

#include <stdbool.h>

/* Of each kind. */
#define APPROVALS_LISTED 200

/* What a person's roles allow. Texts that are borrowed. */
struct approver {
    const char *person;
    const char *patterns; /* where it sees devices (struct access_scope); NULL: everywhere */
    bool may_approve, may_review, may_grant;
    const char *approves_in; /* where it approves; NULL: everywhere */
    bool sees_reviews, sees_people;
};

/* Appends the list: first what the person may decide, then the rest with why not; the oldest first. TC_UNAVAILABLE. */
enum tc_error approval_list_read(struct store *store, const struct approver *approver, struct buffer *json,
                                 struct tc_fault *fault);

#endif
