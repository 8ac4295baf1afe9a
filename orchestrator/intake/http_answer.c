#include "base/log.h"
#include "orchestrator/intake/http_gzip.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/people/refusals.h"
#include "orchestrator/queues/submission.h"
#include "orchestrator/store/read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PAGE_DEFAULT = 100 };

static const char endpoint[] = "http";
static const char problem_type[] = "application/problem+json";

void http_answer_with(struct http_request *request, int status, struct MHD_Response *response)
{
    if (request->status != 0) {
        if (response != NULL)
            MHD_destroy_response(response);
        return;
    }
    if (!http_scope_is_kept(request, status)) {
        LOG_ERROR("http.scope_not_kept", F_STR("path", request->route->path));
        if (response != NULL)
            MHD_destroy_response(response);
        response = NULL;
    }
    request->status = response == NULL ? 500 : status;
    if (response == NULL)
        response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    request->response = response;
    TC_CHECK(request->response != NULL);
    http_answer_header(request, "X-Content-Type-Options", "nosniff");
}

void http_answer(struct http_request *request, int status, const char *content_type, struct buffer *body)
{
    bool first = request->status == 0;
    struct MHD_Response *response = MHD_create_response_from_buffer(body->length, body->bytes, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        buffer_free(body);
    *body = (struct buffer){0};
    http_answer_with(request, status, response);
    if (!first)
        return;
    http_answer_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    http_answer_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == 503) {
        char seconds[16];
        (void)snprintf(seconds, sizeof seconds, "%d", SUBMISSION_RETRY_AFTER_S);
        http_answer_header(request, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
}

void http_answer_json(struct http_request *request, int status, struct buffer *body)
{
    http_answer(request, status, status < 400 ? "application/json" : problem_type, body);
}

void http_answer_problem(struct http_request *request, int status, const char *format, ...)
{
    char detail[TC_FAULT_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    struct buffer body = {0};
    if (request->status == 0)
        http_act_refuse(request, status, detail);
    submission_write_problem(status, detail, &body);
    http_answer_json(request, status, &body);
}

/* "the operation has 1 fault: reason: is required" */
static void refuse_act(struct http_request *request, const char *what, const struct document_faults *faults)
{
    const struct document_fault *first = faults->count == 0 ? NULL : &faults->items[0];
    const char *path = first == NULL ? "" : first->path;
    char refusal[TC_FAULT_TEXT_SIZE];
    (void)snprintf(refusal, sizeof refusal, "the %s has %zu fault%s%s%s%s%s", what, faults->total,
                   faults->total == 1 ? "" : "s", first == NULL ? "" : ": ", path, *path == '\0' ? "" : ": ",
                   first == NULL ? "" : first->detail);
    http_act_refuse(request, 422, refusal);
}

void http_answer_faults(struct http_request *request, const char *what, struct document_faults *faults)
{
    document_faults_sort(faults);
    if (request->status == 0)
        refuse_act(request, what, faults);
    struct buffer body = {0};
    submission_write_faults(422, what, faults, &body);
    http_answer_json(request, 422, &body);
}

static int status_of(enum tc_error error)
{
    switch (error) {
    case TC_INVALID: return 400;
    case TC_NOT_FOUND: return 404;
    case TC_CONFLICT: return 409;
    case TC_DENIED: return 403;
    case TC_TOO_LARGE: return 413;
    case TC_BUSY:
    case TC_UNAVAILABLE: return 503;
    case TC_TIMEOUT: return 504;
    case TC_NO_SPACE: return 507;
    case TC_OK:
    case TC_NO_MEMORY:
    case TC_INTERNAL: break;
    }
    return 500;
}

/* Answers, and notes it, when the transaction of the act found that its actor may do it no more. */
static bool answer_standing(struct http_request *request, const struct tc_fault *fault)
{
    enum actor_standing standing = request->act == NULL ? ACTOR_MAY : request->act->standing;
    const char *alias = strchr(request->subject.credential, ' ');
    switch (standing) {
    case ACTOR_MAY: return false;
    case ACTOR_MAY_NOT: refusals_note(&request->subject, request->route->operation, endpoint, fault->text); break;
    case ACTOR_ALIAS_IS_GONE:
        refusals_note_unknown(endpoint, request->peer->name, alias == NULL ? "" : alias + 1);
        break;
    case ACTOR_TOKEN_IS_GONE: refusals_note_unknown(endpoint, request->peer->name, ""); break;
    }
    http_answer_problem(request, standing == ACTOR_TOKEN_IS_GONE ? 401 : 403, "%s", fault->text);
    if (standing == ACTOR_TOKEN_IS_GONE)
        http_answer_header(request, MHD_HTTP_HEADER_WWW_AUTHENTICATE, TOKEN_IS_INVALID);
    return true;
}

void http_answer_fault(struct http_request *request, const struct tc_fault *fault)
{
    int status = status_of(fault->code);
    if (status == 403 && answer_standing(request, fault))
        return;
    if (status >= 500)
        LOG_LIMITED(LOG_LEVEL_ERROR, request->route->path, "http.fault", F_STR("path", request->route->path),
                    F_STR("error", tc_error_name(fault->code)), F_STR("detail", fault->text));
    http_answer_problem(request, status, "%s", status == 500 ? "see the daemon's log" : fault->text);
}

void http_answer_read(struct http_request *request, const char *content_type, struct buffer *body)
{
    bool is_short = body->length < GZIP_LEAST_BYTES || strcmp(request->route->method, "GET") != 0;
    bool is_compressed = !is_short && gzip_is_accepted(http_request_header(request, MHD_HTTP_HEADER_ACCEPT_ENCODING));
    if (is_compressed)
        gzip_compress(body);
    http_answer(request, 200, content_type, body);
    if (!is_short && request->status == 200)
        http_answer_header(request, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    if (is_compressed && request->status == 200)
        http_answer_header(request, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
}

void http_answer_document(struct http_request *request, enum tc_error error, struct buffer *json,
                          const struct tc_fault *fault)
{
    if (error == TC_OK)
        http_answer_read(request, "application/json", json);
    else
        http_answer_fault(request, fault);
    buffer_free(json);
}

enum tc_error http_name_missing(enum tc_error error, struct tc_fault *fault)
{
    return error == TC_NOT_FOUND ? tc_fault_set(fault, error, "unknown ID or name") : error;
}

void http_answer_header(struct http_request *request, const char *name, const char *value)
{
    TC_CHECK(MHD_add_response_header(request->response, name, value) == MHD_YES);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

int64_t http_request_length(const struct http_request *request)
{
    const char *text = http_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (text == NULL)
        return -1;
    char *end;
    errno = 0;
    int64_t length = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && length >= 0 ? length : -1;
}

bool http_request_has_type(const struct http_request *request, const char *types)
{
    const char *type = http_request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
    if (type == NULL)
        return false;
    size_t length = strcspn(type, "; \t");
    while (*types != '\0') {
        size_t next = strcspn(types, " ");
        if (next == length && strncasecmp(types, type, length) == 0)
            return true;
        types += next + (types[next] == ' ');
    }
    return false;
}

enum tc_error http_read_rollout_id(const struct http_request *request, int64_t *id, struct tc_fault *fault)
{
    if (http_read_id(request->variable, id))
        return TC_OK;
    return tc_fault_set(fault, TC_NOT_FOUND, "the ID of a rollout must be a number");
}

enum tc_error http_read_page(const struct http_request *request, int64_t *after, int *limit, struct tc_fault *fault)
{
    int64_t count = PAGE_DEFAULT;
    enum tc_error error = http_target_integer(&request->target, "limit", 1, READ_PAGE_MAX, &count, fault);
    *limit = (int)count;
    if (error == TC_OK && after != NULL)
        error = http_target_integer(&request->target, "after", 0, INT64_MAX, after, fault);
    return error;
}
