/* The plan that takes a rollout back: a rollout of its own, linked by metadata.rollbackOf. */
#ifndef TELLERCAST_CONFIG_PLAN_ROLLBACK_H
#define TELLERCAST_CONFIG_PLAN_ROLLBACK_H

#include "base/buffer.h"
#include "base/fault.h"

#include <stdint.h>

struct plan_rollback {
    const char *canonical; /* the origin's plan as it is stored */
    int64_t origin;        /* the origin's ID */
    int64_t number;        /* 1 plus the number of earlier rollbacks of the origin that have ended; part of the name */
    int64_t approvals_required; /* of the rollback */
};

/* Appends the document, for plan_parse(). The rollback removes the origin's artifact version from every device that
 * completed the origin or was taken out of service by it. All are in one group, with the windows, rate, budget,
 * priority and execution of the origin. The gate is the lowest of the origin's gates, but never 0 %. The abort criteria
 * are those of the origin, and each pauses the rollback, so that an operator decides about the remaining devices. Equal
 * arguments give equal bytes. TC_INVALID when the stored plan is not valid, or does not install an artifact. */
enum tc_error plan_rollback_write(const struct plan_rollback *rollback, struct buffer *document,
                                  struct tc_fault *fault);

#endif
