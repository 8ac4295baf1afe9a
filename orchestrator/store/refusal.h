/* Why the store refuses a request: a reason and its facts. orchestrator/wording writes the sentences for users. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_REFUSAL_H
#define TELLERCAST_ORCHESTRATOR_STORE_REFUSAL_H

#include "base/fault.h"
#include "base/id.h"
#include "config/operation.h"
#include "config/plan.h"
#include "orchestrator/access/access.h"
#include "orchestrator/rollout/rollout_state.h"

#include <stdint.h>

enum refusal_reason {
    REFUSAL_NONE,
    /* An operation on a rollout. */
    REFUSAL_OWN_NAME, /* the actor's name is the orchestrator's */
    REFUSAL_NO_ROLLOUT,
    REFUSAL_UNKNOWN_STATE, /* `state`: a newer version wrote it */
    REFUSAL_STATE,         /* no rule for `event` in `state` */
    REFUSAL_IS_COLLECT,    /* it has no such operation */
    REFUSAL_OLD_VERSION,   /* `version`, not `seen_version`; `last_kind`, "": nothing happened yet */
    REFUSAL_TO_BE_ROLLED_BACK,
    REFUSAL_ROLLED_BACK, /* by rollout `other` */
    REFUSAL_SUPERSEDED,  /* by rollout `other`, `name` */
    REFUSAL_RETRY_AFTER_END,
    REFUSAL_NOTHING_TO_RETRY,
    REFUSAL_NOT_AN_INSTALL,
    REFUSAL_NOTHING_TO_TAKE_BACK,
    REFUSAL_RESUME_WAITS, /* `who` ordered it; `given` approvals of `needed` */
    REFUSAL_OTHER_NAME,   /* of a revision: the rollout's is `name` */
    REFUSAL_SAME_PLAN,
    /* Approving and rejecting. */
    REFUSAL_OTHER_DIGEST, /* it is `digest` now */
    REFUSAL_IS_AUTHOR,
    REFUSAL_UNKNOWN_AUTHOR, /* `who`, whose name is linked to no person */
    REFUSAL_NO_GROUP,
    REFUSAL_APPROVED_BEFORE, /* at `at`, for another reason */
    REFUSAL_REJECTED_BEFORE,
    REFUSAL_NEEDS_NO_APPROVAL,
    REFUSAL_GROUP_AWAITS_NONE, /* the group is `state` */
    REFUSAL_APPROVE_AFTER_END,
    REFUSAL_ORDERED_RESUME, /* the actor ordered it, and so cannot decide on it */
    REFUSAL_RESUME_APPROVED_BEFORE,
    REFUSAL_NEEDS_NO_GLASS,  /* nothing waits for approvals */
    REFUSAL_NO_REVIEW,       /* `other` */
    REFUSAL_HAS_PART,        /* the actor, in what it would review */
    REFUSAL_REVIEWED_BEFORE, /* by the actor, at `at` */
    REFUSAL_REVIEW_ENDED,    /* as `state` */
    /* Promoting a group. */
    REFUSAL_GROUP_IS_NOT_OPEN, /* it is `state` */
    REFUSAL_NOTHING_SILENT,
    REFUSAL_ALL_SILENT,
    REFUSAL_OUT_OF_REACH, /* its gate: `percent` */
    /* Promoting it past what failed. */
    REFUSAL_GROUP_IS_REACHABLE, /* it is `state` */
    REFUSAL_NOTHING_FAILED,
    REFUSAL_ALL_FAILED,
    REFUSAL_FAILURES_ALLOW_IT, /* something else keeps it from passing */
    REFUSAL_OTHER_FAILURES,    /* its gate: `percent` */
    REFUSAL_TOO_MANY_FAILURES, /* more than `needed` */
    /* Amendments: the amendment is `other`. */
    REFUSAL_NO_AMENDMENT,
    REFUSAL_OTHER_AMENDMENT, /* its digest is `digest` */
    REFUSAL_AMENDMENT_ENDED, /* it is `state` */
    REFUSAL_AMENDED_IT,      /* the actor is an author of it, or of the plan */
    REFUSAL_AMENDED_BY,      /* `who`: the actor is not its author */
    REFUSAL_AMENDS_NOTHING,
    REFUSAL_END_HAS_PASSED,   /* the new one, `at` */
    REFUSAL_END_BEFORE_START, /* the new one, `at` */
    REFUSAL_AMEND_AFTER_END,  /* the end in force has passed */
    REFUSAL_LOOSENS_UNAPPROVED,
    /* Taking `places`, a scope or a device, out of a rollout. */
    REFUSAL_EXCLUDED_BEFORE,
    REFUSAL_NOT_A_MEMBER,
    REFUSAL_ALL_ENDED,
    REFUSAL_TOO_MANY_EXCLUSIONS, /* it has `needed` */
    /* Pausing a group. */
    REFUSAL_GROUP_PAUSED,
    REFUSAL_GROUP_NOT_PAUSED,
    /* A submission. */
    REFUSAL_NAME_TAKEN, /* by rollout `other` */
    REFUSAL_KEY_TAKEN,  /* the idempotency key, by rollout `other` */
    REFUSAL_HAS_ROLLBACK,
    REFUSAL_MAY_NOT_PREEMPT, /* the author, `who` */
    /* A device and the installation. */
    REFUSAL_NO_DEVICE,
    REFUSAL_IN_SERVICE,
    REFUSAL_RETIRED_BEFORE,
    REFUSAL_IS_RETIRED,       /* and the actor may not take it back */
    REFUSAL_DATABASE_IN_USE,  /* no restore waits to be accepted, and none was */
    REFUSAL_RESTORE_ACCEPTED, /* by `who`, at `at` */
    /* Signing keys: the key is `name`. */
    REFUSAL_NO_KEY,
    REFUSAL_KEY_REVOKED, /* before */
    REFUSAL_LAST_KEY,    /* `devices` could not be told */
    REFUSAL_NEEDED_KEY,  /* likewise, though other keys are left */
    REFUSAL_KEY_NOT_OFFERED,
    REFUSAL_ROTATION_UNDER_WAY,
    /* People: the person is `who`. */
    REFUSAL_RESERVED_NAME,
    REFUSAL_NO_PERSON,
    REFUSAL_PERSON_EXISTS,
    REFUSAL_PERSON_DISABLED,
    REFUSAL_PERSON_ENABLED,
    REFUSAL_NAME_IS_ALIAS, /* `name`, of `who` */
    REFUSAL_NO_ROLE,       /* `name` */
    REFUSAL_LAST_ADMIN,
    REFUSAL_ADMINS_EXIST,
    REFUSAL_ALIAS_TAKEN, /* `name`, by `who` */
    REFUSAL_NO_ALIAS,    /* `name` */
    REFUSAL_AUTHOR_STAYS,
    REFUSAL_TOO_MANY_TOKENS,
    REFUSAL_TOKENS_A_DAY,
    REFUSAL_NO_TOKEN,      /* `name` */
    REFUSAL_TOKEN_REVOKED, /* `name` */
    REFUSAL_NOT_WAITING,   /* `name` */
    REFUSAL_TOO_MANY_SCOPES,
    REFUSAL_ORDERED_SAME, /* the actor ordered what it would confirm */
    /* A role that counts in a scope: it needs `roles` in `places`; "": everywhere. */
    REFUSAL_OUT_OF_SCOPE,
    /* Blocked versions: of artifact `name` the version `artifact_version`, blocked by `who` at `at` for the reason
       `why`. */
    REFUSAL_VERSION_BLOCKED, /* what rollout `rollout` installs */
    REFUSAL_BLOCKED_BEFORE,
    REFUSAL_NOT_BLOCKED,
    REFUSAL_ORDERED_UNBLOCK,        /* the actor ordered it */
    REFUSAL_UNBLOCK_NEEDS_APPROVER, /* `who` ordered it */
    /* Freezes: the freeze is `other`. */
    REFUSAL_NO_FREEZE,
    REFUSAL_TOO_MANY_FREEZES,    /* `needed` are in force */
    REFUSAL_FREEZE_LIFTED,       /* by `who` at `at` */
    REFUSAL_MAY_NOT_LIFT,        /* the actor, by the policy */
    REFUSAL_ORDERED_LIFT,        /* the actor ordered it */
    REFUSAL_LIFT_NEEDS_APPROVER, /* `who` ordered it */
    REFUSAL_COUNT,
};

/* Only the facts of the reason and of the refused operation are set. */
struct refusal {
    enum refusal_reason reason;
    enum rollout_event event;
    const char *operation; /* the verb: "pause" */
    int64_t rollout, version, seen_version, given, needed, other, devices;
    double percent;
    char actor[TC_ID_SIZE], who[TC_ID_SIZE], device[TC_ID_SIZE], group[TC_ID_SIZE], name[TC_ID_SIZE];
    char state[32], at[32], digest[PLAN_DIGEST_SIZE];
    char roles[PERSON_ROLES_SIZE], places[256];
    char last_kind[32], last_actor[TC_ID_SIZE], last_at[32];
    char artifact_version[TC_ID_SIZE], why[OPERATION_REASON_MAX + 1];
};

/* Sets the reason, and fills the fault with `error` and the reason's number. Returns `error`. */
enum tc_error refusal_set(struct refusal *refusal, enum tc_error error, enum refusal_reason reason,
                          struct tc_fault *fault);

/* Copies a fact; truncates a longer one. */
void refusal_copy(char *fact, size_t size, const char *text);

#endif
