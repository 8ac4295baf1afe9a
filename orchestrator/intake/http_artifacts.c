#include "base/clock.h"
#include "base/log.h"
#include "config/scalar.h"
#include "orchestrator/intake/http_range.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/inventory.h"
#include "topics/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ETAG_SIZE = 67 };

/* A digest in a path must be 64 lower-case digits. */
static bool is_digest(const char *text)
{
    char digest[65];
    return scalar_read_sha256(text, digest) && strcmp(text, digest) == 0;
}

static bool is_name(const char *text)
{
    return text != NULL && name_is_valid(text, strlen(text));
}

static void begin_upload(struct http_request *request, int64_t size_bytes)
{
    struct tc_fault fault;
    enum tc_error error = artifact_upload_open(request->http->config.artifacts, request->subject.name,
                                               request->variable, size_bytes, &request->upload, &fault);
    if (error == TC_BUSY)
        http_answer_problem(request, 429, "%s", fault.text);
    else if (error != TC_OK)
        http_answer_fault(request, &fault);
}

void artifact_begin(struct http_request *request)
{
    const struct http_config *config = &request->http->config;
    int64_t size_bytes = http_request_length(request);
    if (!is_digest(request->variable))
        http_answer_problem(request, 400,
                            "the path must end in the SHA-256 of the file, 64 lower-case hexadecimal digits");
    else if (!is_name(http_target_text(&request->target, "name")) ||
             !is_name(http_target_text(&request->target, "version")))
        http_answer_problem(request, 400, "name and version must be given: 1 to 64 of A-Z a-z 0-9 _ - . : +");
    else if (size_bytes < 0)
        http_answer_problem(request, 411, "Content-Length must be given");
    else if (size_bytes == 0)
        http_answer_problem(request, 422, "an artifact must not be empty");
    else if (size_bytes > config->artifact_size_limit)
        http_answer_problem(request, 413, "at most %" PRId64 " bytes are allowed (artifacts.size_limit)",
                            config->artifact_size_limit);
    else
        begin_upload(request, size_bytes);
    request->body_limit = config->artifact_size_limit;
}

struct record {
    struct http_request *request;
    struct artifact artifact;
    struct artifact_added added;
};

static enum tc_error record_artifact(void *context, struct tc_fault *fault)
{
    struct record *record = context;
    struct store_pool *stores = record->request->http->config.stores;
    struct store *store = http_act_take_store(record->request);
    const struct artifact *artifact = &record->artifact;
    enum tc_error error = artifact_add(store, artifact, record->request->subject.name, &record->added, fault);
    store_pool_give(stores, store);
    if (record->added.is_another)
        (void)tc_fault_set(fault, error, "%s %s is already stored with different content", artifact->name,
                           artifact->version);
    return error;
}

/* Answers with 200 when neither the file nor its name is new, otherwise with 201. */
static void answer_stored(struct http_request *request, const struct record *record, bool existed)
{
    const struct artifact *artifact = &record->artifact;
    const char *url = request->http->config.public_url;
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    struct buffer path = {0}, body = {0};
    buffer_format(&path, "%.*s/v1/artifacts/%s", (int)length, url, artifact->sha256);
    buffer_format(&body,
                  "{\"name\":\"%s\",\"version\":\"%s\",\"sha256\":\"%s\",\"size\":%" PRId64 ",\"url\":", artifact->name,
                  artifact->version, artifact->sha256, artifact->size_bytes);
    json_text_put(&body, buffer_text(&path));
    buffer_format(&body, ",\"same_as\":%s}", buffer_text(&record->added.same_as));
    buffer_free(&path);
    http_answer_json(request, existed && !record->added.is_new ? 200 : 201, &body);
}

/* It may be the first version with this file that is not blocked. */
static void note_added(struct artifact_store *artifacts, const struct artifact *artifact)
{
    struct artifact_standing standing = {0};
    (void)artifact_store_recall(artifacts, artifact->sha256, &standing);
    standing.size_bytes = artifact->size_bytes;
    standing.read_ms = 0;
    artifact_store_note(artifacts, artifact->sha256, &standing);
}

void artifact_put(struct http_request *request)
{
    struct record record = {.request = request};
    struct artifact *artifact = &record.artifact;
    (void)snprintf(artifact->name, sizeof artifact->name, "%s", http_target_text(&request->target, "name"));
    (void)snprintf(artifact->version, sizeof artifact->version, "%s", http_target_text(&request->target, "version"));
    (void)snprintf(artifact->sha256, sizeof artifact->sha256, "%s", request->variable);
    artifact->size_bytes = request->body_received;

    bool existed;
    struct tc_fault fault;
    enum tc_error error = artifact_upload_commit(request->upload, record_artifact, &record, &existed, &fault);
    if (error == TC_OK) {
        note_added(request->http->config.artifacts, artifact);
        answer_stored(request, &record, existed);
    }
    buffer_free(&record.added.same_as);
    if (error == TC_INVALID)
        http_answer_problem(request, 422, "%s", fault.text);
    else if (error != TC_OK)
        http_answer_fault(request, &fault);
}

/* Answers with the file or a part of it, and closes it. With a 304 the library sends no body, but the length of a
 * 200. */
static void send_part(struct http_request *request, int status, int file, int64_t first, int64_t length)
{
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64((uint64_t)length, file, (uint64_t)first);
    if (response == NULL)
        (void)close(file);
    http_answer_with(request, status, response);
    http_answer_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
}

