#include "orchestrator/presence/presence_private.h"

/* A device that reconnects all the time is written so often at once, and then once in each interval. */
enum { HEARD_BURST = 8, HEARD_INTERVAL_MS = 1000 };

static bool replaces(const void *item, const void *waiting)
{
    (void)item, (void)waiting;
    return true;
}

struct batch_queue *heard_queue_open(size_t limit)
{
    const struct fair_rules rules = {
        .waiting_max = 1,
        .waiting_bytes_max = sizeof(struct heard_item),
        .bytes_max = limit * sizeof(struct heard_item),
        .burst = HEARD_BURST,
        .interval_ms = HEARD_INTERVAL_MS,
        .replaces = replaces,
    };
    return batch_queue_open_fair(sizeof(struct heard_item), limit, &rules);
}

void heard_queue_put(struct batch_queue *queue, const struct heard_item *item)
{
    const struct fair_sender sender = {.id = item->heard.device, .bytes = sizeof *item};
    bool replaced;
    /* A closed queue takes nothing: another orchestrator receives it again. */
    (void)batch_queue_put_from(queue, &sender, item, &replaced);
}
