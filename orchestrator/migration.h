/* Brings the database to this version: at the daemon's start, and for `tellercastd migrate`. */
#ifndef TELLERCAST_ORCHESTRATOR_MIGRATION_H
#define TELLERCAST_ORCHESTRATOR_MIGRATION_H

#include "config/daemon.h"
#include "orchestrator/store/guard.h"
#include "orchestrator/store/store_clock.h"

/* Connects by `database`, and migrates if its role may; else waits until `tellercastd migrate` has done so. Also waits
 * for a database that is unavailable, busy or another than that of the watermarks. Then reads its clock. TC_TIMEOUT:
 * the program was asked to stop meanwhile. TC_CONFLICT: the database is newer than this program. */
enum tc_error migration_await(const struct daemon_settings *settings, struct store_guard *guard,
                              struct store_clock *clock, struct tc_fault *fault);

/* Connects by `database_migration`, migrates, and grants rights. Waits only while other sessions hold a table;
 * a signal that ends the program undoes the migration that has begun. */
enum tc_error migration_run(const struct daemon_settings *settings, struct tc_fault *fault);

#endif
