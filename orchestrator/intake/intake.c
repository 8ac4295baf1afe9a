#include "orchestrator/intake/intake.h"

#include "base/clock.h"
#include "orchestrator/events/event_feed.h"
#include "orchestrator/intake/artifact_store.h"
#include "orchestrator/intake/device_issuers.h"
#include "orchestrator/intake/enrolment.h"
#include "orchestrator/intake/http.h"
#include "orchestrator/intake/listener.h"
#include "orchestrator/intake/message.h"
#include "orchestrator/intake/socket.h"
#include "orchestrator/intake/submission_gateway.h"
#include "orchestrator/intake/unix_listener.h"
#include "orchestrator/people/tokens_file.h"
#include "orchestrator/worker/ending.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    HTTP_THREADS = 2,
    HTTP_IDLE_S = 60,
    EST_JOB_THREADS = 1,
    EST_LOGS_WAITING = 64, /* of EST_CONNECTIONS: the others are for enrolment */
    EST_CONNECTIONS = 500,
    EST_ADDRESS_CONNECTIONS = 20, /* a branch has one address, and its devices enrol at any time */
    EST_IDLE_S = 10,
    SOCKET_CONNECTIONS = 64,
    SOCKET_IDLE_MS = 30000,
};

struct intake {
    struct event_feed *events; /* NULL: there is no HTTP endpoint */
    struct submission_gateway *gateway;
    struct artifact_store *artifacts;
    struct enrolment *enrolment;    /* NULL: no authority of devices */
    struct http *http;              /* NULL: disabled */
    struct http *est;               /* NULL: disabled */
    struct socket_endpoint *socket; /* NULL: disabled */
    struct message_endpoint *message;
    struct people *people;
    struct recorder *recorder;
    bool insecure_loopback;
};

static enum tc_error write_artifact_folder(const char *data_folder, char folder[static PATH_MAX],
                                           struct tc_fault *fault)
{
    int length = snprintf(folder, PATH_MAX, "%s/artifacts", data_folder);
    if (length < 0 || length > ARTIFACT_FOLDER_PATH_MAX)
        return tc_fault_set(fault, TC_INVALID, "data_folder: the path is too long");
    return TC_OK;
}

static enum tc_error open_artifacts(struct intake *intake, const struct daemon_settings *settings,
                                    struct tc_fault *fault)
{
    char folder[PATH_MAX];
    enum tc_error error = write_artifact_folder(settings->data_folder, folder, fault);
    if (error == TC_OK)
        error = artifact_store_open(folder, settings->artifact_daily_limit, &intake->artifacts, fault);
    return error;
}

/* The text of the fault already names the setting. */
static void add_fault(struct document_faults *faults, enum tc_error error, const struct tc_fault *fault)
{
    if (error != TC_OK)
        document_fault_add(faults, 0, 0, "", "%s", fault->text);
}

void intake_check(const struct daemon_settings *settings, struct document_faults *faults)
{
    char folder[PATH_MAX];
    struct tc_fault fault;
    add_fault(faults, write_artifact_folder(settings->data_folder, folder, &fault), &fault);
    add_fault(faults, unix_listener_check(settings->socket_path, &fault), &fault);
    if (settings->est_port != 0)
        add_fault(faults, listener_check("est", settings->est_listen, &fault), &fault);
    if (settings->http_port != 0)
        add_fault(faults, listener_check("http", settings->http_listen, &fault), &fault);
}

void intake_check_access(const struct daemon_settings *settings, struct document_faults *faults)
{
    struct tc_fault fault;
    const struct http_config config = {.listen = settings->http_listen,
                                       .certificate_file = settings->http_certificate_file};
    if (settings->http_port != 0)
        add_fault(faults, http_check_access(&config, &fault), &fault);
}

void intake_check_files(const struct daemon_settings *settings, struct document_faults *faults)
{
    struct tc_fault fault;
    struct tokens_file tokens = {0};
    if (settings->http_tokens_file[0] != '\0' && tokens_file_read(settings->http_tokens_file, &tokens, &fault) != TC_OK)
        document_fault_add(faults, 0, 0, "http.tokens_file", "%s", fault.text);
    struct device_issuers *issuers = device_issuers_open();
    if (settings->http_device_issuer_file[0] != '\0' &&
        device_issuers_read(issuers, settings->http_device_issuer_file, &fault) != TC_OK)
        document_fault_add(faults, 0, 0, "http.device_issuer_file", "%s", fault.text);
    device_issuers_close(issuers);
    tokens_file_free(&tokens);
    struct enrolment *enrolment = NULL;
    const struct enrolment_config config = {.issuer_certificate_file = settings->est_device_issuer_certificate_file,
                                            .issuer_key_file = settings->est_device_issuer_key_file};
    if (config.issuer_certificate_file[0] != '\0' && enrolment_open(&config, &enrolment, &fault) != TC_OK)
        document_fault_add(faults, 0, 0, "est.device_issuer_certificate_file", "%s", fault.text);
    enrolment_close(enrolment);
}

