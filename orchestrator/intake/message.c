#include "orchestrator/intake/message.h"

#include "base/condition.h"
#include "base/log.h"
#include "orchestrator/intake/submitter.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/recorder/recorder.h"
#include "orchestrator/worker/worker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWERS_LIMIT = 1000 };

/* How long the receiver's thread, and with it every message of a device, waits for space in the planner's queue. A plan
 * that finds none is not lost: its sender gets 503 and sends it again. */
enum { QUEUE_WAIT_MS = 2000 };

/* An answer and where to publish it. */
struct response {
    struct message_endpoint *endpoint;
    size_t correlation_length;
    unsigned char correlation[BROKER_CORRELATION_MAX];
    struct buffer body;
    char topic[]; /* with its NUL */
};

struct message_endpoint {
    char root[TOPIC_ROOT_MAX + 1];
    struct submission_gateway *gateway;
    struct people *people;
    struct recorder *recorder;
    bool has_guard, insecure_loopback;
    struct batch_queue *answers; /* of struct response * */
    struct worker *worker;       /* publishes, since the threads of the planner and of paho must not wait */
    pthread_mutex_t mutex;
    pthread_cond_t broker_set;
    struct broker *broker;
    atomic_bool stopped;
};

static void free_response(struct response *response)
{
    buffer_free(&response->body);
    free(response);
}

/* Returns the broker; NULL when the endpoint stops before the broker is set. */
static struct broker *wait_for_broker(struct message_endpoint *endpoint)
{
    (void)pthread_mutex_lock(&endpoint->mutex);
    while (endpoint->broker == NULL && !endpoint->stopped)
        (void)condition_wait(&endpoint->broker_set, &endpoint->mutex, CONDITION_FOREVER);
    struct broker *broker = endpoint->broker;
    (void)pthread_mutex_unlock(&endpoint->mutex);
    return broker;
}

static void publish(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state;
    struct message_endpoint *endpoint = context;
    struct response **responses = items;
    struct broker *broker = count == 0 ? NULL : wait_for_broker(endpoint);
    for (size_t i = 0; i < count; i++) {
        struct response *response = responses[i];
        enum tc_error error =
            broker == NULL ? TC_UNAVAILABLE
                           : broker_respond(broker, response->topic, response->correlation,
                                            response->correlation_length, response->body.bytes, response->body.length);
        if (error != TC_OK)
            LOG_LIMITED(LOG_LEVEL_WARNING, "", "order.answer_lost", F_STR("door", "mqtt"),
                        F_STR("error", tc_error_name(error)));
        free_response(response);
    }
}

/* On any thread. */
static void answered(void *context, const struct submission_answer *answer)
{
    struct response *response = context;
    buffer_put(&response->body, answer->body, answer->length);
    if (batch_queue_put(response->endpoint->answers, &response, 0) == TC_OK)
        return;
    LOG_LIMITED(LOG_LEVEL_WARNING, "", "order.answer_lost", F_STR("door", "mqtt"), F_STR("error", "busy"));
    free_response(response);
}

enum tc_error message_endpoint_open(const struct message_endpoint_config *config, struct message_endpoint **endpoint,
                                    struct tc_fault *fault)
{
    struct message_endpoint *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL && strlen(config->topic_root) <= TOPIC_ROOT_MAX);
    memcpy(made->root, config->topic_root, strlen(config->topic_root) + 1);
    made->gateway = config->gateway;
    made->people = config->people;
    made->recorder = config->recorder;
    made->has_guard = config->has_guard;
    made->insecure_loopback = config->insecure_loopback;
    TC_CHECK(pthread_mutex_init(&made->mutex, NULL) == 0);
    condition_open(&made->broker_set);
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
        message_endpoint_close(made);
        return error;
    }
    *endpoint = made;
    return TC_OK;
}

void message_endpoint_use_broker(struct message_endpoint *endpoint, struct broker *broker)
{
    (void)pthread_mutex_lock(&endpoint->mutex);
    endpoint->broker = broker;
    (void)pthread_cond_broadcast(&endpoint->broker_set);
    (void)pthread_mutex_unlock(&endpoint->mutex);
}

