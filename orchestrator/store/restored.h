/* Accepting a database that was restored from a backup, and its state. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_RESTORED_H
#define TELLERCAST_ORCHESTRATOR_STORE_RESTORED_H

#include "base/buffer.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <stdint.h>

/* Accepts a refused database in a new epoch, in the name of `actor`, for `reason`: see accept_restored.sql. Every
 * orchestrator continues when it next raises the counter. TC_CONFLICT: it is not refused; `refusal` has the last
 * accepter. */
enum tc_error restored_accept(struct store *store, const char *actor, const char *reason, int64_t *epoch,
                              struct refusal *refusal, struct tc_fault *fault);

/* Each appends one JSON document: the installation with its restores; a page of the unknown orders of one device or of
 * all ("") (`after`: `next` of the previous page, or ""). */
enum tc_error restored_read_installation(struct store *store, struct buffer *json, struct tc_fault *fault);
enum tc_error restored_read_unknown_orders(struct store *store, const char *device, const char *after, int limit,
                                           struct buffer *json, struct tc_fault *fault);

#endif
