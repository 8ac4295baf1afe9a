#include "orchestrator/intake/http.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/intake/device_issuers.h"
#include "orchestrator/intake/enrolment.h"
#include "orchestrator/intake/http_connection.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/intake/listener.h"
#include "orchestrator/intake/standing_cache.h"
#include "orchestrator/worker/ending.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTION_MEMORY = 32 * 1024, KEY_FILE_MAX = 1 << 20 };

/* Debug level, since the library reports single connections, which are of no use to an operator. */
__attribute__((format(printf, 2, 0))) static void log_library(void *context, const char *format, va_list arguments)
{
    (void)context;
    char text[256];
    (void)vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    LOG_DEBUG("http.library", F_STR("text", text));
}

/* NULL becomes "". */
static const char *copy_text(const char *text)
{
    char *copy = strdup(text == NULL ? "" : text);
    TC_CHECK(copy != NULL);
    return copy;
}

static void copy_config(struct http *http, const struct http_config *config)
{
    http->config = *config;
    http->config.listen = copy_text(config->listen);
    http->config.public_url = copy_text(config->public_url);
    http->config.certificate_file = copy_text(config->certificate_file);
    http->config.key_file = copy_text(config->key_file);
    http->config.device_issuer_file = copy_text(config->device_issuer_file);
    http->config.broker_user = copy_text(config->broker_user);
}

static void free_config(struct http *http)
{
    const char *const texts[] = {http->config.listen,   http->config.public_url,         http->config.certificate_file,
                                 http->config.key_file, http->config.device_issuer_file, http->config.broker_user};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((void *)(uintptr_t)texts[i]);
}

static bool is_set(const char *text)
{
    return text[0] != '\0';
}

static const char *name_of(const struct http *http)
{
    return http->config.api == HTTP_API_EST ? "est" : "http";
}

/* The contents of the files for TLS. `trust` has the authority whose certificates clients may show; empty: none. */
struct tls_files {
    struct buffer certificate, key, trust;
};

static enum tc_error read_tls_files(struct http *http, struct tls_files *files, struct tc_fault *fault)
{
    const struct http_config *config = &http->config;
    if (!is_set(config->certificate_file))
        return TC_OK;
    enum tc_error error = file_read(config->certificate_file, KEY_FILE_MAX, &files->certificate, fault);
    if (error == TC_OK)
        error = file_read_private(config->key_file, KEY_FILE_MAX, &files->key, fault);
    if (error == TC_OK && config->api == HTTP_API_EST)
        enrolment_put_renewed(config->enrolment, &files->trust);
    if (error == TC_OK && http->issuers != NULL)
        error = device_issuers_read(http->issuers, config->device_issuer_file, fault);
    if (error == TC_OK && http->issuers != NULL)
        device_issuers_put(http->issuers, &files->trust);
    return error;
}

static void free_tls_files(struct tls_files *files)
{
    buffer_free(&files->certificate);
    buffer_free(&files->key);
    buffer_free(&files->trust);
}

/* From TLS 1.2, as the broker. */
static char tls_priorities[] = "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1";

/* Starts the library on `listener`, which it owns from then on. NULL: it does not start. */
static struct MHD_Daemon *start_library(struct http *http, int listener, const struct tls_files *files)
{
    const struct http_config *config = &http->config;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, files->certificate.bytes},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, files->key.bytes},
                                   {MHD_OPTION_HTTPS_PRIORITIES, 0, tls_priorities},
                                   {MHD_OPTION_HTTPS_MEM_TRUST, 0, files->trust.bytes},
                                   {MHD_OPTION_END, 0, NULL}};
    if (files->trust.length == 0)
        tls[3] = tls[4];
    if (is_set(config->certificate_file))
        flags |= MHD_USE_TLS;
    else
        tls[0] = tls[4];
    sigset_t before;
    thread_block_signals(&before);
    struct MHD_Daemon *started = MHD_start_daemon(
        flags, 0, NULL, NULL, http_connection_advance, http, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_URI_LOG_CALLBACK, http_connection_begin, http,
        MHD_OPTION_NOTIFY_COMPLETED, http_connection_end, http, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)config->threads,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)config->connection_limit, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)config->idle_s, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)config->address_limit,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    thread_restore_signals(&before);
    return started;
}

static enum tc_error describe_failed_start(const struct http *http, struct tc_fault *fault)
{
    const char *name = name_of(http);
    if (!is_set(http->config.certificate_file))
        return tc_fault_set(fault, TC_UNAVAILABLE, "%s: cannot start the server", name);
    return tc_fault_set(fault, TC_UNAVAILABLE, "%s: cannot start the server; check %s.certificate_file and %s.key_file",
                        name, name, name);
}

