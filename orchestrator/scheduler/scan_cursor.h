/* Where the scheduler scans for due instructions: each turn starts at the front, since rows that could not start before
 * may start now, and continues where the turn before ended, so that a long run of rows that cannot start now (no
 * headroom in their branch, say) is scanned in parts. One thread. */
#ifndef TELLERCAST_ORCHESTRATOR_SCHEDULER_SCAN_CURSOR_H
#define TELLERCAST_ORCHESTRATOR_SCHEDULER_SCAN_CURSOR_H

#include "base/buffer.h"
#include "orchestrator/store/claim.h"

struct scan_cursor {
    int64_t rollout;
    int64_t rows;            /* of the next scan */
    struct claim_place deep; /* where to continue behind the front; zeroes: right behind it */
    struct claim_place next;
    int scans, low_yield_scans; /* of this turn */
};

enum scan_cursor_step {
    SCAN_CURSOR_ON,    /* scan again, after `next` */
    SCAN_CURSOR_YIELD, /* let other rollouts have their turn, then scan again at once */
    SCAN_CURSOR_DONE,  /* nothing more to claim now, or not without long scans */
};

/* `cursors` is a buffer of struct scan_cursor: begins a turn for each of these rollouts, and forgets all others. */
void scan_cursor_begin_turns(struct buffer *cursors, const struct running_rollout *rollouts, size_t count,
                             int64_t claim_batch);

/* Moves the cursor by the result of a scan and returns the next step. */
enum scan_cursor_step scan_cursor_note(struct scan_cursor *cursor, const struct claim_result *found,
                                       int64_t claim_batch);

#endif