enum tc_error intake_check_device_issuers(const struct buffer *present, const struct buffer *fresh,
                                          struct tc_fault *fault)
{
    return device_issuers_check_change(present, fresh, fault);
}

/* A download takes four descriptors: the client's, two between the front and the library, and the file. Half of the
 * limit stays free for the rest of the daemon. */
static int http_connection_limit(const struct daemon_settings *settings)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 8 > (rlim_t)settings->http_connections)
        return (int)settings->http_connections;
    return (int)(limit.rlim_cur / 8);
}

/* One address never has more than half of all connections, so that it cannot keep others out. */
static int http_address_limit(const struct daemon_settings *settings)
{
    int half = http_connection_limit(settings) / 2;
    return settings->http_address_connections > half ? half : (int)settings->http_address_connections;
}

static enum tc_error open_events(struct intake *intake, const struct daemon_settings *settings, struct tc_fault *fault)
{
    int half = http_connection_limit(settings) / 2;
    return event_feed_open(settings->database, settings->event_readers > half ? half : (int)settings->event_readers,
                           &intake->events, fault);
}

static enum tc_error open_http(struct intake *intake, const struct intake_config *config, struct tc_fault *fault)
{
    const struct daemon_settings *settings = config->settings;
    return http_open(&(struct http_config){.listen = settings->http_listen,
                                           .port = (int)settings->http_port,
                                           .public_url = settings->http_public_url,
                                           .people = config->people,
                                           .provider = config->provider,
                                           .recorder = config->recorder,
                                           .certificate_file = config->http_certificate_file,
                                           .key_file = config->http_key_file,
                                           .insecure_loopback = settings->insecure_loopback,
                                           .device_issuer_file = config->http_device_issuer_file,
                                           .broker_user = settings->broker_user,
                                           .threads = HTTP_THREADS,
                                           .idle_s = HTTP_IDLE_S,
                                           .enrolment = intake->enrolment,
                                           .job_threads = INTAKE_JOB_THREADS,
                                           .connection_limit = http_connection_limit(settings),
                                           .address_limit = http_address_limit(settings),
                                           .artifact_size_limit = settings->artifact_size_limit,
                                           .fleet_size_limit = settings->fleet_size_limit,
                                           .gateway = intake->gateway,
                                           .artifacts = intake->artifacts,
                                           .stores = config->stores,
                                           .preview = config->preview,
                                           .scheduler_wakes = config->scheduler_wakes,
                                           .conductor_wakes = config->conductor_wakes,
                                           .shard = config->shard,
                                           .describe_health = config->describe_health,
                                           .fleet_changed = config->fleet_changed,
                                           .describe_webhooks = config->describe_webhooks,
                                           .webhooks = config->webhooks,
                                           .events = intake->events,
                                           .guard_answer = config->guard_answer,
                                           .context = config->context},
                     &intake->http, fault);
}

static enum tc_error open_enrolment(struct intake *intake, const struct daemon_settings *settings,
                                    struct tc_fault *fault)
{
    const struct enrolment_config config = {.issuer_certificate_file = settings->est_device_issuer_certificate_file,
                                            .issuer_key_file = settings->est_device_issuer_key_file,
                                            .validity_ms = settings->est_certificate_validity_ms};
    if (enrolment_open(&config, &intake->enrolment, fault) != TC_OK)
        return tc_fault_context(fault, "est");
    return TC_OK;
}

static enum tc_error open_est(struct intake *intake, const struct intake_config *config, struct tc_fault *fault)
{
    const struct daemon_settings *settings = config->settings;
    return http_open(&(struct http_config){.api = HTTP_API_EST,
                                           .listen = settings->est_listen,
                                           .port = (int)settings->est_port,
                                           .public_url = "",
                                           .certificate_file = config->est_certificate_file,
                                           .key_file = config->est_key_file,
                                           .threads = HTTP_THREADS,
                                           .job_threads = EST_JOB_THREADS,
                                           .aside_limit = EST_LOGS_WAITING,
                                           .connection_limit = EST_CONNECTIONS,
                                           .address_limit = EST_ADDRESS_CONNECTIONS,
                                           .idle_s = EST_IDLE_S,
                                           .recorder = config->recorder,
                                           .enrolment = intake->enrolment,
                                           .stores = config->stores},
                     &intake->est, fault);
}

