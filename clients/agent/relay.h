/* The node's part: a start command becomes a dispatch for each ATM client it names.
 *
 * The commands carry no authority, so a repeated or a lost one does no harm. A dispatch that cannot be
 * sent now is kept until it can be or has expired.
 *
 * A node is upgraded like every other device, and never while one of its ATMs is in flight: the orchestrator's claim
 * ensures that, as it sees the whole branch. A node cannot see the end of an ATM's upgrade: it may read its own topics
 * only. It acts on what it knows: it starts its own installer only when the broker has acknowledged each dispatch it
 * relayed, so that its own restart loses none; and with hold_after_dispatch_ms it answers an instruction of its own
 * `deferred`, code atm_in_flight, for that long after its last dispatch. One thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_RELAY_H
#define TELLERCAST_CLIENTS_AGENT_RELAY_H

#include "topics/message.h"
#include "topics/topic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELAY_PENDING_MAX                                                                                              \
    1024 /* devices of a branch; more are dropped, logged, and started again by the orchestrator */

struct relay_item {
    struct dispatch dispatch;
    int64_t until_ms; /* monotonic */
};

struct relay {
    struct relay_item *items; /* not sent yet */
    size_t count;
    size_t capacity;
    int64_t last_dispatch_ms; /* monotonic; INT64_MIN: none */
};

void relay_init(struct relay *relay);
void relay_free(struct relay *relay);

/* Adds the devices of a start command except `own`. Returns whether `own` is among them. */
bool relay_take(struct relay *relay, const struct start *start, const char *own, int64_t until_ms);

/* Returns the next dispatch to send, or NULL. Drops those that have expired. */
const struct dispatch *relay_next(struct relay *relay, int64_t now_ms);
/* Removes the dispatch of relay_next, which was sent. */
void relay_sent(struct relay *relay, int64_t now_ms);

#endif