/* Starts a server with the certificate that the file has now. */
static enum tc_error start_daemon(struct http *http, struct MHD_Daemon **started, struct tc_fault *fault)
{
    struct tls_files files = {0};
    int listener = -1;
    enum tc_error error = read_tls_files(http, &files, fault);
    if (error == TC_OK && (listener = fcntl(http->listener, F_DUPFD_CLOEXEC, 0)) < 0)
        error = tc_fault_set(fault, TC_UNAVAILABLE, "%s: no descriptor is left", name_of(http));
    if (error == TC_OK && (*started = start_library(http, listener, &files)) == NULL)
        error = describe_failed_start(http, fault);
    if (error != TC_OK && listener >= 0)
        (void)close(listener);
    free_tls_files(&files);
    return error;
}

static enum tc_error start(struct http *http, struct tc_fault *fault)
{
    const struct http_config *config = &http->config;
    enum tc_error error = listener_check(name_of(http), config->listen, fault);
    if (error == TC_OK)
        error = http_check_access(config, fault);
    if (error == TC_OK)
        error = listener_open(name_of(http), config->listen, config->port, &http->listener, &http->port, fault);
    if (error == TC_OK)
        error = worker_start(&(struct worker_config){.name = config->api == HTTP_API_EST ? "est-job" : "http-job",
                                                     .queue = http->jobs,
                                                     .threads = config->job_threads,
                                                     .item_size = sizeof(struct http_request *),
                                                     .batch_limit = 1,
                                                     .period_ms = -1,
                                                     .handle = http_connection_run},
                             &http->worker, fault);
    if (error == TC_OK)
        error = start_daemon(http, &http->daemon, fault);
    return error;
}

enum tc_error http_open(const struct http_config *config, struct http **http, struct tc_fault *fault)
{
    struct http *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    copy_config(made, config);
    made->listener = -1;
    if (is_set(made->config.device_issuer_file)) {
        made->issuers = device_issuers_open();
        made->standings = standing_cache_open();
    }
    TC_CHECK(pthread_mutex_init(&made->fleet_import, NULL) == 0);
    made->jobs = batch_queue_open(sizeof(struct http_request *), (size_t)config->connection_limit);
    enum tc_error error = start(made, fault);
    if (error != TC_OK) {
        http_close(made);
        return error;
    }
    LOG_INFO(made->config.api == HTTP_API_EST ? "est.open" : "http.open", F_STR("address", config->listen),
             F_INT("port", made->port), F_STR("tls", is_set(config->certificate_file) ? "yes" : "no"));
    *http = made;
    return TC_OK;
}

int http_port(const struct http *http)
{
    return http->port;
}

/* ---- another certificate ---- */

static bool has_connections(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == NULL || info->num_connections > 0;
}

/* Frees the retired servers whose connections have ended. Returns a free place; NULL: there is none. */
static struct MHD_Daemon **find_place(struct http *http)
{
    struct MHD_Daemon **place = NULL;
    for (size_t i = 0; i < HTTP_RETIRED_MAX; i++) {
        if (http->retired[i] != NULL && !has_connections(http->retired[i])) {
            MHD_stop_daemon(http->retired[i]);
            http->retired[i] = NULL;
        }
        if (http->retired[i] == NULL)
            place = &http->retired[i];
    }
    return place;
}

/* Both servers listen for a moment, so that no connection is refused. */
enum tc_error http_renew(struct http *http, struct tc_fault *fault)
{
    struct MHD_Daemon *renewed = NULL, **place = find_place(http);
    if (!is_set(http->config.certificate_file))
        return TC_OK;
    if (place == NULL)
        return tc_fault_set(fault, TC_BUSY, "%s: connections with %d earlier certificates go on", name_of(http),
                            HTTP_RETIRED_MAX);
    enum tc_error error = start_daemon(http, &renewed, fault);
    if (error != TC_OK)
        return error;
    (void)close(MHD_quiesce_daemon(http->daemon));
    *place = http->daemon;
    http->daemon = renewed;
    return TC_OK;
}

/* ---- the end ---- */

/* Waits until the answers, all of which are set, have reached their clients. */
static void wait_for_last_answers(struct http *http)
{
    int64_t deadline_ms = clock_monotonic_ms() + END_REQUESTS_MS;
    while (http->waiting > 0 && clock_monotonic_ms() < deadline_ms)
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    if (http->daemon != NULL)
        (void)close(MHD_quiesce_daemon(http->daemon));
    if (http->listener >= 0)
        (void)close(http->listener);
    worker_stop(http->worker);
    wait_for_last_answers(http);
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    for (size_t i = 0; i < HTTP_RETIRED_MAX; i++) {
        if (http->retired[i] != NULL)
            MHD_stop_daemon(http->retired[i]);
    }
    batch_queue_free(http->jobs);
    (void)pthread_mutex_destroy(&http->fleet_import);
    device_issuers_close(http->issuers);
    standing_cache_close(http->standings);
    free_config(http);
    free(http);
}
