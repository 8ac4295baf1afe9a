#include "orchestrator/intake/intake.h"

#include "orchestrator/intake/artifact_store.h"
#include "orchestrator/intake/funnel.h"
#include "orchestrator/intake/http.h"
#include "orchestrator/intake/message.h"
#include "orchestrator/intake/socket.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    HTTP_THREADS = 2,
    HTTP_CONNECTIONS_MAX = 10000,
    SOCKET_CONNECTIONS = 64,
    SOCKET_IDLE_MS = 30000,
    LAST_ANSWERS_MS = 5000,
};

struct intake {
    struct funnel *funnel;
    struct artifact_store *artifacts;
    struct http *http;          /* NULL: no such door */
    struct socket_door *socket; /* NULL: no such door */
    struct message_door *message;
};

static enum tc_error open_artifacts(struct intake *intake, const char *data_folder, struct tc_fault *fault)
{
    char folder[PATH_MAX];
    int length = snprintf(folder, sizeof folder, "%s/artifacts", data_folder);
    if (length < 0 || (size_t)length >= sizeof folder)
        return tc_fault_set(fault, TC_INVALID, "data_folder: the path is too long");
    return artifact_store_open(folder, &intake->artifacts, fault);
}

/* A download takes two descriptors. Half of them all stays for the rest of the daemon. */
static int http_connection_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 4 > HTTP_CONNECTIONS_MAX)
        return HTTP_CONNECTIONS_MAX;
    return (int)(limit.rlim_cur / 4);
}

static enum tc_error open_http(struct intake *intake, const struct intake_config *config, struct tc_fault *fault)
{
    const struct daemon_settings *settings = config->settings;
    return http_open(&(struct http_config){.listen = settings->http_listen,
                                           .port = (int)settings->http_port,
                                           .public_url = settings->http_public_url,
                                           .tokens_file = settings->http_tokens_file,
                                           .certificate_file = settings->http_certificate_file,
                                           .key_file = settings->http_key_file,
                                           .threads = HTTP_THREADS,
                                           .job_threads = INTAKE_JOB_THREADS,
                                           .connection_limit = http_connection_limit(),
                                           .artifact_size_limit = settings->artifact_size_limit,
                                           .fleet_size_limit = settings->fleet_size_limit,
                                           .funnel = intake->funnel,
                                           .artifacts = intake->artifacts,
                                           .stores = config->stores,
                                           .preview = config->preview,
                                           .scheduler_wakes = config->scheduler_wakes,
                                           .conductor_wakes = config->conductor_wakes,
                                           .shard = config->shard,
                                           .describe_health = config->describe_health,
                                           .context = config->context},
                     &intake->http, fault);
}

static enum tc_error open_socket(struct intake *intake, const char *path, struct tc_fault *fault)
{
    return socket_door_open(
        &(struct socket_door_config){
            .path = path, .funnel = intake->funnel, .connection_limit = SOCKET_CONNECTIONS, .idle_ms = SOCKET_IDLE_MS},
        &intake->socket, fault);
}

enum tc_error intake_open(const struct intake_config *config, struct intake **intake, struct tc_fault *fault)
{
    const struct daemon_settings *settings = config->settings;
    TC_CHECK(sodium_init() >= 0);
    struct intake *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    enum tc_error error = open_artifacts(made, settings->data_folder, fault);
    if (error == TC_OK)
        error = funnel_open(config->orders, FUNNEL_ANSWER_MS, &made->funnel, fault);
    if (error == TC_OK)
        error = message_door_open(settings->topic_root, made->funnel, &made->message, fault);
    if (error == TC_OK && settings->socket_path[0] != '\0')
        error = open_socket(made, settings->socket_path, fault);
    if (error == TC_OK && settings->http_port != 0)
        error = open_http(made, config, fault);
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
    message_door_use_broker(intake->message, broker);
}

void intake_message(void *context, const struct broker_message *message)
{
    struct intake *intake = context;
    message_door_take(intake->message, message);
}

enum tc_error intake_reload(struct intake *intake, struct tc_fault *fault)
{
    return intake->http == NULL ? TC_OK : http_reload(intake->http, fault);
}

void intake_stop(struct intake *intake)
{
    if (intake->funnel != NULL)
        funnel_stop(intake->funnel, LAST_ANSWERS_MS);
    http_close(intake->http);
    intake->http = NULL;
    socket_door_close(intake->socket);
    intake->socket = NULL;
    if (intake->message != NULL)
        message_door_stop(intake->message);
}

void intake_close(struct intake *intake)
{
    if (intake == NULL)
        return;
    message_door_close(intake->message);
    funnel_close(intake->funnel);
    artifact_store_close(intake->artifacts);
    free(intake);
}
