#include "clients/agent/download.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "clients/agent/artifact_file.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
    HTTP_OK = 200,
    HTTP_PARTIAL = 206,
    HTTP_REQUEST_TIMEOUT = 408,
    HTTP_RANGE_NOT_SATISFIABLE = 416,
    HTTP_TOO_MANY_REQUESTS = 429,
    HTTP_CLIENT_ERROR = 400,
    HTTP_SERVER_ERROR = 500,
    REDIRECTS_MAX = 5,
    MS_PER_SECOND = 1000,
    NS_PER_MS = 1000000,
    WAIT_STEP_MS = 50,
    WRONG_MAX = 2, /* a wrong digest may be a resumed file that changed: one fresh try */
};
/* A device that has no byte left is worse off than one with an old version. */
static const int64_t reserved_bytes = INT64_C(16) << 20;

/* What one connection brought. */
enum attempt_outcome { ATTEMPT_DONE, ATTEMPT_AGAIN, ATTEMPT_FAILED };

struct transfer {
    const struct download_request *request;
    struct artifact_file artifact;
    CURL *curl;
    bool is_begun; /* this connection's first byte of the artifact has come, or its status was judged */
    int64_t brought_bytes;
    char etag[ARTIFACT_ETAG_SIZE]; /* that this response carries */
    int64_t range_start;           /* of a 206's Content-Range; -1 when it has none */
    struct tc_fault fault;         /* of our own side: the disk, or too many bytes */
};

static void set_result(struct download_result *result, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void set_result(struct download_result *result, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)snprintf(result->code, sizeof result->code, "%s", code);
    (void)vsnprintf(result->detail, sizeof result->detail, format, arguments);
    va_end(arguments);
}

static bool must_stop(const struct download_request *request)
{
    return request->stop != NULL && atomic_load(request->stop);
}

/* True, and the trimmed value, when this line is the header `name`. */
static bool header_value(const char *line, size_t length, const char *name, char *value, size_t size)
{
    size_t name_length = strlen(name);
    if (length <= name_length || line[name_length] != ':' || strncasecmp(line, name, name_length) != 0)
        return false;
    const char *start = line + name_length + 1;
    const char *end = line + length;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (end > start && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    (void)snprintf(value, size, "%.*s", (int)(end - start), start);
    return (size_t)(end - start) < size;
}

static size_t take_header(char *line, size_t one, size_t length, void *context)
{
    struct transfer *transfer = context;
    char value[ARTIFACT_ETAG_SIZE];
    (void)one;
    if (length > 5 && strncmp(line, "HTTP/", 5) == 0) { /* of the answer after a redirection, too */
        transfer->etag[0] = '\0';
        transfer->range_start = -1;
    } else if (header_value(line, length, "ETag", value, sizeof value)) {
        /* If-Range takes strong validators only (RFC 9110, 13.1.5). */
        (void)snprintf(transfer->etag, sizeof transfer->etag, "%s", strncmp(value, "W/", 2) == 0 ? "" : value);
    } else if (header_value(line, length, "Content-Range", value, sizeof value) && strncmp(value, "bytes ", 6) == 0) {
        transfer->range_start = strtoll(value + 6, NULL, 10);
    }
    return length;
}

/* The first byte: a 206 goes on where the partial file ends, a 200 starts again. */
static enum tc_error begin(struct transfer *transfer)
{
    long status = 0;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == HTTP_PARTIAL && transfer->range_start == transfer->artifact.part_bytes)
        return TC_OK;
    if (status != HTTP_OK)
        return tc_fault_set(&transfer->fault, TC_INTERNAL, "the server answers %ld with another range", status);
    return artifact_file_restart(&transfer->artifact, transfer->etag, &transfer->fault);
}

static size_t take_bytes(char *bytes, size_t one, size_t length, void *context)
{
    struct transfer *transfer = context;
    long status = 0;
    (void)one;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= HTTP_CLIENT_ERROR)
        return length; /* the page that comes with an error */
    enum tc_error error = transfer->is_begun ? TC_OK : begin(transfer);
    transfer->is_begun = true;
    if (error == TC_OK)
        error = artifact_file_append(&transfer->artifact, bytes, length, &transfer->fault);
    if (error != TC_OK)
        return CURL_WRITEFUNC_ERROR;
    transfer->brought_bytes += (int64_t)length;
    return length;
}

static int look_at_stop(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct transfer *transfer = context;
    (void)a, (void)b, (void)c, (void)d;
    return must_stop(transfer->request) ? 1 : 0;
}

static long in_seconds(int64_t ms)
{
    return (long)((ms + MS_PER_SECOND - 1) / MS_PER_SECOND);
}

