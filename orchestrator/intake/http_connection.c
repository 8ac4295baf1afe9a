#include "orchestrator/intake/http_connection.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How much of a refused body is read and discarded, and for how long. The library can answer before or after a body,
 * not within it, so a client that reads only after it has sent all gets the answer this way. */
static const int64_t discard_limit_bytes = INT64_C(1) << 30;
enum { DISCARD_MS = 60000, US_PER_MS = 1000 };

static struct http_peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *information =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    TC_CHECK(information != NULL && information->client_addr != NULL);
    return ((const struct http_peer_address *)(const void *)information->client_addr)->peer;
}

void http_connection_note(void *context, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    (void)context, (void)slot;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED)
        http_peer_release(peer_of(connection));
}

void *http_connection_begin(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct http_request *request = calloc(1, sizeof *request);
    TC_CHECK(request != NULL);
    request->http = context;
    request->connection = connection;
    request->peer = peer_of(connection);
    request->variable = "";
    request->file = -1;
    request->began_ms = clock_monotonic_ms();
    (void)http_target_parse(uri == NULL ? "" : uri, &request->target, &request->target_fault);
    metric_add(METRIC_HTTP_REQUESTS, 1);
    return request;
}

static void close_body(struct http_request *request)
{
    artifact_upload_close(request->upload);
    request->upload = NULL;
    if (request->file >= 0)
        (void)close(request->file);
    request->file = -1;
    buffer_free(&request->body);
}

/* A body takes as long as its client sends it. */
static void count_answer(const struct http_request *request)
{
    char status[16];
    if (request->status == 0)
        return; /* the client went before there was an answer */
    (void)snprintf(status, sizeof status, "%d", request->status);
    metric_count(FAMILY_HTTP_RESPONSES, status);
    if (request->body_received == 0 && !request->lasts)
        metric_observe(HISTOGRAM_HTTP, (clock_monotonic_ms() - request->began_ms) * US_PER_MS);
}

void http_connection_end(void *context, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code)
{
    (void)context, (void)connection, (void)code;
    struct http_request *request = *slot;
    if (request == NULL)
        return;
    /* The EST endpoint logs each decision itself, limited by address, since its peers are unknown. */
    bool changes = request->route != NULL && strcmp(request->route->method, "GET") != 0 &&
                   request->http->config.api == HTTP_API_OPERATORS;
    LOG_EVENT(changes ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "http.request",
              F_STR("method", request->route == NULL ? "" : request->route->method),
              F_STR("path", request->route == NULL ? "" : request->route->path), F_STR("id", request->variable),
              F_INT("status", request->status), F_STR("author", request->subject.name),
              F_INT("ms", clock_monotonic_ms() - request->began_ms));
    count_answer(request);
    close_body(request);
    http_act_end(request);
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    http_target_free(&request->target);
    if (request->was_suspended)
        request->http->waiting--;
    http_peer_note_end(request->peer);
    free(request);
    *slot = NULL;
}

static bool needs_person(const struct http_request *request)
{
    if (request->route->operation == ACCESS_DOWNLOAD)
        return download_needs_operator(request);
    return !access_operation_is_public(request->route->operation);
}

static void note_refused(const struct http_request *request)
{
    if (request->note_refused != NULL)
        request->note_refused(request);
}

static void answer_too_large(struct http_request *request)
{
    http_answer_problem(request, 413, "at most %lld bytes are allowed", (long long)request->body_limit);
    note_refused(request);
}

/* Checks all that can be checked before the body. */
static void receive_headers(struct http_request *request, const char *method)
{
    request->is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (request->target_fault.code != TC_OK)
        http_answer_problem(request, 400, "%s", request->target_fault.text);
    if (request->status == 0)
        http_route_find(request, method);
    if (request->status == 0 && needs_person(request))
        http_authorize(request);
    struct tc_fault fault;
    if (request->status == 0 && http_target_check(&request->target, request->route->parameters, &fault) != TC_OK)
        http_answer_problem(request, 400, "%s", fault.text);
    if (request->status == 0 && request->route->begin != NULL)
        request->route->begin(request);
    if (request->status == 0 && request->body_limit > 0 && http_request_length(request) > request->body_limit)
        answer_too_large(request);
    if (request->status != 0)
        close_body(request);
}

