#include "orchestrator/broker/watch.h"

#include "base/clock.h"
#include "orchestrator/broker/client_name.h"
#include "orchestrator/broker/receiver.h"
#include "orchestrator/broker/server_address.h"

#include <stdlib.h>

enum { ANSWER_MS = 10000 };

struct broker_watch {
    struct broker_config config;
    int interrupt_fd;
    struct server_address address;
    char client_id[CLIENT_NAME_SIZE];
    struct receiver *receiver;
};

struct broker_watch *broker_watch_open(const struct broker_config *config, int interrupt_fd)
{
    struct broker_watch *watch = calloc(1, sizeof *watch);
    TC_CHECK(watch != NULL);
    watch->config = *config;
    watch->interrupt_fd = interrupt_fd;
    client_name_make(config->certificate_file, NULL, config->client_id, watch->client_id);
    watch->config.client_id = watch->client_id;
    watch->receiver = receiver_open(&watch->config, interrupt_fd);
    return watch;
}

void broker_watch_close(struct broker_watch *watch)
{
    if (watch == NULL)
        return;
    receiver_free(watch->receiver);
    free(watch);
}

enum tc_error broker_watch_connect(struct broker_watch *watch, const struct topic *will_topic, const void *will,
                                   size_t length, struct tc_fault *fault)
{
    char topic[TOPIC_SIZE];
    topic_format(watch->config.topic_root, will_topic, topic);
    const struct receiver_will left = {.topic = topic, .payload = will, .length = length};
    const char *host;
    enum tc_error error = server_address_find(&watch->address, &watch->config, watch->interrupt_fd, &host, fault);
    if (error != TC_OK)
        return error;
    error = receiver_begin(watch->receiver, host, &left, ANSWER_MS, fault);
    if (error != TC_OK)
        server_address_failed(&watch->address);
    return error;
}

enum tc_error broker_watch_subscribe(struct broker_watch *watch, size_t at, struct tc_fault *fault)
{
    return receiver_subscribe(watch->receiver, at, ANSWER_MS, fault);
}

enum tc_error broker_watch_publish(struct broker_watch *watch, const struct topic *topic, const void *payload,
                                   size_t length, struct tc_fault *fault)
{
    char name[TOPIC_SIZE];
    topic_format(watch->config.topic_root, topic, name);
    return receiver_publish(watch->receiver, name, payload, length, fault);
}

enum tc_error broker_watch_step(struct broker_watch *watch, struct tc_fault *fault)
{
    bool interrupted;
    return receiver_step(watch->receiver, &interrupted, fault);
}

void broker_watch_disconnect(struct broker_watch *watch, int wait_ms)
{
    int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
    while (!receiver_has_published(watch->receiver) && clock_monotonic_ms() < deadline_ms) {
        if (broker_watch_step(watch, NULL) != TC_OK)
            break;
    }
    receiver_disconnect(watch->receiver);
}

void broker_watch_drop(struct broker_watch *watch)
{
    receiver_disconnect(watch->receiver);
}
