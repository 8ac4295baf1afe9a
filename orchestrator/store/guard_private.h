/* The guard's functions for the other files of the store. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_GUARD_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_GUARD_PRIVATE_H

#include "orchestrator/store/connection.h"
#include "orchestrator/store/guard.h"

/* Counter and epoch of the mark at one moment. */
struct mark_seen {
    int64_t counter, epoch;
};

/* Returns the present mark. Call it before the statement that reads the watermark: the mark may rise meanwhile, and the
 * database that was read is not older for that. */
struct mark_seen store_guard_read_mark(struct store_guard *guard);

/* Compares the watermark in the database, `found`, with `seen`. Closes the guard, with TC_UNAVAILABLE, when the
 * database must not be used. NULL: the database has no installation. */
enum tc_error store_guard_compare(struct store_guard *guard, const struct sql_watermark *found, struct mark_seen seen,
                                  struct tc_fault *fault);

/* Closes the guard because the watermark cannot be read. Returns TC_UNAVAILABLE. */
enum tc_error store_guard_refuse_unread(struct store_guard *guard, struct tc_fault *fault);

#endif
