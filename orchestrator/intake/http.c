#include "orchestrator/intake/http.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/events/event_feed.h"
#include "orchestrator/intake/attempt_limit.h"
#include "orchestrator/intake/device_issuers.h"
#include "orchestrator/intake/enrolment.h"
#include "orchestrator/intake/http_connection.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/intake/listener.h"
#include "orchestrator/intake/standing_cache.h"
#include "orchestrator/worker/ending.h"
#include "tls/server_tls.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The library may not have seen yet that a connection has ended: it has room for more than the front has. */
enum {
    CONNECTION_MEMORY = 32 * 1024,
    KEY_FILE_MAX = 1 << 20,
    LIBRARY_SHARE = 2,
    LAST_BYTES_MS = 500,
    LAST_LOOK_MS = 5,
    LOGS_AT_ONCE = 32, /* of a certificate: twice what the database takes of a device in a day */
    LOG_INTERVAL_MS = 600000,
};

/* Debug level, since the library reports single connections, which are of no use to an operator. */
__attribute__((format(printf, 2, 0))) static void log_library(void *context, const char *format, va_list arguments)
{
    (void)context;
    char text[256];
    (void)vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    if (strstr(text, "TCP_") != NULL || strstr(text, "Failed to push the data") != NULL)
        return; /* its end of a connection is no TCP socket */
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

/* Reads the files for TLS. NULL: the endpoint has none. */
static enum tc_error make_tls(struct http *http, SSL_CTX **tls, struct tc_fault *fault)
{
    const char *name = name_of(http);
    struct tls_files files = {0};
    enum tc_error error = read_tls_files(http, &files, fault);
    *tls = NULL;
    if (error == TC_OK && is_set(http->config.certificate_file) &&
        server_tls_make(&files.certificate, &files.key, &files.trust, tls, fault) != TC_OK)
        error =
            tc_fault_set(fault, TC_UNAVAILABLE,
                         "%s: cannot start the server; check %s.certificate_file and %s.key_file", name, name, name);
    free_tls_files(&files);
    return error;
}

/* The front limits connections and the time that clients take. */
static struct MHD_Daemon *start_library(struct http *http)
{
    const struct http_config *config = &http->config;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC;
    sigset_t before;
    thread_block_signals(&before);
    struct MHD_Daemon *started = MHD_start_daemon(
        flags, 0, NULL, NULL, http_connection_advance, http, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, http_connection_begin, http, MHD_OPTION_NOTIFY_COMPLETED, http_connection_end,
        http, MHD_OPTION_NOTIFY_CONNECTION, http_connection_note, NULL, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)config->threads, MHD_OPTION_CONNECTION_LIMIT, (unsigned)(config->connection_limit * LIBRARY_SHARE),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    thread_restore_signals(&before);
    return started;
}

/* Called by the front. */
static bool give_library(void *context, int handle, struct http_peer *peer)
{
    struct http *http = context;
    const struct http_peer_address address = {.common.sa_family = AF_UNSPEC, .peer = http_peer_hold(peer)};
    (void)pthread_mutex_lock(&http->giving);
    bool taken =
        http->daemon != NULL && MHD_add_connection(http->daemon, handle, &address.common, sizeof address) == MHD_YES;
    if (http->daemon == NULL)
        (void)close(handle);
    (void)pthread_mutex_unlock(&http->giving);
    if (!taken)
        http_peer_release(peer);
    return taken;
}

static enum tc_error start_serving(struct http *http, struct tc_fault *fault)
{
    const struct http_config *config = &http->config;
    SSL_CTX *tls;
    enum tc_error error = make_tls(http, &tls, fault);
    if (error == TC_OK && (http->daemon = start_library(http)) == NULL)
        error = tc_fault_set(fault, TC_UNAVAILABLE, "%s: cannot start the server", name_of(http));
    if (error != TC_OK) {
        server_tls_release(tls);
        return error;
    }
    return http_front_open(&(struct http_front_config){.name = name_of(http),
                                                       .listener = http->listener,
                                                       .threads = config->threads,
                                                       .connection_limit = config->connection_limit,
                                                       .address_limit = config->address_limit,
                                                       .idle_s = config->idle_s,
                                                       .take = give_library,
                                                       .context = http},
                           tls, &http->front, fault);
}

static enum tc_error start_jobs(const char *name, struct batch_queue *queue, int threads, struct worker **worker,
                                struct tc_fault *fault)
{
    return worker_start(&(struct worker_config){.name = name,
                                                .queue = queue,
                                                .threads = threads,
                                                .item_size = sizeof(struct http_request *),
                                                .batch_limit = 1,
                                                .period_ms = -1,
                                                .handle = http_connection_run},
                        worker, fault);
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
        error = start_jobs(config->api == HTTP_API_EST ? "est-job" : "http-job", http->jobs, config->job_threads,
                           &http->worker, fault);
    if (error == TC_OK && http->aside_jobs != NULL)
        error = start_jobs("aside-job", http->aside_jobs, 1, &http->aside_worker, fault);
    if (error == TC_OK)
        error = start_serving(http, fault);
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
    TC_CHECK(pthread_mutex_init(&made->fleet_import, NULL) == 0 && pthread_mutex_init(&made->giving, NULL) == 0);
    made->jobs = batch_queue_open(sizeof(struct http_request *), (size_t)config->connection_limit);
    if (config->aside_limit > 0) {
        made->aside_jobs = batch_queue_open(sizeof(struct http_request *), (size_t)config->aside_limit);
        made->log_limit = attempt_limit_open(LOGS_AT_ONCE, LOG_INTERVAL_MS);
        log_show_counters();
    }
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

enum tc_error http_renew(struct http *http, struct tc_fault *fault)
{
    SSL_CTX *tls;
    if (!is_set(http->config.certificate_file))
        return TC_OK;
    enum tc_error error = make_tls(http, &tls, fault);
    if (error == TC_OK)
        http_front_use(http->front, tls);
    return error;
}

/* ---- the end ---- */

/* Waits until the answers, all of which are set, have reached their clients. */
static void wait_for_last_answers(struct http *http)
{
    int64_t deadline_ms = clock_monotonic_ms() + END_REQUESTS_MS;
    while (http->waiting > 0 && clock_monotonic_ms() < deadline_ms)
        clock_sleep_ms(LAST_LOOK_MS);
}

static void stop_library(struct http *http)
{
    (void)pthread_mutex_lock(&http->giving);
    struct MHD_Daemon *daemon = http->daemon;
    http->daemon = NULL;
    (void)pthread_mutex_unlock(&http->giving);
    if (daemon != NULL)
        MHD_stop_daemon(daemon);
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    if (http->front != NULL)
        http_front_stop(http->front);
    if (http->config.events != NULL)
        event_feed_end(http->config.events);
    worker_stop(http->worker);
    worker_stop(http->aside_worker);
    wait_for_last_answers(http);
    stop_library(http);
    http_front_close(http->front, LAST_BYTES_MS);
    if (http->listener >= 0)
        (void)close(http->listener);
    batch_queue_free(http->jobs);
    batch_queue_free(http->aside_jobs);
    attempt_limit_close(http->log_limit);
    (void)pthread_mutex_destroy(&http->giving);
    (void)pthread_mutex_destroy(&http->fleet_import);
    device_issuers_close(http->issuers);
    standing_cache_close(http->standings);
    free_config(http);
    free(http);
}
