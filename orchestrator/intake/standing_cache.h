/* Remembers for a moment whether devices' certificates are good, in a table of bounded size, so that the database is
 * not asked for each request. Private to the intake. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_STANDING_CACHE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_STANDING_CACHE_H

#include "orchestrator/intake/device_issuers.h"
#include "orchestrator/store/enrolment.h"

#include <stdbool.h>
#include <stdint.h>

/* How long an answer of the database counts. A revocation is in force after this time at the latest. */
enum { STANDING_FRESH_MS = 1000 };

struct standing_cache;

struct standing_cache *standing_cache_open(void);
void standing_cache_close(struct standing_cache *cache); /* NULL is allowed */

/* Finds the standing of this certificate, if it is not older than STANDING_FRESH_MS at `now_ms`. Times are monotonic.
 */
bool standing_cache_find(struct standing_cache *cache, const struct device_peer *peer, int64_t now_ms,
                         enum enrolment_standing *standing);

/* Remembers it; the database was asked at `asked_ms`. When the table has no room, the oldest one is forgotten. */
void standing_cache_put(struct standing_cache *cache, const struct device_peer *peer, int64_t asked_ms,
                        enum enrolment_standing standing);

#endif
