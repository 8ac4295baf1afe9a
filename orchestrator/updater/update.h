/* What is put in the updater's queues. There is one queue a thread, chosen by device, so that one device's reports
 * stay in order. Any thread; all of these wait while a queue is full, and say TC_UNAVAILABLE when it was closed. */
#ifndef TELLERCAST_ORCHESTRATOR_UPDATER_UPDATE_H
#define TELLERCAST_ORCHESTRATOR_UPDATER_UPDATE_H

#include "base/id.h"
#include "orchestrator/worker/batch_queue.h"

#include <stddef.h>
#include <stdint.h>

enum update_kind {
    UPDATE_REPLY,    /* a device's status, as it came */
    UPDATE_SENT,     /* the dispatcher answered the device's ask */
    UPDATE_VERSIONS, /* the device said in its ask what is installed */
};

struct update {
    enum update_kind kind;
    char device[TC_ID_SIZE];
    int32_t attempt;     /* UPDATE_SENT */
    int64_t instruction; /* UPDATE_SENT */
    char *payload;       /* UPDATE_REPLY: the message; UPDATE_VERSIONS: a JSON object, with its NUL; owned */
    size_t length;
};

struct update_queues {
    struct batch_queue **queues;
    int count;
};

enum tc_error update_put_reply(const struct update_queues *queues, const char *device, const void *reply,
                               size_t length);
enum tc_error update_put_sent(const struct update_queues *queues, const char *device, int64_t instruction,
                              int32_t attempt);
/* `versions` is a flat JSON object, copied. */
enum tc_error update_put_versions(const struct update_queues *queues, const char *device, const char *versions);

#endif
