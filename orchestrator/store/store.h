/* One connection to PostgreSQL, the source of truth: what is accepted is committed, and its clock is the time.
 *
 * A store belongs to one thread at a time. The next call replaces a broken connection. The call on which it breaks
 * returns TC_UNAVAILABLE and had no effect, except that a commit whose response was lost may have taken effect: every
 * statement here can be repeated. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_STORE_H
#define TELLERCAST_ORCHESTRATOR_STORE_STORE_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* Minimum version of PostgreSQL, as PQserverVersion returns it. */
#define STORE_SERVER_VERSION_MIN 150000

/* TC_INVALID when store_open would refuse the connection string. The fault quotes nothing of the string. */
enum tc_error store_check_connection(const char *connection, struct tc_fault *fault);

/* TC_DENIED when the connection string leads to a server that may not be used: one that is not on loopback without
 * sslmode=verify-full, or one by TCP for which the string names neither a password nor a certificate, unless it is on
 * loopback and `insecure_loopback` is true. A Unix socket may always be used. What the string does not say, as with a
 * service file, is checked of each connection that is made: without a Unix socket, the server must have asked for a
 * password or for a certificate that the string names. */
enum tc_error store_check_peer(const char *connection, bool insecure_loopback, struct tc_fault *fault);

/* From now on the stores of this program may use servers on loopback without credentials. */
void store_allow_insecure_loopback(void);

/* Keeps the connection string and connects at the first use. `role` is shown in pg_stat_activity:
 * "tellercastd updater 2". */
enum tc_error store_open(const char *connection, const char *role, struct store **store, struct tc_fault *fault);
void store_close(struct store *store);

/* For statements whose parameters are batches. From the next connection on, joins are nested loops over an index:
 * statements that write many rows lock them in the order of their input, however small the tables are. Each statement
 * is planned once: planning it again for each batch would take longer than the batch. */
void store_join_by_loops(struct store *store);

struct store_guard; /* orchestrator/store/guard.h */

/* From now on each transaction that writes checks the guard, which must outlive the store. NULL: no guard. */
void store_use_guard(struct store *store, struct store_guard *guard);

/* From the next connection on, a statement may take ten minutes instead of thirty seconds: for those that read or write
 * a whole fleet. The lock timeout stays five seconds. */
void store_allow_long(struct store *store);

/* From the next connection on, a read-only server is accepted, too: for stores that mostly read. */
void store_allow_reading(struct store *store);

/* Checks that the database takes writes. Connects if need be, and commits to a row that all orchestrators share: only a
 * commit detects a standby, a read-only session or a missing synchronous standby. TC_NO_SPACE also when the disk was
 * full for any store of this program in the last ten seconds: this row needs no new space. Reconnects every ten
 * seconds, to detect what would stop new sessions of other parts. Before store_migrate (`migrated` false), checks only
 * that the database responds. */
enum tc_error store_probe(struct store *store, bool migrated, struct tc_fault *fault);
/* Whether the last attempt to connect failed in the words of libpq: they name hosts, paths and roles, and are not for
 * everybody. The log has them. */
bool store_was_not_reached(const struct store *store);

/* Brings the schema to this version: applies every missing migration, each in a transaction, one orchestrator at a
 * time, and gives the roles of packaging/roles.sql their rights. A role that may not migrate only checks that nothing
 * is missing. TC_DENIED when something is, TC_CONFLICT when the database is newer than this program. */
enum tc_error store_migrate(struct store *store, struct tc_fault *fault);

/* Closes each session whose server has exceeded the time limit of a statement by 15 s, and each other waiting session
 * that is as old: the same server is frozen. Their callers get TC_UNAVAILABLE, and reconnect. A migration, or a
 * statement whose limit the connection string sets, ends only together with others. To be called once a second, on a
 * thread that waits for no server. */
void store_end_silent_waits(void);

/* Connections that threads share, each for a short time (the HTTP endpoint's). Any thread. */
struct store_pool;
enum tc_error store_pool_open(const char *connection, int count, struct store_guard *guard, struct store_pool **pool,
                              struct tc_fault *fault);
void store_pool_close(struct store_pool *pool);
/* Waits for a free one. */
struct store *store_pool_take(struct store_pool *pool);
void store_pool_give(struct store_pool *pool, struct store *store);

#endif
