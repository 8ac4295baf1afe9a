/* One connection to PostgreSQL, which is the truth: what is accepted is committed, and time is its clock.
 *
 * A store belongs to one thread at a time. A broken connection is made again by the next call; a call that
 * meets one says TC_UNAVAILABLE and nothing of it was done, or (for a commit whose answer was lost) it may
 * be done: every statement here can be repeated. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_STORE_H
#define TELLERCAST_ORCHESTRATOR_STORE_STORE_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* Keeps the connection string and connects at the first need. `role` is shown in pg_stat_activity:
 * "tellercastd updater 2". */
enum tc_error store_open(const char *connection, const char *role, struct store **store, struct tc_fault *fault);
void store_close(struct store *store);

/* From the next connection on, joins look up one row after the other in an index: what writes many rows takes them in
 * the order in which it has them, however small the tables are. */
void store_join_by_loops(struct store *store);

/* Connects if need be and asks for one row: is the database there? */
enum tc_error store_ping(struct store *store, struct tc_fault *fault);

/* Brings the schema to this version: every migration not yet there, each in a transaction, one
 * orchestrator at a time. TC_CONFLICT when the database is newer than this program. */
enum tc_error store_migrate(struct store *store, struct tc_fault *fault);

/* A few connections shared by threads that need one now and then (the HTTP door's). Any thread. */
struct store_pool;
enum tc_error store_pool_open(const char *connection, int count, struct store_pool **pool, struct tc_fault *fault);
void store_pool_close(struct store_pool *pool);
/* Waits for a free one. */
struct store *store_pool_take(struct store_pool *pool);
void store_pool_give(struct store_pool *pool, struct store *store);

#endif
