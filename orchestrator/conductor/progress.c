#include "orchestrator/conductor/podium.h"
#include "orchestrator/store/read.h"

/* FNV-1a, 64 bits. */
static uint64_t hash(const struct buffer *text)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < text->length; i++)
        value = (value ^ (unsigned char)text->bytes[i]) * UINT64_C(1099511628211);
    return value;
}

static struct told_progress *find_told(struct conductor *conductor, int64_t rollout)
{
    for (size_t i = 0; i < PROGRESS_ROLLOUTS; i++) {
        if (conductor->told[i].rollout == rollout)
            return &conductor->told[i];
    }
    struct told_progress *oldest = &conductor->told[conductor->next_told];
    conductor->next_told = (conductor->next_told + 1) % PROGRESS_ROLLOUTS;
    *oldest = (struct told_progress){.rollout = rollout};
    return oldest;
}

void conductor_tell_progress(struct conductor *conductor, int64_t rollout)
{
    buffer_clear(&conductor->message);
    if (read_progress(conductor->store, rollout, &conductor->message, NULL) != TC_OK)
        return;
    struct told_progress *told = find_told(conductor, rollout);
    uint64_t now = hash(&conductor->message);
    if (told->hash == now)
        return;
    const struct topic topic = {.kind = TOPIC_PROGRESS, .rollout = rollout};
    if (broker_publish(conductor->config.broker, &topic, conductor->message.bytes, conductor->message.length, 0, true,
                       NULL) == TC_OK)
        told->hash = now;
}
