/* Where the scheduler looks for what is due: each turn at the front first, for what could not start before may now; and
 * behind it where the turn before ended, so that a long row of what cannot start now (its branch is full, say) is gone
 * through bit by bit, and never all of it at once. One thread's. */
#ifndef TELLERCAST_ORCHESTRATOR_SCHEDULER_OUTLOOK_H
#define TELLERCAST_ORCHESTRATOR_SCHEDULER_OUTLOOK_H

#include "base/buffer.h"
#include "orchestrator/store/claim.h"

struct outlook {
    int64_t rollout;
    int64_t rows;            /* how many to look at next */
    struct claim_place deep; /* where to go on behind the front; zeroes: right behind it */
    struct claim_place next;
    int looks, vain_looks; /* of this turn */
};

enum outlook_step {
    OUTLOOK_ON,    /* look again, after `next` */
    OUTLOOK_YIELD, /* others have their turn, then look again at once */
    OUTLOOK_DONE,  /* nothing more can be found now, or not without much looking */
};

/* Those of these rollouts, in a buffer of struct outlook: begins a turn of each, and forgets all others. */
void outlook_begin_turns(struct buffer *outlooks, const struct running_rollout *rollouts, size_t count,
                         int64_t claim_batch);

/* What follows from what a look found. */
enum outlook_step outlook_note(struct outlook *outlook, const struct claim_result *found, int64_t claim_batch);

#endif
