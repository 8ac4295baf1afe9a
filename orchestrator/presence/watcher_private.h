/* The watcher: its connection, and the watch under way. Private to watcher*.c. */
#ifndef TELLERCAST_ORCHESTRATOR_PRESENCE_WATCHER_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_PRESENCE_WATCHER_PRIVATE_H

#include "orchestrator/broker/watch.h"
#include "orchestrator/presence/presence_private.h"
#include "orchestrator/presence/trust.h"

struct watcher {
    struct presence_part *part;
    struct store *store;
    struct broker_watch *connection;
    int interrupt_fd;
    pthread_t thread;
    char reason[TC_FAULT_TEXT_SIZE]; /* why there is no watch, as last logged */

    /* Of the watch under way. */
    char id[TC_ID_SIZE], last_id[TC_ID_SIZE]; /* its own, and that of the watch before */
    struct watch_facts facts;
    struct watch_trust trust;
    int64_t step_seen; /* of its own mark; 0: none */
    bool mark_was_replaced;
    int64_t received_ms; /* monotonic: the last message, or the beginning */
    int64_t known;       /* devices of the generation when it began */
    int64_t retained;    /* received since then */
    int64_t turn;
};

/* Takes a message. On the watcher's thread, in broker_watch_step(). */
void watcher_receive(void *context, const struct broker_message *message);

#endif
