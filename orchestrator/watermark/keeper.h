/* The keeper of the watermark: raises the counter in the database once a second and writes its value to a file in the
 * data folder. A database that returns with a lower value is refused; see orchestrator/store/guard.h. */
#ifndef TELLERCAST_ORCHESTRATOR_WATERMARK_KEEPER_H
#define TELLERCAST_ORCHESTRATOR_WATERMARK_KEEPER_H

#include "base/fault.h"
#include "orchestrator/store/guard.h"

#include <stdbool.h>
#include <stdint.h>

struct batch_queue;
struct keeper;

/* The texts, the guard and the queue must outlive the keeper. */
struct keeper_config {
    const char *database;
    const char *folder;
    const char *name; /* of this orchestrator's mark; the same after a restart */
    struct store_guard *guard;
    struct batch_queue *accepted; /* is woken when the database is accepted after it was not; NULL: none */
};

enum tc_error keeper_open(const struct keeper_config *config, struct keeper **keeper, struct tc_fault *fault);
/* Counts a last time, so that the mark covers all work of the parts: they must have ended. NULL is allowed. */
void keeper_close(struct keeper *keeper);
/* False when the last mark could not be written. Any thread. */
bool keeper_is_written(const struct keeper *keeper);
int64_t keeper_last_progress_ms(const struct keeper *keeper);

#endif
