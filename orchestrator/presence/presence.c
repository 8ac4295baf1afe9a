#include "orchestrator/presence/presence.h"

#include "orchestrator/presence/presence_private.h"

#include <stdlib.h>

enum tc_error presence_open(const struct presence_config *config, struct presence_part **part, struct tc_fault *fault)
{
    struct presence_part *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    TC_CHECK(pthread_mutex_init(&opened->lock, NULL) == 0);
    opened->queue = heard_queue_open((size_t)config->queue_limit);
    enum tc_error error = writer_start(opened, fault);
    if (error == TC_OK)
        error = watcher_start(opened, &opened->watcher, fault);
    if (error != TC_OK) {
        presence_close(opened);
        return error;
    }
    *part = opened;
    return TC_OK;
}

void presence_close(struct presence_part *part)
{
    if (part == NULL)
        return;
    part->stopping = true;
    batch_queue_close(part->queue); /* the watcher may wait for space in it */
    watcher_stop(part->watcher);
    worker_stop(part->writer);
    batch_queue_free(part->queue);
    (void)pthread_mutex_destroy(&part->lock);
    free(part);
}

int64_t presence_last_progress_ms(const struct presence_part *part)
{
    return worker_last_progress_ms(part->writer);
}