static void refuse_rest(struct http_request *request, const struct tc_fault *fault)
{
    http_answer_fault(request, fault);
    close_body(request);
}

static bool discard(struct http_request *request)
{
    int64_t now_ms = clock_monotonic_ms();
    if (request->discard_began_ms == 0)
        request->discard_began_ms = now_ms;
    return request->body_received <= request->body_limit + discard_limit_bytes &&
           now_ms - request->discard_began_ms <= DISCARD_MS;
}

/* Returns false when the connection must be closed, since too much of the body was discarded. */
static bool receive_body(struct http_request *request, const char *bytes, size_t length)
{
    request->body_received += (int64_t)length;
    bool is_kept = request->status == 0 && request->route->begin != NULL;
    struct tc_fault fault;
    if (!is_kept)
        return discard(request);
    if (request->body_received > request->body_limit) {
        answer_too_large(request);
        close_body(request);
    } else if (request->upload != NULL) {
        if (artifact_upload_write(request->upload, bytes, length, &fault) != TC_OK)
            refuse_rest(request, &fault);
    } else if (request->file >= 0) {
        if (file_write_all(request->file, bytes, length, &fault) != TC_OK)
            refuse_rest(request, &fault);
    } else {
        buffer_put(&request->body, bytes, length);
    }
    return true;
}

static enum MHD_Result send_answer(struct http_request *request)
{
    request->phase = HTTP_ANSWERED;
    struct MHD_Response *response = request->response;
    request->response = NULL;
    enum MHD_Result result = MHD_queue_response(request->connection, (unsigned)request->status, response);
    MHD_destroy_response(response);
    return result;
}

static void suspend(struct http_request *request)
{
    request->phase = HTTP_WAITING;
    request->was_suspended = true;
    request->http->waiting++;
    MHD_suspend_connection(request->connection);
}

static void run_in_job(struct http_request *request)
{
    const struct http *http = request->http;
    suspend(request);
    enum tc_error error =
        batch_queue_put(request->route->handling == ASIDE ? http->aside_jobs : http->jobs, &request, 0);
    if (error == TC_OK)
        return;
    http_answer_problem(request, 503, error == TC_BUSY ? "too many requests are waiting" : "this daemon is stopping");
    note_refused(request);
    http_request_resume(request);
}

void http_connection_run(void *context, void *thread_state, void *items, size_t count)
{
    (void)context, (void)thread_state;
    struct http_request **requests = items;
    for (size_t i = 0; i < count; i++) {
        requests[i]->route->handle(requests[i]);
        http_request_resume(requests[i]);
    }
}

void http_request_resume(struct http_request *request)
{
    TC_CHECK(request->status != 0);
    MHD_resume_connection(request->connection);
}

/* Returns true when the answer goes out before the body: the client waits with it, or it is too large to discard. */
static bool answers_before_body(const struct http_request *request)
{
    return request->status != 0 && (http_request_header(request, MHD_HTTP_HEADER_EXPECT) != NULL ||
                                    http_request_length(request) > discard_limit_bytes);
}

enum MHD_Result http_connection_advance(void *context, struct MHD_Connection *connection, const char *url,
                                        const char *method, const char *version, const char *bytes, size_t *length,
                                        void **slot)
{
    (void)context, (void)connection, (void)url, (void)version;
    struct http_request *request = *slot;
    if (request->phase == HTTP_NEW) {
        receive_headers(request, method);
        request->phase = HTTP_RECEIVING;
        return answers_before_body(request) ? send_answer(request) : MHD_YES;
    }
    if (*length > 0) {
        size_t taken = *length;
        *length = 0;
        return receive_body(request, bytes, taken) ? MHD_YES : MHD_NO;
    }
    if (request->status != 0)
        return send_answer(request);
    switch (request->route->handling) {
    case INLINE: request->route->handle(request); return send_answer(request);
    case EITHER:
        request->route->handle(request);
        if (request->status != 0)
            return send_answer(request);
        run_in_job(request);
        break;
    case JOB:
    case ASIDE: run_in_job(request); break;
    case ASYNC:
        suspend(request);
        request->route->handle(request);
        break;
    }
    return MHD_YES;
}