static void add_content_range(struct http_request *request, const struct http_range *range, int64_t size_bytes)
{
    char text[80];
    (void)snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, range->first,
                   range->first + range->length - 1, size_bytes);
    http_answer_header(request, MHD_HTTP_HEADER_CONTENT_RANGE, text);
}

static void refuse_range(struct http_request *request, int64_t size_bytes)
{
    char content_range[40];
    (void)snprintf(content_range, sizeof content_range, "bytes */%" PRId64, size_bytes);
    http_answer_problem(request, 416, "the range must begin within the %" PRId64 " bytes of the file", size_bytes);
    http_answer_header(request, MHD_HTTP_HEADER_CONTENT_RANGE, content_range);
}

static void send_file(struct http_request *request, int file, int64_t size_bytes, const char *etag)
{
    struct http_range range = {.kind = RANGE_WHOLE};
    if (!request->is_head && http_if_range_holds(http_request_header(request, MHD_HTTP_HEADER_IF_RANGE), etag))
        range = http_range_parse(http_request_header(request, MHD_HTTP_HEADER_RANGE), size_bytes);
    if (http_etag_is_listed(http_request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH), etag)) {
        send_part(request, 304, file, 0, size_bytes);
    } else if (range.kind == RANGE_WHOLE) {
        send_part(request, 200, file, 0, size_bytes);
    } else if (range.kind == RANGE_PART) {
        send_part(request, 206, file, range.first, range.length);
        add_content_range(request, &range, size_bytes);
    } else {
        refuse_range(request, size_bytes);
        (void)close(file);
    }
}

/* Reads what the database says of the file, at most once in ARTIFACT_STANDING_FRESH_MS. While the database is
 * unavailable what it said last counts; a file that it does not know is sent as it is, since devices check the digest.
 * Returns false when a job thread must read it. */
static bool read_standing(struct http_request *request, struct artifact_standing *standing)
{
    struct artifact_store *artifacts = request->http->config.artifacts;
    *standing = (struct artifact_standing){.size_bytes = -1};
    (void)artifact_store_recall(artifacts, request->variable, standing);
    int64_t now_ms = clock_monotonic_ms();
    if (standing->read_ms != 0 && now_ms - standing->read_ms <= ARTIFACT_STANDING_FRESH_MS)
        return true;
    if (!request->was_suspended)
        return false;
    struct artifact_standing read = {.read_ms = now_ms};
    struct store_pool *stores = request->http->config.stores;
    struct store *store = store_pool_take(stores);
    struct tc_fault fault;
    enum tc_error error = artifact_find_file(store, request->variable, &read.size_bytes, &read.is_blocked, &fault);
    store_pool_give(stores, store);
    if (error == TC_OK)
        *standing = read;
    standing->read_ms = now_ms;
    if (standing->size_bytes >= 0)
        artifact_store_note(artifacts, request->variable, standing);
    return true;
}

/* Agents of every version try again after a 503 and ask meanwhile, and so end their download as withdrawn; after
 * another status they would report a failure. */
static void refuse_blocked(struct http_request *request)
{
    download_note_refusal(request, "", "blocked", request->variable);
    http_answer_problem(request, 503, "this version is blocked: see tellercast artifact list");
}

static void refuse_damaged(struct http_request *request, int64_t size_bytes, int64_t expected_bytes)
{
    LOG_LIMITED(LOG_LEVEL_ERROR, request->variable, "artifact.damaged", F_STR("sha256", request->variable),
                F_INT("found_bytes", size_bytes), F_INT("wanted_bytes", expected_bytes));
    http_answer_problem(request, 500,
                        "the stored file is damaged: it has %" PRId64 " bytes, not %" PRId64 "; add the artifact again",
                        size_bytes, expected_bytes);
}

/* Returns whether the file may be sent. False: it has answered; or, unless `was_suspended`, a job thread must call it
 * again. */
static bool is_sound(struct http_request *request, int64_t size_bytes)
{
    struct artifact_standing standing;
    if (!read_standing(request, &standing))
        return false;
    if (standing.is_blocked)
        refuse_blocked(request);
    else if (standing.size_bytes >= 0 && standing.size_bytes != size_bytes)
        refuse_damaged(request, size_bytes, standing.size_bytes);
    return request->status == 0;
}

void artifact_send(struct http_request *request)
{
    struct tc_fault fault;
    int file;
    int64_t size_bytes;
    if (!is_digest(request->variable)) {
        http_answer_problem(request, 404, "the path must end in a SHA-256, 64 lower-case hexadecimal digits");
        return;
    }
    if (!download_admit(request))
        return;
    if (artifact_store_read(request->http->config.artifacts, request->variable, &file, &size_bytes, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    if (!is_sound(request, size_bytes)) {
        (void)close(file);
        return;
    }
    char etag[ETAG_SIZE];
    (void)snprintf(etag, sizeof etag, "\"%s\"", request->variable);
    send_file(request, file, size_bytes, etag);
    if (request->status < 400) {
        http_answer_header(request, MHD_HTTP_HEADER_ETAG, etag);
        http_answer_header(request, MHD_HTTP_HEADER_CACHE_CONTROL,
                           request->http->issuers == NULL ? "public, max-age=31536000, immutable"
                                                          : "private, max-age=31536000, immutable");
    }
    http_answer_header(request, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
}
