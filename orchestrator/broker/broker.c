#include "orchestrator/broker/broker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/broker/client_name.h"
#include "orchestrator/broker/receiver.h"
#include "orchestrator/broker/sender.h"
#include "orchestrator/broker/server_address.h"
#include "orchestrator/metrics/metrics.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_MS = 10000,
    FIRST_PAUSE_MS = 500,
    LONGEST_PAUSE_MS = 15000,
    RENEWAL_WAIT_MS = 2000,
    REFUSAL_SHOWN_MS = 15000,
    REASON_SIZE = TC_FAULT_TEXT_SIZE,
    HOST_TEXT_SIZE = HOSTS_MAX * HOST_SIZE,
};

/* Two connections, made and ended together: one thread makes both and then reads. */
struct broker {
    struct broker_config config;
    struct sender *sender;
    struct receiver *receiver;
    int interrupt_fd; /* readable: the thread must check for a change */
    pthread_t thread;
    struct server_address address; /* of the thread alone */

    pthread_mutex_t lock;
    bool stopping;
    bool connected;
    bool renewing;            /* the connection ends because its certificates were replaced */
    char reason[REASON_SIZE]; /* of not being connected */
    int close_wait_ms;
};

static void interrupt(struct broker *broker)
{
    uint64_t one = 1;
    ssize_t written = write(broker->interrupt_fd, &one, sizeof one);
    (void)written; /* fails only when it is readable already */
}

static void on_sender_lost(void *context)
{
    interrupt(context);
}

static bool is_stopping(struct broker *broker)
{
    (void)pthread_mutex_lock(&broker->lock);
    bool stopping = broker->stopping;
    (void)pthread_mutex_unlock(&broker->lock);
    return stopping;
}

static bool is_renewing(struct broker *broker)
{
    (void)pthread_mutex_lock(&broker->lock);
    bool renewing = broker->renewing;
    (void)pthread_mutex_unlock(&broker->lock);
    return renewing;
}

/* A new connection reads the new files in any case. */
static void forget_renewal(struct broker *broker)
{
    (void)pthread_mutex_lock(&broker->lock);
    broker->renewing = false;
    (void)pthread_mutex_unlock(&broker->lock);
}

/* ---- the thread ---- */

/* Checks that the access list lets this user publish: only the acknowledgment of a message shows that. */
static enum tc_error check_publishing(struct broker *broker, struct tc_fault *fault)
{
    struct topic topic = {.kind = TOPIC_CONFIRM, .device = BROKER_PROBE_DEVICE};
    struct broker_batch batch = {0};
    char reason[REASON_SIZE];
    enum tc_error error = broker_publish(broker, &topic, "", 0, 1, false, &batch);
    if (error == TC_OK)
        error = sender_batch_wait(broker->sender, &batch, CONNECT_TIMEOUT_MS);
    if (error == TC_OK)
        return TC_OK;
    if (sender_refused_ms(broker->sender, reason, sizeof reason) == 0)
        return tc_fault_set(fault, error, "no acknowledgment of a message");
    const char *user = broker->config.user == NULL ? "" : broker->config.user;
    return tc_fault_set(fault, TC_DENIED,
                        "the user \"%s\" may not publish: %s; the broker's access list must have it as --orchestrator",
                        user, reason);
}

/* Both connections go to the same address. */
static enum tc_error connect_both(struct broker *broker, struct tc_fault *fault)
{
    const char *host;
    enum tc_error error = server_address_find(&broker->address, &broker->config, broker->interrupt_fd, &host, fault);
    if (error != TC_OK)
        return error;
    error = sender_connect(broker->sender, host, CONNECT_TIMEOUT_MS, fault);
    server_address_use(&broker->address, host);
    if (error == TC_OK)
        error = receiver_connect(broker->receiver, host, CONNECT_TIMEOUT_MS, fault);
    if (error == TC_OK)
        error = check_publishing(broker, fault);
    if (error != TC_OK)
        server_address_failed(&broker->address);
    return error;
}

/* The host of the connection; all of them when none answers. */
static void describe_host(const struct broker *broker, char text[static HOST_TEXT_SIZE])
{
    const struct host_list *hosts = &broker->config.hosts;
    if (broker->address.found.text[0] == '\0')
        host_list_describe(hosts, text, HOST_TEXT_SIZE);
    else
        (void)snprintf(text, HOST_TEXT_SIZE, "%s", hosts->names[broker->address.found.host]);
}

