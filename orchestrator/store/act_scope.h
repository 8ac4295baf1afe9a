/* Checks that an act keeps to the scope in which its actor has a role: by the labels that devices have now.
 *
 * Each check runs in the transaction of its act. `scope` NULL, or without patterns: everywhere, and nothing is read.
 * TC_DENIED: something is outside; the refusal names the role and the places. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_ACT_SCOPE_H
#define TELLERCAST_ORCHESTRATOR_STORE_ACT_SCOPE_H

#include "orchestrator/access/access.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <jansson.h>
#include <stdint.h>

/* All devices of a rollout; of one that is not planned yet: those that its author might order. TC_OK if there is none
 * of this ID. */
enum tc_error act_scope_check_rollout(struct store *store, const struct access_scope *scope, int64_t rollout,
                                      struct refusal *refusal, struct tc_fault *fault);
/* The same for a reader, who gets TC_NOT_FOUND unless at least one device is inside. */
enum tc_error act_scope_check_reading(struct store *store, const struct access_scope *scope, int64_t rollout,
                                      struct refusal *refusal, struct tc_fault *fault);
/* Whether at least one device of the rollout is inside; false: there is none of this ID, either. */
enum tc_error act_scope_check_seen(struct store *store, const struct access_scope *scope, int64_t rollout,
                                   bool *is_seen, struct tc_fault *fault);
/* All devices that a plan, as its canonical tree, selects now; and those of the rollouts that it supersedes or rolls
 * back. */
enum tc_error act_scope_check_plan(struct store *store, const struct access_scope *scope, const json_t *plan,
                                   struct refusal *refusal, struct tc_fault *fault);
/* A scope as JSON. */
enum tc_error act_scope_check_places(struct store *store, const struct access_scope *scope, const char *match,
                                     struct refusal *refusal, struct tc_fault *fault);
/* TC_OK if there is no such device. */
enum tc_error act_scope_check_device(struct store *store, const struct access_scope *scope, const char *device,
                                     struct refusal *refusal, struct tc_fault *fault);
/* The device or, without it (NULL), the scope `match` as JSON. */
enum tc_error act_scope_check_exclusion(struct store *store, const struct access_scope *scope, const char *device,
                                        const char *match, struct refusal *refusal, struct tc_fault *fault);
/* What an import, whose rows were copied and are not merged yet, would change. Makes other imports wait until the
 * transaction ends. */
enum tc_error act_scope_check_import(struct store *store, const struct access_scope *scope, struct refusal *refusal,
                                     struct tc_fault *fault);

#endif
