#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/store/read.h"

/* FNV-1a, 64 bits. */
static uint64_t hash(const struct buffer *text)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < text->length; i++)
        value = (value ^ (unsigned char)text->bytes[i]) * UINT64_C(1099511628211);
    return value;
}

static struct published_progress *find_published(struct conductor *conductor, int64_t rollout)
{
    for (size_t i = 0; i < PROGRESS_ROLLOUTS; i++) {
        if (conductor->published[i].rollout == rollout)
            return &conductor->published[i];
    }
    struct published_progress *oldest = &conductor->published[conductor->next_published];
    conductor->next_published = (conductor->next_published + 1) % PROGRESS_ROLLOUTS;
    *oldest = (struct published_progress){.rollout = rollout};
    return oldest;
}

void conductor_publish_progress(struct conductor *conductor, int64_t rollout)
{
    buffer_clear(&conductor->message);
    if (read_progress(conductor->store, rollout, &conductor->message, NULL) != TC_OK)
        return;
    struct published_progress *published = find_published(conductor, rollout);
    uint64_t now = hash(&conductor->message);
    if (published->hash == now)
        return;
    const struct topic topic = {.kind = TOPIC_PROGRESS, .rollout = rollout};
    if (broker_publish(conductor->config.broker, &topic, conductor->message.bytes, conductor->message.length, 0, true,
                       NULL) == TC_OK)
        published->hash = now;
}
