/* What /readyz says: whether the servers are there, looked at by a thread of its own, since looking can take long. */
#ifndef TELLERCAST_ORCHESTRATOR_HEALTH_H
#define TELLERCAST_ORCHESTRATOR_HEALTH_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/intake/intake.h"

struct health;

/* Looks once a second at the database and Redis. Until the first look is over nothing is there. */
enum tc_error health_open(const char *database, const struct cache_config *cache, struct health **health,
                          struct tc_fault *fault);
void health_close(struct health *health);

/* From now on the broker belongs to what must be there. */
void health_watch_broker(struct health *health, struct broker *broker);
/* From now on all parts run. */
void health_set_started(struct health *health);

/* For the HTTP door; `context` is the health. Any thread. */
void health_describe(void *context, struct intake_health *description);

#endif
