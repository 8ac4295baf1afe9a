/* The guard that closes when the database must not be acted upon: one for all stores of the process. Any thread.
 *
 * A database that was restored from a backup lacks the instructions that were created since, and would reuse IDs that
 * devices have seen. Its counter, which each orchestrator raises once a second, is then lower than the watermark that
 * this orchestrator keeps outside of the database. Its guard closes, and writes that into the database, so that the
 * guards of the other orchestrators close, too. They open again when an operator has accepted the restore.
 *
 * A guard that may be NULL allows everything. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_GUARD_H
#define TELLERCAST_ORCHESTRATOR_STORE_GUARD_H

#include "orchestrator/store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define INSTALLATION_SIZE 40 /* of an installation's ID as text */
#define WATERMARK_IDS_SIZE 4096
#define GUARD_REASON_SIZE 256

/* The database's counter, epoch and IDs when they were last read. */
struct watermark {
    char installation[INSTALLATION_SIZE]; /* "": never read */
    int64_t counter, epoch;
    char ids[WATERMARK_IDS_SIZE]; /* a JSON object: sequence → its last value. "": none */
};

struct store_guard;

/* Makes a guard that is closed until store_guard_count. `mark`, copied, is the highest known watermark. */
struct store_guard *store_guard_open(const struct watermark *mark);
void store_guard_close(struct store_guard *guard);

/* TC_OK while it is open; else TC_UNAVAILABLE with the reason. */
enum tc_error store_guard_check(struct store_guard *guard, struct tc_fault *fault);
/* The installation's epoch when it was last read; 0: not yet. Signatures and cache entries of a lower epoch are
 * outdated. */
int64_t store_guard_epoch(struct store_guard *guard);
/* The epoch of the recall under way; 0: none. */
int64_t store_guard_recall(struct store_guard *guard);

/* To be called before migrations: TC_OK when this database belongs to the installation of the mark, or there is no
 * mark. TC_CONFLICT when it belongs to another installation, or is empty; the guard is then closed for this reason. */
enum tc_error store_guard_meet(struct store_guard *guard, struct store *store, struct tc_fault *fault);

/* Raises the counter, opens or closes the guard, and fills `mark` with the watermark to be saved. TC_CONFLICT: the
 * guard is closed; when this orchestrator's own mark is the reason, the database now says so to the other
 * orchestrators. */
enum tc_error store_guard_count(struct store_guard *guard, struct store *store, const char *instance,
                                struct watermark *mark, struct tc_fault *fault);

#endif