static CURLcode set_options(struct transfer *transfer, char *message)
{
    const struct download_limits *limits = &transfer->request->limits;
    CURL *curl = transfer->curl;
    CURLcode code = CURLE_OK;
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(curl, option, value) : code
    SET(CURLOPT_URL, transfer->request->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, message);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_ms);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, in_seconds(limits->stall_ms));
    SET(CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)limits->bytes_per_second);
    SET(CURLOPT_USERAGENT, "tellercast-agent/" TELLERCAST_VERSION);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, take_bytes);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_XFERINFOFUNCTION, look_at_stop);
    SET(CURLOPT_XFERINFODATA, transfer);
    SET(CURLOPT_NOPROGRESS, 0L);
    if (limits->ca_file != NULL)
        SET(CURLOPT_CAINFO, limits->ca_file);
#undef SET
    return code;
}

/* Range and If-Range for what is missing. NULL when all of it is. */
static struct curl_slist *set_range(struct transfer *transfer)
{
    char text[ARTIFACT_ETAG_SIZE + 16];
    if (transfer->artifact.part_bytes == 0)
        return NULL;
    (void)snprintf(text, sizeof text, "Range: bytes=%" PRId64 "-", transfer->artifact.part_bytes);
    struct curl_slist *headers = curl_slist_append(NULL, text);
    if (transfer->artifact.etag[0] != '\0') {
        (void)snprintf(text, sizeof text, "If-Range: %s", transfer->artifact.etag);
        headers = curl_slist_append(headers, text);
    }
    (void)curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER, headers);
    return headers;
}

static enum attempt_outcome judge_own_fault(const struct transfer *transfer, struct download_result *result)
{
    const struct tc_fault *fault = &transfer->fault;
    const char *code = fault->code == TC_NO_SPACE    ? "disk_full"
                       : fault->code == TC_TOO_LARGE ? "size_mismatch"
                                                     : "download_failed";
    set_result(result, code, "%s", fault->text);
    return fault->code == TC_INTERNAL ? ATTEMPT_AGAIN : ATTEMPT_FAILED;
}

static enum attempt_outcome judge_status(struct transfer *transfer, long status, struct download_result *result)
{
    set_result(result, "download_failed", "the server answers %ld", status);
    if (status == HTTP_RANGE_NOT_SATISFIABLE) {
        artifact_file_remove(&transfer->artifact);
        return ATTEMPT_AGAIN;
    }
    if (status >= HTTP_SERVER_ERROR || status == HTTP_REQUEST_TIMEOUT || status == HTTP_TOO_MANY_REQUESTS)
        return ATTEMPT_AGAIN;
    return ATTEMPT_FAILED;
}

static enum attempt_outcome judge(struct transfer *transfer, CURLcode code, const char *message,
                                  struct download_result *result)
{
    long status = 0;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->fault.code != TC_OK)
        return judge_own_fault(transfer, result);
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        set_result(result, "agent_stopped", "the agent has to stop");
        return ATTEMPT_FAILED;
    }
    if (code != CURLE_OK) {
        set_result(result, "download_failed", "%s", message[0] == '\0' ? curl_easy_strerror(code) : message);
        return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ? ATTEMPT_FAILED : ATTEMPT_AGAIN;
    }
    if (status >= HTTP_CLIENT_ERROR)
        return judge_status(transfer, status, result);
    if (transfer->artifact.part_bytes < transfer->artifact.size_bytes) {
        set_result(result, "size_mismatch", "the server has %" PRId64 " bytes, ordered are %" PRId64,
                   transfer->artifact.part_bytes, transfer->artifact.size_bytes);
        artifact_file_remove(&transfer->artifact);
        return ATTEMPT_FAILED;
    }
    return ATTEMPT_DONE;
}

/* One connection. */
static enum attempt_outcome attempt(struct transfer *transfer, struct download_result *result)
{
    char message[CURL_ERROR_SIZE] = "";
    transfer->is_begun = false;
    transfer->brought_bytes = 0;
    transfer->fault = (struct tc_fault){0};
    if (artifact_file_open(&transfer->artifact, &transfer->fault) != TC_OK)
        return judge_own_fault(transfer, result);
    if (transfer->artifact.part_bytes == transfer->artifact.size_bytes)
        return ATTEMPT_DONE;

    transfer->curl = curl_easy_init();
    TC_CHECK(transfer->curl != NULL);
    CURLcode code = set_options(transfer, message);
    struct curl_slist *headers = set_range(transfer);
    if (code == CURLE_OK)
        code = curl_easy_perform(transfer->curl);
    enum attempt_outcome outcome = judge(transfer, code, message, result);
    curl_slist_free_all(headers);
    curl_easy_cleanup(transfer->curl);
    return outcome;
}