static void set_connected(struct broker *broker, bool connected, const char *reason)
{
    (void)pthread_mutex_lock(&broker->lock);
    enum log_level level = broker->renewing ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
    bool changed = broker->connected != connected;
    bool logs = changed || strcmp(broker->reason, reason) != 0;
    broker->connected = connected;
    (void)snprintf(broker->reason, sizeof broker->reason, "%s", reason);
    (void)pthread_mutex_unlock(&broker->lock);

    metric_set(METRIC_BROKER_CONNECTED, connected);
    char host[HOST_TEXT_SIZE];
    describe_host(broker, host);
    if (connected) {
        metric_add(METRIC_BROKER_CONNECTS, 1);
        LOG_INFO("broker.connected", F_STR("host", host), F_INT("port", broker->config.port),
                 F_STR("address", broker->address.found.text));
    } else if (logs) {
        LOG_EVENT(level, "broker.lost", F_STR("host", host), F_INT("port", broker->config.port),
                  F_STR("reason", reason));
    }
    if (changed && broker->config.connection_changed != NULL)
        broker->config.connection_changed(broker->config.context, connected);
}

/* Reads until the connection is lost or interrupted; `fault` has the reason. */
static void run_connection(struct broker *broker, struct tc_fault *fault)
{
    enum tc_error error = receiver_run(broker->receiver, fault);
    if (error != TC_OK)
        return;
    (void)tc_fault_set(fault, TC_UNAVAILABLE, is_renewing(broker) ? "its certificates were replaced" : "reconnecting");
    if (!sender_is_connected(broker->sender))
        sender_describe(broker->sender, fault->text, sizeof fault->text);
}

static void disconnect_both(struct broker *broker)
{
    (void)pthread_mutex_lock(&broker->lock);
    int wait_ms = broker->stopping ? broker->close_wait_ms : broker->renewing ? RENEWAL_WAIT_MS : 0;
    broker->renewing = false;
    (void)pthread_mutex_unlock(&broker->lock);
    receiver_disconnect(broker->receiver);
    sender_disconnect(broker->sender, wait_ms);
}

/* Waits between half of `pause_ms` and all of it, so that orchestrators do not reconnect all at once. */
static void pause_for(struct broker *broker, int pause_ms)
{
    unsigned random = (unsigned)clock_now_ms() * 2654435761u ^ (unsigned)getpid();
    int wait_ms = pause_ms / 2 + (int)(random % ((unsigned)pause_ms / 2));
    struct pollfd interrupted = {.fd = broker->interrupt_fd, .events = POLLIN};
    (void)poll(&interrupted, 1, wait_ms);
}

static void clear_interrupt(struct broker *broker)
{
    uint64_t count;
    ssize_t got = read(broker->interrupt_fd, &count, sizeof count);
    (void)got; /* fails only when there was none */
}

static void *run_broker(void *argument)
{
    struct broker *broker = argument;
    int pause_ms = FIRST_PAUSE_MS;
    while (!is_stopping(broker)) {
        struct tc_fault fault = {.code = TC_OK};
        clear_interrupt(broker);
        forget_renewal(broker);
        if (connect_both(broker, &fault) == TC_OK) {
            pause_ms = FIRST_PAUSE_MS;
            set_connected(broker, true, "");
            run_connection(broker, &fault);
        }
        if (!is_stopping(broker))
            set_connected(broker, false, fault.text);
        bool is_at_once = is_renewing(broker);
        disconnect_both(broker);
        clear_interrupt(broker);
        if (is_stopping(broker))
            break;
        if (is_at_once)
            continue;
        pause_for(broker, pause_ms);
        pause_ms = pause_ms * 2 < LONGEST_PAUSE_MS ? pause_ms * 2 : LONGEST_PAUSE_MS;
    }
    return NULL;
}

/* ---- opening and closing ---- */

static char *copy_text(const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);
    TC_CHECK(text == NULL || copy != NULL);
    return copy;
}

static void copy_config(struct broker_config *copy, const struct broker_config *config)
{
    *copy = *config;
    char name[CLIENT_NAME_SIZE];
    client_name_make(config->certificate_file, config->client_digits, config->client_id, name);
    copy->client_digits = NULL; /* it is in the name */
    copy->client_id = copy_text(name);
    copy->user = copy_text(config->user);
    copy->password = copy_text(config->password);
    copy->ca_file = copy_text(config->ca_file);
    copy->certificate_file = copy_text(config->certificate_file);
    copy->key_file = copy_text(config->key_file);
    copy->topic_root = copy_text(config->topic_root);
    copy->share_name = copy_text(config->share_name);
    struct broker_subscription *subscriptions = calloc(config->subscription_count + 1, sizeof *subscriptions);
    TC_CHECK(subscriptions != NULL);
    if (config->subscription_count > 0)
        memcpy(subscriptions, config->subscriptions, config->subscription_count * sizeof *subscriptions);
    copy->subscriptions = subscriptions;
}

