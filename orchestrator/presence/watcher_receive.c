#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/presence/watcher_private.h"
#include "topics/message.h"

#include <string.h>

static void refuse(const struct broker_message *message, const char *reason)
{
    metric_add(METRIC_BROKER_MESSAGES_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, message->topic.device, "presence.refused", F_STR("device", message->topic.device),
                F_INT("bytes", message->length), F_STR("reason", reason));
}

static void receive_mark(struct watcher *watcher, const struct broker_message *message)
{
    struct watch_mark mark;
    struct tc_fault fault;
    if (message->length == 0 || watch_mark_decode(message->payload, message->length, &mark, &fault) != TC_OK)
        return; /* no watch wrote it */
    if (strcmp(mark.watch, watcher->id) == 0 && !mark.ended) {
        watcher->facts.was_answered = true;
        watcher->step_seen = mark.step;
        return;
    }
    bool is_of_last = strcmp(mark.watch, watcher->last_id) == 0;
    if (!watcher->facts.was_answered)
        watcher->facts.found_mark = true;
    if (!watcher->facts.was_answered || is_of_last) {
        watcher->facts.is_of_last = is_of_last;
        watcher->facts.has_ended = mark.ended;
    }
    /* The end of an earlier watch, which came late. The mark of one that goes on stays: the lease decides. */
    watcher->mark_was_replaced = watcher->mark_was_replaced || (watcher->facts.was_answered && mark.ended);
}

static void receive_presence(struct watcher *watcher, const struct broker_message *message)
{
    struct heard_item item = {.turn = watcher->turn,
                              .heard = {.is_retained = message->retained, .received_ms = clock_monotonic_ms()}};
    memcpy(item.heard.device, message->topic.device, sizeof item.heard.device);
    metric_add(METRIC_PRESENCE_RECEIVED, 1);
    watcher->retained += message->retained ? 1 : 0;
    if (message->length > 0) {
        struct presence presence;
        struct tc_fault fault;
        if (presence_decode(message->payload, message->length, &presence, &fault) != TC_OK) {
            refuse(message, fault.text);
            return;
        }
        item.heard.state = presence.online ? PRESENCE_ONLINE : PRESENCE_OFFLINE;
        memcpy(item.heard.agent, presence.agent, sizeof item.heard.agent);
        item.heard.held_until_ms = presence.held_until_ms;
        memcpy(item.heard.held_reason, presence.held_reason, sizeof item.heard.held_reason);
    }
    if (message->retained && item.heard.state == PRESENCE_ONLINE && !watcher->trust.trusts_online)
        return;
    heard_queue_put(watcher->part->queue, &item);
}

void watcher_receive(void *context, const struct broker_message *message)
{
    struct watcher *watcher = context;
    watcher->received_ms = clock_monotonic_ms();
    if (message->topic.kind == TOPIC_WATCH)
        receive_mark(watcher, message);
    else if (message->topic.kind == TOPIC_PRESENCE)
        receive_presence(watcher, message);
}
