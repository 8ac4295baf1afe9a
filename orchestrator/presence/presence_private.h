/* Shared by the files of the part. Private to it. */
#ifndef TELLERCAST_ORCHESTRATOR_PRESENCE_PRESENCE_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_PRESENCE_PRESENCE_PRIVATE_H

#include "orchestrator/presence/presence.h"
#include "orchestrator/store/presence.h"
#include "orchestrator/worker/worker.h"

#include <pthread.h>
#include <stdatomic.h>

struct watcher;

/* The watch under way. `turn` counts the watches of this process: what an earlier one received is dropped, since the
 * next one receives it again. */
struct current_watch {
    bool stands;
    bool may_complete; /* all that was retained is in the queue */
    bool is_complete;
    bool is_lost; /* another orchestrator began one */
    int64_t turn;
    struct presence_watch watch;
};

struct presence_part {
    struct presence_config config;
    struct batch_queue *queue;
    struct worker *writer;
    struct watcher *watcher;
    atomic_bool stopping;
    /* Held while `current` is used, and while the database is told whether it stands: the two never disagree. */
    pthread_mutex_t lock;
    struct current_watch current;
};

/* An item of the queue. */
struct heard_item {
    struct heard heard;
    int64_t turn;
};

/* A queue of heard_item: of each device one waits, the last. */
struct batch_queue *heard_queue_open(size_t limit);
/* Waits while the queue is full. */
void heard_queue_put(struct batch_queue *queue, const struct heard_item *item);

/* writer.c: one thread, which writes the queue to the database. */
enum tc_error writer_start(struct presence_part *part, struct tc_fault *fault);

/* watcher.c: the thread of the connection. */
enum tc_error watcher_start(struct presence_part *part, struct watcher **watcher, struct tc_fault *fault);
/* Wakes it, and waits for its end; `stopping` must be set. NULL is allowed. */
void watcher_stop(struct watcher *watcher);

#endif
