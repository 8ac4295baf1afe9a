#include "clients/ctl/endpoints/submit.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/condition.h"
#include "base/file.h"
#include "base/id.h"
#include "topics/packet.h"
#include "topics/topic.h"

#include <MQTTAsync.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_S = 10,
    DISCONNECT_TIMEOUT_MS = 1000,
    PASSWORD_FILE_MAX = 4096,
    PROPERTY_HEADS_SIZE = 2 * 3, /* for the response topic and the correlation data */
    TAG_SIZE = 17,               /* 16 random hex digits: the correlation data */
};

/* One request and its answer, shared by paho's threads and the caller. */
struct request {
    const struct submit_broker *broker;
    const struct submit_plan *plan;
    MQTTAsync client;
    char tag[TAG_SIZE];
    char submit_topic[TOPIC_SIZE], response_topic[TOPIC_SIZE];
    char *password;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool ended; /* with an answer or a fault */
    enum tc_error error;
    struct tc_fault fault;
    struct buffer answer;
};

static void end_with_fault(struct request *request, enum tc_error code, const char *what, const char *why)
{
    (void)pthread_mutex_lock(&request->mutex);
    if (!request->ended) {
        request->error = tc_fault_set(&request->fault, code, "broker %s: %s: %s", request->broker->address, what, why);
        request->ended = true;
    }
    (void)pthread_cond_signal(&request->changed);
    (void)pthread_mutex_unlock(&request->mutex);
}

static enum tc_error error_of(enum MQTTReasonCodes code)
{
    switch (code) {
    case MQTTREASONCODE_BAD_USER_NAME_OR_PASSWORD:
    case MQTTREASONCODE_NOT_AUTHORIZED:
    case MQTTREASONCODE_BANNED: return TC_DENIED;
    case MQTTREASONCODE_PACKET_TOO_LARGE: return TC_TOO_LARGE;
    default: return TC_UNAVAILABLE;
    }
}

static void end_with_reason(struct request *request, const char *what, enum MQTTReasonCodes code, const char *message)
{
    const char *name = code >= MQTTREASONCODE_UNSPECIFIED_ERROR ? MQTTReasonCode_toString(code) : NULL;
    if (name == NULL)
        name = message != NULL ? message : "unreachable";
    end_with_fault(request, error_of(code), what, name);
}

static void connect_failed(void *context, MQTTAsync_failureData5 *data)
{
    end_with_reason(context, "connect", data->reasonCode, data->message);
}

static void subscribe_failed(void *context, MQTTAsync_failureData5 *data)
{
    end_with_reason(context, "subscribe to the response topic", data->reasonCode, data->message);
}

static void publish_failed(void *context, MQTTAsync_failureData5 *data)
{
    end_with_reason(context, "submit the plan", data->reasonCode, data->message);
}

static void connection_lost(void *context, char *cause)
{
    end_with_fault(context, TC_UNAVAILABLE, "connection", cause != NULL ? cause : "lost");
}

static void add_property(MQTTProperties *properties, enum MQTTPropertyCodes code, const char *text)
{
    MQTTProperty property = {.identifier = code};
    property.value.data.data = (char *)(uintptr_t)text;
    property.value.data.len = (int)strlen(text);
    TC_CHECK(MQTTProperties_add(properties, &property) == 0);
}

static void subscribed(void *context, MQTTAsync_successData5 *data)
{
    struct request *request = context;
    if (data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
        end_with_reason(request, "subscribe to the response topic", data->reasonCode, NULL);
        return;
    }
    MQTTAsync_message message = MQTTAsync_message_initializer;
    message.payload = (void *)(uintptr_t)request->plan->bytes;
    message.payloadlen = (int)request->plan->length;
    message.qos = 1;
    add_property(&message.properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC, request->response_topic);
    add_property(&message.properties, MQTTPROPERTY_CODE_CORRELATION_DATA, request->tag);
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.onFailure5 = publish_failed;
    options.context = request;
    int code = MQTTAsync_sendMessage(request->client, request->submit_topic, &message, &options);
    if (code != MQTTASYNC_SUCCESS)
        end_with_fault(request, TC_UNAVAILABLE, "submit the plan", MQTTAsync_strerror(code));
    MQTTProperties_free(&message.properties);
}

