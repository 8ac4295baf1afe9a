/* The content of /readyz: whether the servers are available and accept writes. A thread of its own checks that, since a
 * check can take long. */
#ifndef TELLERCAST_ORCHESTRATOR_HEALTH_H
#define TELLERCAST_ORCHESTRATOR_HEALTH_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/intake/intake.h"
#include "orchestrator/keys/key_keeper.h"
#include "orchestrator/people/people.h"
#include "orchestrator/store/guard.h"
#include "orchestrator/store/policy_in_force.h"
#include "orchestrator/watermark/keeper.h"

struct health;

/* Checks the database and Redis once a second, by a small write to each; until the first check ends both count as
 * unavailable. Also checks the fleet, periodically and on request; no device in it may be named `broker_user`. */
enum tc_error health_open(const char *database, const char *broker_user, const struct cache_config *cache,
                          struct store_guard *guard, struct health **health, struct tc_fault *fault);
void health_close(struct health *health);

/* From now on the broker must be available, too. */
void health_watch_broker(struct health *health, struct broker *broker);
/* From now on the warnings include an unwritten watermark, until the keeper is NULL. */
void health_watch_keeper(struct health *health, const struct keeper *keeper);
/* From now on the warnings include that no key may sign. The keeper of keys must outlive the health. */
void health_watch_keys(struct health *health, const struct key_keeper *keys);
/* From now on people must be known and the policy of the site must count, too. Both must outlive the last call of
 * health_describe. */
void health_watch_people(struct health *health, struct people *people, const struct policy_in_force *policy);
/* Notes that all parts run. */
void health_set_started(struct health *health);

/* Logs once when the database has not answered a check for ten seconds. Any thread; call it periodically. */
void health_watch(struct health *health);

/* For the HTTP endpoint; `context` is the health. Any thread. */
void health_describe(void *context, struct intake_health *description);

/* Makes the fleet be checked again soon. `context` is the health. Any thread. */
void health_request_fleet_check(void *context);

#endif
