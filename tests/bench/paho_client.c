#include "tests/bench/paho_client.h"

#include <MQTTAsync.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { IN_FLIGHT_MOST = 60000, KEEP_ALIVE_S = 60, ANSWER_WAIT_S = 30, LEAVE_MS = 10000 };

struct paho_client {
    MQTTAsync handle;
    paho_receive *receive;
    void *context;
    sem_t answered; /* a request of this file */
    int reason;     /* of that answer; MQTTASYNC_SUCCESS or a failure */
    atomic_size_t unacknowledged;
};

static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    (void)topic_length;
    const struct paho_client *client = context;
    client->receive(client->context, topic, message->payload, (size_t)message->payloadlen);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void on_done(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    struct paho_client *client = context;
    client->reason = MQTTASYNC_SUCCESS;
    (void)sem_post(&client->answered);
}

static void on_refused(void *context, MQTTAsync_failureData5 *response)
{
    struct paho_client *client = context;
    client->reason = response->code == MQTTASYNC_SUCCESS ? MQTTASYNC_FAILURE : response->code;
    (void)sem_post(&client->answered);
}

static void on_acknowledged(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    struct paho_client *client = context;
    atomic_fetch_sub(&client->unacknowledged, 1);
}

static void on_not_acknowledged(void *context, MQTTAsync_failureData5 *response)
{
    (void)response;
    struct paho_client *client = context;
    atomic_fetch_sub(&client->unacknowledged, 1);
}

/* Returns paho's answer to a request that it accepted with `rc`. */
static enum tc_error wait_for_answer(struct paho_client *client, const char *what, int rc, struct tc_fault *fault)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += ANSWER_WAIT_S;
    if (rc == MQTTASYNC_SUCCESS && sem_timedwait(&client->answered, &deadline) != 0)
        return tc_fault_set(fault, TC_TIMEOUT, "%s: no answer in %d s", what, ANSWER_WAIT_S);
    if (rc == MQTTASYNC_SUCCESS)
        rc = client->reason;
    return rc == MQTTASYNC_SUCCESS ? TC_OK
                                   : tc_fault_set(fault, TC_UNAVAILABLE, "%s: %s", what, MQTTAsync_strerror(rc));
}

static enum tc_error connect_to(struct paho_client *client, const char *uri, const char *name, struct tc_fault *fault)
{
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    create.maxBufferedMessages = IN_FLIGHT_MOST;
    int rc = MQTTAsync_createWithOptions(&client->handle, uri, name, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
    if (rc == MQTTASYNC_SUCCESS)
        rc = MQTTAsync_setCallbacks(client->handle, client, NULL, on_message, NULL);
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    options.keepAliveInterval = KEEP_ALIVE_S;
    options.maxInflight = IN_FLIGHT_MOST;
    options.username = name;
    options.cleanstart = 1;
    options.onSuccess5 = on_done;
    options.onFailure5 = on_refused;
    options.context = client;
    if (rc == MQTTASYNC_SUCCESS)
        rc = MQTTAsync_connect(client->handle, &options);
    return wait_for_answer(client, uri, rc, fault);
}

enum tc_error paho_client_open(const char *uri, const char *name, paho_receive *receive, void *context,
                               struct paho_client **client, struct tc_fault *fault)
{
    struct paho_client *fresh = calloc(1, sizeof *fresh);
    TC_CHECK(fresh != NULL && sem_init(&fresh->answered, 0, 0) == 0);
    fresh->receive = receive;
    fresh->context = context;
    enum tc_error error = connect_to(fresh, uri, name, fault);
    if (error != TC_OK) {
        paho_client_close(fresh);
        fresh = NULL;
    }
    *client = fresh;
    return error;
}

void paho_client_close(struct paho_client *client)
{
    if (client == NULL)
        return;
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    options.timeout = LEAVE_MS;
    options.onSuccess5 = on_done;
    options.onFailure5 = on_refused;
    options.context = client;
    if (client->handle != NULL && MQTTAsync_isConnected(client->handle))
        (void)wait_for_answer(client, "disconnect", MQTTAsync_disconnect(client->handle, &options), NULL);
    MQTTAsync_destroy(&client->handle);
    (void)sem_destroy(&client->answered);
    free(client);
}

enum tc_error paho_client_subscribe(struct paho_client *client, const char *filter, int qos, struct tc_fault *fault)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.onSuccess5 = on_done;
    options.onFailure5 = on_refused;
    options.context = client;
    return wait_for_answer(client, filter, MQTTAsync_subscribe(client->handle, filter, qos, &options), fault);
}

bool paho_client_publish(struct paho_client *client, const char *topic, const struct buffer *payload, int qos,
                         bool is_retained)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    if (qos > 0) {
        atomic_fetch_add(&client->unacknowledged, 1);
        options.onSuccess5 = on_acknowledged;
        options.onFailure5 = on_not_acknowledged;
        options.context = client;
    }
    int rc =
        MQTTAsync_send(client->handle, topic, (int)payload->length, buffer_text(payload), qos, is_retained, &options);
    if (rc != MQTTASYNC_SUCCESS && qos > 0)
        atomic_fetch_sub(&client->unacknowledged, 1);
    return rc == MQTTASYNC_SUCCESS;
}

size_t paho_client_unacknowledged(struct paho_client *client)
{
    return atomic_load(&client->unacknowledged);
}

double paho_client_cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}
