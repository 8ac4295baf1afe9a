#include "orchestrator/intake/message.h"

#include "base/condition.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/worker/worker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWERS_LIMIT = 1000 };

/* How long paho's thread, and with it all that devices send, waits for room for a plan. Unlike a device's report a
 * plan that finds none is not lost: its sender is told to send it again. */
enum { ROOM_WAIT_MS = 2000 };

/* Whom to answer, and what. */
struct response {
    struct message_door *door;
    size_t correlation_length;
    unsigned char correlation[BROKER_CORRELATION_MAX];
    struct buffer body;
    char topic[]; /* and its NUL */
};

struct message_door {
    char root[TOPIC_ROOT_MAX + 1];
    struct funnel *funnel;
    struct batch_queue *answers; /* of struct response * */
    struct worker *worker;       /* publishes: the planner's thread and paho's must not */
    pthread_mutex_t mutex;
    pthread_cond_t broker_known;
    struct broker *broker;
    atomic_bool stopped;
};

static void free_response(struct response *response)
{
    buffer_free(&response->body);
    free(response);
}

/* The broker; NULL when the door stops before it is known. */
static struct broker *wait_for_broker(struct message_door *door)
{
    (void)pthread_mutex_lock(&door->mutex);
    while (door->broker == NULL && !door->stopped)
        (void)condition_wait(&door->broker_known, &door->mutex, CONDITION_FOREVER);
    struct broker *broker = door->broker;
    (void)pthread_mutex_unlock(&door->mutex);
    return broker;
}

static void publish(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state;
    struct message_door *door = context;
    struct response **responses = items;
    struct broker *broker = count == 0 ? NULL : wait_for_broker(door);
    for (size_t i = 0; i < count; i++) {
        struct response *response = responses[i];
        enum tc_error error =
            broker == NULL ? TC_UNAVAILABLE
                           : broker_respond(broker, response->topic, response->correlation,
                                            response->correlation_length, response->body.bytes, response->body.length);
        if (error != TC_OK)
            LOG_WARNING("order.answer_lost", F_STR("door", "mqtt"), F_STR("error", tc_error_name(error)));
        free_response(response);
    }
}

/* On any thread. */
static void answered(void *context, const struct order_answer *answer)
{
    struct response *response = context;
    buffer_put(&response->body, answer->body, answer->length);
    if (batch_queue_put(response->door->answers, &response, 0) == TC_OK)
        return;
    LOG_WARNING("order.answer_lost", F_STR("door", "mqtt"), F_STR("error", "busy"));
    free_response(response);
}

enum tc_error message_door_open(const char *topic_root, struct funnel *funnel, struct message_door **door,
                                struct tc_fault *fault)
{
    struct message_door *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL && strlen(topic_root) <= TOPIC_ROOT_MAX);
    memcpy(made->root, topic_root, strlen(topic_root) + 1);
    made->funnel = funnel;
    TC_CHECK(pthread_mutex_init(&made->mutex, NULL) == 0);
    condition_open(&made->broker_known);
    made->answers = batch_queue_open(sizeof(struct response *), ANSWERS_LIMIT);
    enum tc_error error = worker_start(&(struct worker_config){.name = "answer",
                                                               .queue = made->answers,
                                                               .threads = 1,
                                                               .item_size = sizeof(struct response *),
                                                               .batch_limit = 1,
                                                               .period_ms = -1,
                                                               .handle = publish,
                                                               .context = made},
                                       &made->worker, fault);
    if (error != TC_OK) {
        message_door_close(made);
        return error;
    }
    *door = made;
    return TC_OK;
}

void message_door_use_broker(struct message_door *door, struct broker *broker)
{
    (void)pthread_mutex_lock(&door->mutex);
    door->broker = broker;
    (void)pthread_cond_broadcast(&door->broker_known);
    (void)pthread_mutex_unlock(&door->mutex);
}

static void refuse(const char *reason)
{
    metric_add(METRIC_ORDERS_REFUSED, 1);
    LOG_WARNING("order.refused", F_STR("door", "mqtt"), F_STR("reason", reason));
}

static struct response *make_response(struct message_door *door, const struct broker_message *message)
{
    TC_CHECK(message->correlation_length <= BROKER_CORRELATION_MAX);
    size_t size = strlen(message->response_topic) + 1;
    struct response *response = calloc(1, sizeof *response + size);
    TC_CHECK(response != NULL);
    response->door = door;
    memcpy(response->topic, message->response_topic, size);
    if (message->correlation_length > 0)
        memcpy(response->correlation, message->correlation, message->correlation_length);
    response->correlation_length = message->correlation_length;
    return response;
}

void message_door_take(struct message_door *door, const struct broker_message *message)
{
    char author[TC_ID_SIZE];
    const char *topic = message->response_topic;
    bool own_topic = message->topic.kind == TOPIC_SUBMIT_AS;
    if (door->stopped) {
        refuse("stopping");
    } else if (message->retained) {
        refuse("retained: an order is given once");
    } else if (topic == NULL || !topic_parse_response(door->root, topic, strlen(topic), author)) {
        refuse("no response topic of an operator");
    } else if (own_topic && strcmp(author, message->topic.user) != 0) {
        refuse("the response topic of another operator");
    } else {
        struct buffer document = {0};
        buffer_put(&document, message->payload, message->length);
        struct submission submission = {.door = DOOR_MQTT,
                                        .author = author,
                                        .author_is_claimed = !own_topic,
                                        .document = document.bytes,
                                        .length = document.length,
                                        .answered = answered,
                                        .context = make_response(door, message)};
        funnel_submit(door->funnel, &submission, ROOM_WAIT_MS);
    }
}

void message_door_stop(struct message_door *door)
{
    (void)pthread_mutex_lock(&door->mutex);
    door->stopped = true;
    (void)pthread_cond_broadcast(&door->broker_known);
    (void)pthread_mutex_unlock(&door->mutex);
    worker_stop(door->worker);
    door->worker = NULL;
}

void message_door_close(struct message_door *door)
{
    if (door == NULL)
        return;
    TC_CHECK(door->worker == NULL);
    batch_queue_free(door->answers);
    (void)pthread_cond_destroy(&door->broker_known);
    (void)pthread_mutex_destroy(&door->mutex);
    free(door);
}
