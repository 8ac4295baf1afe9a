/* The plan that takes a rollout back: a rollout of its own, linked by metadata.rollbackOf. */
#ifndef TELLERCAST_CONFIG_PLAN_ROLLBACK_H
#define TELLERCAST_CONFIG_PLAN_ROLLBACK_H

#include "base/buffer.h"
#include "base/fault.h"

#include <stdint.h>

struct plan_rollback {
    const char *canonical;      /* the origin's plan as it is stored */
    int64_t origin;             /* the origin's ID */
    int64_t number;             /* 1, or one more with each rollback of the origin that has ended; part of the name */
    int64_t approvals_required; /* of the rollback */
};

/* Appends the document, which plan_parse() reads. It leaves the origin's artifact version on every device that
 * completed the origin or was taken out of service by it, all in one group, at the origin's windows, rate, budget,
 * priority and execution. It is judged as the origin was: by the lowest of its gates, but never by 0 %, and by its
 * criteria of abort, of which each pauses: what is left to take back waits for a person. Equal
 * arguments give equal bytes. TC_INVALID when the stored plan is none, or was no installation. */
enum tc_error plan_rollback_write(const struct plan_rollback *rollback, struct buffer *document,
                                  struct tc_fault *fault);

#endif