/* Returns false, and ends the request, when the plan's packet is larger than the broker's announced maximum. */
static bool accepts_size(struct request *request, MQTTProperties *announced)
{
    if (MQTTProperties_hasProperty(announced, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE) == 0)
        return true;
    size_t most = (size_t)MQTTProperties_getNumericValue(announced, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE);
    size_t properties = PROPERTY_HEADS_SIZE + strlen(request->response_topic) + strlen(request->tag);
    size_t size = packet_publish_size(request->submit_topic, request->plan->length, 1, properties);
    if (size <= most)
        return true;
    char why[128];
    (void)snprintf(why, sizeof why, "the maximum packet size is %zu bytes; the plan's packet has %zu", most, size);
    end_with_fault(request, TC_TOO_LARGE, "submit the plan", why);
    return false;
}

static void connected(void *context, MQTTAsync_successData5 *data)
{
    struct request *request = context;
    if (!accepts_size(request, &data->properties))
        return;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.onSuccess5 = subscribed;
    options.onFailure5 = subscribe_failed;
    options.context = request;
    int code = MQTTAsync_subscribe(request->client, request->response_topic, 1, &options);
    if (code != MQTTASYNC_SUCCESS)
        end_with_fault(request, TC_UNAVAILABLE, "subscribe to the response topic", MQTTAsync_strerror(code));
}

static bool is_answer(const struct request *request, MQTTAsync_message *message)
{
    const MQTTProperty *tag = MQTTProperties_getProperty(&message->properties, MQTTPROPERTY_CODE_CORRELATION_DATA);
    return tag != NULL && (size_t)tag->value.data.len == strlen(request->tag) &&
           memcmp(tag->value.data.data, request->tag, strlen(request->tag)) == 0;
}