static void free_config(struct broker_config *config)
{
    const char *const texts[] = {config->client_id,        config->user,     config->password,   config->ca_file,
                                 config->certificate_file, config->key_file, config->topic_root, config->share_name};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((void *)(uintptr_t)texts[i]);
    free((void *)(uintptr_t)config->subscriptions);
}

static void free_broker(struct broker *broker)
{
    receiver_free(broker->receiver);
    sender_free(broker->sender);
    (void)close(broker->interrupt_fd);
    (void)pthread_mutex_destroy(&broker->lock);
    free_config(&broker->config);
    free(broker);
}

enum tc_error broker_open(const struct broker_config *config, struct broker **broker, struct tc_fault *fault)
{
    TC_CHECK(config->hosts.count > 0 && config->in_flight_limit > 0 && config->received != NULL);
    struct broker *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    copy_config(&made->config, config);
    made->interrupt_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    TC_CHECK(made->interrupt_fd >= 0);
    TC_CHECK(pthread_mutex_init(&made->lock, NULL) == 0);
    (void)snprintf(made->reason, sizeof made->reason, "connecting");
    made->sender = sender_open(&made->config, on_sender_lost, made);
    made->receiver = receiver_open(&made->config, made->interrupt_fd);
    enum tc_error error = thread_start(&made->thread, "broker", run_broker, made, fault);
    if (error != TC_OK) {
        free_broker(made);
        return error;
    }
    *broker = made;
    return TC_OK;
}

void broker_close(struct broker *broker, int wait_ms)
{
    if (broker == NULL)
        return;
    (void)pthread_mutex_lock(&broker->lock);
    broker->stopping = true;
    broker->close_wait_ms = wait_ms;
    (void)pthread_mutex_unlock(&broker->lock);
    sender_interrupt(broker->sender);
    interrupt(broker);
    (void)pthread_join(broker->thread, NULL);
    free_broker(broker);
}

void broker_renew(struct broker *broker)
{
    (void)pthread_mutex_lock(&broker->lock);
    broker->renewing = true;
    (void)pthread_mutex_unlock(&broker->lock);
    interrupt(broker);
}

void broker_reconnect(struct broker *broker)
{
    interrupt(broker);
}

bool broker_is_connected(struct broker *broker)
{
    (void)pthread_mutex_lock(&broker->lock);
    bool connected = broker->connected;
    (void)pthread_mutex_unlock(&broker->lock);
    return connected && sender_is_connected(broker->sender);
}

void broker_describe(struct broker *broker, char *text, size_t size)
{
    char refusal[REASON_SIZE];
    bool connected = broker_is_connected(broker);
    int64_t refused_ms = sender_refused_ms(broker->sender, refusal, sizeof refusal);
    bool is_refused = refused_ms != 0 && clock_monotonic_ms() - refused_ms < REFUSAL_SHOWN_MS;
    (void)pthread_mutex_lock(&broker->lock);
    if (!connected)
        (void)snprintf(text, size, "%s", broker->reason[0] == '\0' ? "connection lost" : broker->reason);
    else
        (void)snprintf(text, size, "%s%s", is_refused ? "publishing is refused: " : "", is_refused ? refusal : "");
    (void)pthread_mutex_unlock(&broker->lock);
}

/* ---- publishing ---- */

size_t broker_payload_max(struct broker *broker, const struct topic *topic)
{
    char name[TOPIC_SIZE];
    topic_format(broker->config.topic_root, topic, name);
    return sender_payload_max(broker->sender, name);
}

enum tc_error broker_publish(struct broker *broker, const struct topic *topic, const void *payload, size_t length,
                             int qos, bool retained, struct broker_batch *batch)
{
    char name[TOPIC_SIZE];
    topic_format(broker->config.topic_root, topic, name);
    struct outgoing message = {.topic = name, .payload = payload, .length = length, .qos = qos, .retained = retained};
    return sender_publish(broker->sender, &message, batch);
}

enum tc_error broker_respond(struct broker *broker, const char *response_topic, const void *correlation,
                             size_t correlation_length, const void *payload, size_t length)
{
    struct outgoing message = {.topic = response_topic,
                               .payload = payload,
                               .length = length,
                               .qos = 1,
                               .is_answer = true,
                               .correlation = correlation,
                               .correlation_length = correlation_length};
    return sender_publish(broker->sender, &message, NULL);
}

enum tc_error broker_batch_wait(struct broker *broker, struct broker_batch *batch, int wait_ms)
{
    return sender_batch_wait(broker->sender, batch, wait_ms);
}
