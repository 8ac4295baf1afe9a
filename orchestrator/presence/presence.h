/* Presence: receives what devices publish of themselves, and their wills, and writes it in batches, beside the updater.
 *
 * Only the conductor watches, over a connection of its own, so that a flood of presence delays no ask and no report. A
 * shared subscription would get no retained messages. The connection's thread copies each message into a bounded queue,
 * in the place of the device's message that waits there, and stops reading while that is full. Presence explains and
 * decides nothing. */
#ifndef TELLERCAST_ORCHESTRATOR_PRESENCE_PRESENCE_H
#define TELLERCAST_ORCHESTRATOR_PRESENCE_PRESENCE_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/store/guard.h"

#include <stdatomic.h>
#include <stdint.h>

struct presence_part;

struct presence_config {
    const char *database;
    struct store_guard *guard; /* NULL: none */
    /* Address and credentials of the broker; the rest is set here. What it points to must outlive the part. */
    struct broker_config broker;
    const char *instance;
    int64_t batch, queue_limit;
    /* The epoch of the conductor's lease; 0: another orchestrator is the conductor. */
    const _Atomic int64_t *conducting_epoch;
};

enum tc_error presence_open(const struct presence_config *config, struct presence_part **part, struct tc_fault *fault);
/* Says at the broker that its watch has ended. Close it before the conductor, which gives up the lease. */
void presence_close(struct presence_part *part);
int64_t presence_last_progress_ms(const struct presence_part *part);

#endif