static enum tc_error open_socket(struct intake *intake, const char *path, struct tc_fault *fault)
{
    return socket_endpoint_open(&(struct socket_endpoint_config){.path = path,
                                                                 .gateway = intake->gateway,
                                                                 .people = intake->people,
                                                                 .recorder = intake->recorder,
                                                                 .insecure_loopback = intake->insecure_loopback,
                                                                 .connection_limit = SOCKET_CONNECTIONS,
                                                                 .idle_ms = SOCKET_IDLE_MS},
                                &intake->socket, fault);
}

static enum tc_error open_message(struct intake *intake, const struct daemon_settings *settings, struct tc_fault *fault)
{
    return message_endpoint_open(
        &(struct message_endpoint_config){.topic_root = settings->topic_root,
                                          .gateway = intake->gateway,
                                          .people = intake->people,
                                          .recorder = intake->recorder,
                                          .has_guard = strcmp(settings->broker_guard, "tellercast") == 0,
                                          .insecure_loopback = intake->insecure_loopback},
        &intake->message, fault);
}

enum tc_error intake_open(const struct intake_config *config, struct intake **intake, struct tc_fault *fault)
{
    const struct daemon_settings *settings = config->settings;
    TC_CHECK(sodium_init() >= 0);
    struct intake *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->people = config->people;
    made->recorder = config->recorder;
    made->insecure_loopback = settings->insecure_loopback;
    enum tc_error error = open_artifacts(made, settings, fault);
    if (error == TC_OK)
        error = submission_gateway_open(config->submissions, SUBMISSION_ANSWER_MS, &made->gateway, fault);
    if (error == TC_OK)
        submission_gateway_use_recorder(made->gateway, config->recorder);
    if (error == TC_OK)
        error = open_message(made, settings, fault);
    if (error == TC_OK && settings->socket_path[0] != '\0')
        error = open_socket(made, settings->socket_path, fault);
    if (error == TC_OK && settings->est_device_issuer_certificate_file[0] != '\0')
        error = open_enrolment(made, settings, fault);
    if (error == TC_OK && settings->http_port != 0)
        error = open_events(made, settings, fault);
    if (error == TC_OK && settings->http_port != 0)
        error = open_http(made, config, fault);
    if (error == TC_OK && settings->est_port != 0)
        error = open_est(made, config, fault);
    if (error != TC_OK) {
        intake_stop(made);
        intake_close(made);
        return error;
    }
    *intake = made;
    return TC_OK;
}

void intake_use_broker(struct intake *intake, struct broker *broker)
{
    message_endpoint_use_broker(intake->message, broker);
}

void intake_message(void *context, const struct broker_message *message)
{
    struct intake *intake = context;
    message_endpoint_take(intake->message, message);
}

enum tc_error intake_renew_http(struct intake *intake, struct tc_fault *fault)
{
    return intake->http == NULL ? TC_OK : http_renew(intake->http, fault);
}

enum tc_error intake_renew_est(struct intake *intake, struct tc_fault *fault)
{
    return intake->est == NULL ? TC_OK : http_renew(intake->est, fault);
}

int64_t intake_last_progress_ms(const struct intake *intake)
{
    return intake->events == NULL ? clock_monotonic_ms() : event_feed_last_progress_ms(intake->events);
}

void intake_stop(struct intake *intake)
{
    if (intake->gateway != NULL)
        submission_gateway_stop(intake->gateway, END_ANSWERS_MS);
    http_close(intake->http);
    intake->http = NULL;
    event_feed_close(intake->events);
    intake->events = NULL;
    http_close(intake->est);
    intake->est = NULL;
    socket_endpoint_close(intake->socket);
    intake->socket = NULL;
    if (intake->message != NULL)
        message_endpoint_stop(intake->message);
}

void intake_close(struct intake *intake)
{
    if (intake == NULL)
        return;
    message_endpoint_close(intake->message);
    submission_gateway_close(intake->gateway);
    artifact_store_close(intake->artifacts);
    enrolment_close(intake->enrolment);
    free(intake);
}