static void wait_before_next_try(const struct download_request *request, int64_t tries)
{
    int64_t wait_ms = request->limits.backoff_first_ms;
    for (int64_t i = 1; i < tries && wait_ms < request->limits.backoff_most_ms; i++)
        wait_ms *= 2;
    if (wait_ms > request->limits.backoff_most_ms)
        wait_ms = request->limits.backoff_most_ms;
    wait_ms = wait_ms / 2 + (int64_t)randombytes_uniform((uint32_t)(wait_ms / 2) + 1);
    int64_t until_ms = clock_monotonic_ms() + wait_ms;
    while (clock_monotonic_ms() < until_ms && !must_stop(request)) {
        const struct timespec step = {.tv_nsec = (long)WAIT_STEP_MS * NS_PER_MS};
        (void)nanosleep(&step, NULL);
    }
}

/* Until all bytes are there. A connection that brought some starts the count of fruitless tries again. */
static bool fetch(struct transfer *transfer, struct download_result *result)
{
    const struct download_request *request = transfer->request;
    for (int64_t fruitless = 0;;) {
        enum attempt_outcome outcome = attempt(transfer, result);
        if (outcome == ATTEMPT_DONE)
            return true;
        artifact_file_close(&transfer->artifact);
        fruitless = transfer->brought_bytes > 0 ? 0 : fruitless + 1;
        if (outcome == ATTEMPT_FAILED || fruitless >= request->limits.tries)
            return false;
        LOG_INFO("download.again", F_STR("fault", result->detail), F_INT("bytes", transfer->artifact.part_bytes));
        wait_before_next_try(request, fruitless);
        if (must_stop(request)) {
            set_result(result, "agent_stopped", "the agent has to stop");
            return false;
        }
    }
}

static bool has_room(const struct transfer *transfer, struct download_result *result)
{
    struct statvfs space;
    const struct download_request *request = transfer->request;
    if (request->size_bytes > request->limits.most_bytes) {
        set_result(result, "artifact_too_large", "%" PRId64 " bytes; this device takes at most %" PRId64,
                   request->size_bytes, request->limits.most_bytes);
        return false;
    }
    if (statvfs(request->folder, &space) != 0) {
        set_result(result, "download_failed", "%s: %s", request->folder, strerror(errno));
        return false;
    }
    int64_t free_bytes = (int64_t)(space.f_bavail * space.f_frsize);
    struct stat part;
    int64_t part_bytes = stat(transfer->artifact.part, &part) == 0 ? part.st_size : 0;
    int64_t needed_bytes = request->size_bytes - part_bytes + reserved_bytes;
    if (free_bytes >= needed_bytes)
        return true;
    set_result(result, "disk_full", "%" PRId64 " bytes are free, %" PRId64 " are needed", free_bytes, needed_bytes);
    return false;
}

static void finish(struct transfer *transfer, struct download_result *result)
{
    const struct tc_fault *fault = &transfer->fault;
    for (int wrong = 0; wrong < WRONG_MAX && fetch(transfer, result); wrong++) {
        enum tc_error error = artifact_file_finish(&transfer->artifact, &transfer->fault);
        if (error == TC_OK) {
            set_result(result, "", "%s", "");
            return;
        }
        set_result(result, error == TC_CONFLICT ? "digest_mismatch" : "download_failed", "%s", fault->text);
        if (error != TC_CONFLICT)
            return;
    }
}

void download_run(const struct download_request *request, struct download_result *result)
{
    struct transfer transfer = {.request = request};
    struct tc_fault fault;
    *result = (struct download_result){0};
    if (artifact_file_name(&transfer.artifact, request->folder, request->sha256, request->size_bytes, &fault) !=
            TC_OK ||
        file_make_folders(request->folder, 0700, &fault) != TC_OK) {
        set_result(result, "download_failed", "%s", fault.text);
        return;
    }
    (void)snprintf(result->path, sizeof result->path, "%s", transfer.artifact.whole);
    if (artifact_file_is_whole(&transfer.artifact) || !has_room(&transfer, result))
        return;
    finish(&transfer, result);
    artifact_file_close(&transfer.artifact);
    if (strcmp(result->code, "disk_full") == 0)
        artifact_file_remove(&transfer.artifact);
}

void download_keep_only(const char *folder, const char *sha256)
{
    DIR *open_folder = opendir(folder);
    if (open_folder == NULL)
        return;
    for (struct dirent *entry = readdir(open_folder); entry != NULL; entry = readdir(open_folder)) {
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, sha256, SHA256_HEX_SIZE - 1) != 0)
            (void)unlinkat(dirfd(open_folder), entry->d_name, 0);
    }
    (void)closedir(open_folder);
}
