/* Decides in the transaction of an act whether its actor may do it. The endpoint decided by a copy of the tables of
 * people that is up to 250 ms old: the credential may be revoked since, or the role withdrawn. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_ACTOR_H
#define TELLERCAST_ORCHESTRATOR_STORE_ACTOR_H

#include "orchestrator/store/act.h"
#include "orchestrator/store/store.h"

/* Makes changes of people wait until the transaction ends, and decides: so an act is committed before the change that
 * takes its right away, or not at all. TC_DENIED and TC_CONFLICT as in acts.h. An actor that is no person may. */
enum tc_error actor_decide_locked(struct store *store, struct act *act, struct tc_fault *fault);

/* The same where changes of people wait already; `version` is that of their tables before this transaction. */
enum tc_error actor_decide(struct store *store, struct act *act, int64_t version, struct tc_fault *fault);

#endif