static void refuse(struct message_endpoint *endpoint, const char *user, const char *reason)
{
    recorder_refuse_unknown(endpoint->recorder, "mqtt", "", user, access_operation_name(ACCESS_SUBMIT), reason);
    metric_add(METRIC_ORDERS_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, "", "order.refused", F_STR("door", "mqtt"), F_STR("reason", reason));
}

static struct response *make_response(struct message_endpoint *endpoint, const struct broker_message *message)
{
    TC_CHECK(message->correlation_length <= BROKER_CORRELATION_MAX);
    size_t size = strlen(message->response_topic) + 1;
    struct response *response = calloc(1, sizeof *response + size);
    TC_CHECK(response != NULL);
    response->endpoint = endpoint;
    memcpy(response->topic, message->response_topic, size);
    if (message->correlation_length > 0)
        memcpy(response->correlation, message->correlation, message->correlation_length);
    response->correlation_length = message->correlation_length;
    return response;
}

static bool may_be_loopback(const struct message_endpoint *endpoint)
{
    return endpoint->insecure_loopback && !endpoint->has_guard;
}

/* Submits a plan of the user `name`; "": nothing proves whose it is. */
static void submit(struct message_endpoint *endpoint, const struct broker_message *message, const char *name)
{
    struct subject subject = {0};
    struct access_scope scope = {.patterns = ""};
    struct act act;
    struct tc_fault fault;
    const struct submitter submitter = {.kind = endpoint->has_guard ? ALIAS_CERTIFICATE : ALIAS_MQTT_USER,
                                        .name = name,
                                        .may_be_loopback = may_be_loopback(endpoint),
                                        .endpoint = "mqtt"};
    enum tc_error error =
        submitter_check(endpoint->people, endpoint->recorder, &submitter, &subject, &scope, &act, &fault);
    if (error != TC_OK) {
        submission_gateway_refuse(submitter_status(error), fault.text, answered, make_response(endpoint, message));
        return;
    }
    struct buffer document = {0};
    buffer_put(&document, message->payload, message->length);
    struct submission_request submission_request = {.endpoint = ENDPOINT_MQTT,
                                                    .author = subject.name,
                                                    .scope = &scope,
                                                    .act = &act,
                                                    .document = document.bytes,
                                                    .length = document.length,
                                                    .answered = answered,
                                                    .context = make_response(endpoint, message)};
    submission_gateway_submit(endpoint->gateway, &submission_request, QUEUE_WAIT_MS);
}

void message_endpoint_take(struct message_endpoint *endpoint, const struct broker_message *message)
{
    char user[TC_ID_SIZE];
    const char *topic = message->response_topic;
    bool own_topic = message->topic.kind == TOPIC_SUBMIT_AS;
    if (endpoint->stopped) {
        refuse(endpoint, "", "stopping");
    } else if (message->retained) {
        refuse(endpoint, "", "retained message");
    } else if (topic == NULL || !topic_parse_response(endpoint->root, topic, strlen(topic), user)) {
        refuse(endpoint, "", "no response topic of an operator");
    } else if (own_topic && strcmp(user, message->topic.user) != 0) {
        refuse(endpoint, message->topic.user, "response topic of another operator");
    } else if (!own_topic && !may_be_loopback(endpoint)) { /* an answer would reach whom the sender chose */
        refuse(endpoint, "", "the topic proves no sender: submit at operator/USER/submit below the topic root");
    } else {
        submit(endpoint, message, own_topic ? user : "");
    }
}

void message_endpoint_stop(struct message_endpoint *endpoint)
{
    (void)pthread_mutex_lock(&endpoint->mutex);
    endpoint->stopped = true;
    (void)pthread_cond_broadcast(&endpoint->broker_set);
    (void)pthread_mutex_unlock(&endpoint->mutex);
    worker_stop(endpoint->worker);
    endpoint->worker = NULL;
}

void message_endpoint_close(struct message_endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    TC_CHECK(endpoint->worker == NULL);
    batch_queue_free(endpoint->answers);
    (void)pthread_cond_destroy(&endpoint->broker_set);
    (void)pthread_mutex_destroy(&endpoint->mutex);
    free(endpoint);
}
