/* What a new watch of presence may believe. Pure.
 *
 * The broker publishes the will of a device that dies, unless the broker died, too. A broker that comes back with the
 * state of an earlier hour still says "online" of devices that have died since. The watch itself leaves a will, on a
 * topic of its own: what became of the will of the last watch tells whether the broker published those of devices. */
#ifndef TELLERCAST_ORCHESTRATOR_PRESENCE_TRUST_H
#define TELLERCAST_ORCHESTRATOR_PRESENCE_TRUST_H

#include <stdbool.h>

struct watch_facts {
    bool was_answered; /* the broker sent the new watch its own mark */
    bool found_mark;   /* another mark was retained before that one */
    bool is_of_last;   /* it is of the last watch that the database knows */
    bool has_ended;    /* it says that this watch has ended: it disconnected, or its will was published */
};

struct watch_trust {
    bool keeps;         /* what the last watch received is true, or is corrected by what is retained now */
    bool trusts_online; /* a retained "online" is true; a retained "offline" always is */
};

struct watch_trust watch_trust_decide(const struct watch_facts *facts);

/* Whether the connection of the last watch may still stand, as far as the broker knows: then its end is to come. */
bool watch_may_still_end(const struct watch_facts *facts);

#endif