static int arrived(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    (void)topic_length;
    struct request *request = context;
    (void)pthread_mutex_lock(&request->mutex);
    if (!request->ended && is_answer(request, message)) {
        buffer_put(&request->answer, message->payload, (size_t)message->payloadlen);
        request->ended = true;
        (void)pthread_cond_signal(&request->changed);
    }
    (void)pthread_mutex_unlock(&request->mutex);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static enum tc_error read_password(const char *path, char **password, struct tc_fault *fault)
{
    struct buffer content = {0};
    enum tc_error error = file_read_secret(path, PASSWORD_FILE_MAX, &content, fault);
    if (error != TC_OK)
        return tc_fault_context(fault, "password file");
    *password = strdup(buffer_text(&content));
    TC_CHECK(*password != NULL);
    sodium_memzero(content.bytes, content.capacity);
    buffer_free(&content);
    return TC_OK;
}

/* Returns "bank:8883" of "mqtts://bank:8883" and sets `tls`. */
static const char *skip_scheme(const char *address, bool *tls)
{
    static const char plain[] = "mqtt://", secure[] = "mqtts://";
    *tls = strncmp(address, secure, strlen(secure)) == 0;
    if (*tls)
        return address + strlen(secure);
    return strncmp(address, plain, strlen(plain)) == 0 ? address + strlen(plain) : address;
}

static enum tc_error check_way(const struct submit_broker *broker, struct tc_fault *fault)
{
    bool tls;
    char host[256];
    const char *address = skip_scheme(broker->address, &tls);
    size_t length = *address == '[' ? strcspn(address, "]") + 1 : strcspn(address, ":");
    (void)snprintf(host, sizeof host, "%.*s", (int)length, address);
    if (tls || broker->password_file == NULL || address_host_is_loopback(host))
        return TC_OK;
    return tc_fault_set(fault, TC_DENIED,
                        "broker %s: the password is not sent, since everybody on the way could read it; allowed: "
                        "mqtts://, or mqtt:// to a broker on loopback",
                        broker->address);
}

static int start(struct request *request)
{
    struct buffer uri = {0};
    bool tls;
    char client_id[TC_ID_SIZE + 2 * TAG_SIZE];
    const char *address = skip_scheme(request->broker->address, &tls);
    buffer_format(&uri, "%s://%s", tls ? "ssl" : "tcp", address);
    /* With a certificate the broker's guard takes only a client ID that is its own. */
    bool has_certificate = request->broker->certificate_file != NULL;
    (void)snprintf(client_id, sizeof client_id, has_certificate ? "%s%.64s/%s" : "%s%.32s-%s",
                   has_certificate ? "" : "tellercast-", request->broker->user, request->tag);
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    int code = MQTTAsync_createWithOptions(&request->client, buffer_text(&uri), client_id, MQTTCLIENT_PERSISTENCE_NONE,
                                           NULL, &create);
    buffer_free(&uri);
    if (code != MQTTASYNC_SUCCESS)
        return code;
    (void)MQTTAsync_setCallbacks(request->client, request, connection_lost, arrived, NULL);

    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_SSLOptions secure = MQTTAsync_SSLOptions_initializer;
    secure.trustStore = request->broker->ca_file;
    secure.keyStore = request->broker->certificate_file;
    secure.privateKey = request->broker->key_file;
    secure.verify = 1;
    secure.enableServerCertAuth = 1;
    options.ssl = tls ? &secure : NULL;
    options.username = request->broker->user;
    options.password = request->password;
    options.connectTimeout = CONNECT_TIMEOUT_S;
    options.onSuccess5 = connected;
    options.onFailure5 = connect_failed;
    options.context = request;
    return MQTTAsync_connect(request->client, &options);
}

static void wait_for_end(struct request *request)
{
    int64_t deadline_ms = condition_deadline(SUBMIT_TIMEOUT_MS);
    (void)pthread_mutex_lock(&request->mutex);
    bool in_time = true;
    while (!request->ended && in_time)
        in_time = condition_wait(&request->changed, &request->mutex, deadline_ms);
    if (!request->ended)
        request->error = tc_fault_set(&request->fault, TC_TIMEOUT,
                                      "broker %s: no answer within %d s; check that an orchestrator is "
                                      "connected. The plan may still be accepted",
                                      request->broker->address, SUBMIT_TIMEOUT_MS / 1000);
    request->ended = true;
    (void)pthread_mutex_unlock(&request->mutex);
}

/* paho's threads may use the request until the client is destroyed. */
static void stop(struct request *request)
{
    if (request->client == NULL)
        return;
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    options.timeout = DISCONNECT_TIMEOUT_MS;
    (void)MQTTAsync_disconnect(request->client, &options);
    MQTTAsync_destroy(&request->client);
}

enum tc_error submit_by_mqtt(const struct submit_broker *broker, const struct submit_plan *plan,
                             struct submit_answer *answer, struct tc_fault *fault)
{
    TC_CHECK(sodium_init() >= 0);
    struct request request = {.broker = broker, .plan = plan, .error = TC_OK};
    if (check_way(broker, fault) != TC_OK)
        return fault->code;
    if (broker->key_file != NULL && file_check_private(broker->key_file, fault) != TC_OK)
        return tc_fault_context(fault, "key file");
    if (broker->password_file != NULL && read_password(broker->password_file, &request.password, fault) != TC_OK)
        return fault->code;
    unsigned char random[(TAG_SIZE - 1) / 2];
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(request.tag, sizeof request.tag, random, sizeof random);
    struct topic own = {.kind = TOPIC_SUBMIT_AS};
    (void)snprintf(own.user, sizeof own.user, "%s", broker->user);
    topic_format(broker->root, &own, request.submit_topic);
    topic_format_response(broker->root, broker->user, request.tag, request.response_topic);
    (void)pthread_mutex_init(&request.mutex, NULL);
    condition_open(&request.changed);

    int code = start(&request);
    if (code != MQTTASYNC_SUCCESS)
        end_with_fault(&request, TC_UNAVAILABLE, "connect", MQTTAsync_strerror(code));
    wait_for_end(&request);
    stop(&request);

    enum tc_error error = request.error;
    if (error == TC_OK)
        error = submit_answer_read(broker->address, buffer_text(&request.answer), request.answer.length, answer, fault);
    else if (fault != NULL)
        *fault = request.fault;
    buffer_free(&request.answer);
    if (request.password != NULL)
        sodium_memzero(request.password, strlen(request.password));
    free(request.password);
    (void)pthread_cond_destroy(&request.changed);
    (void)pthread_mutex_destroy(&request.mutex);
    return error;
}
