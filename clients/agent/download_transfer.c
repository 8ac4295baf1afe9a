#include "clients/agent/download_transfer.h"

#include "base/clock.h"
#include "base/url.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
    UNKNOWN = -1,
};

void download_set_result(struct download_result *result, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)snprintf(result->code, sizeof result->code, "%s", code);
    (void)vsnprintf(result->detail, sizeof result->detail, format, arguments);
    va_end(arguments);
}

bool download_must_end(const struct transfer *transfer, struct download_result *result)
{
    const struct download_request *request = transfer->request;
    if (request->stop != NULL && atomic_load(request->stop))
        download_set_result(result, "agent_stopped", "the agent is stopping");
    else if (clock_boot_ms() >= transfer->deadline_ms)
        download_set_result(result, "download_timeout", "%" PRId64 " of %" PRId64 " bytes had arrived at the deadline",
                            transfer->artifact.part_bytes, transfer->artifact.size_bytes);
    else
        return false;
    return true;
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

/* Returns the number before `stop`; UNKNOWN: none. */
static int64_t number_before(const char *text, char stop)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == stop && errno == 0 ? number : UNKNOWN;
}

/* "0-99/1234", or "0-99/" and an asterisk. */
static void take_range(struct transfer *transfer, const char *range)
{
    const char *slash = strchr(range, '/');
    transfer->range_start = number_before(range, '-');
    transfer->range_total = slash == NULL ? UNKNOWN : number_before(slash + 1, '\0');
}

static size_t take_header(char *line, size_t one, size_t length, void *context)
{
    struct transfer *transfer = context;
    char value[ARTIFACT_ETAG_SIZE];
    (void)one;
    if (length > 5 && strncmp(line, "HTTP/", 5) == 0) { /* also of the answer after a redirect */
        transfer->etag[0] = '\0';
        transfer->range_start = transfer->range_total = UNKNOWN;
    } else if (header_value(line, length, "ETag", value, sizeof value)) {
        /* If-Range takes strong validators only (RFC 9110, 13.1.5). */
        (void)snprintf(transfer->etag, sizeof transfer->etag, "%s", strncmp(value, "W/", 2) == 0 ? "" : value);
    } else if (header_value(line, length, "Content-Range", value, sizeof value) && strncmp(value, "bytes ", 6) == 0) {
        take_range(transfer, value + strlen("bytes "));
    } else if (length > strlen("Location") && strncasecmp(line, "Location", strlen("Location")) == 0) {
        transfer->redirect_has_user |= memchr(line, '@', length) != NULL;
    }
    return length;
}

static long status_of(const struct transfer *transfer)
{
    long status = 0;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool brings_artifact(long status)
{
    return status == HTTP_OK || status == HTTP_PARTIAL;
}

/* The first byte: a 206 goes on where the partial file ends, a 200 starts again. */
static enum tc_error begin_body(struct transfer *transfer)
{
    long status = status_of(transfer);
    if (status == HTTP_PARTIAL && transfer->range_start == transfer->artifact.part_bytes)
        return TC_OK;
    if (status == HTTP_PARTIAL)
        return tc_fault_set(&transfer->fault, TC_INTERNAL, "the server answered %ld with another range", status);
    return artifact_file_restart(&transfer->artifact, transfer->etag, &transfer->fault);
}

static size_t take_bytes(char *bytes, size_t one, size_t length, void *context)
{
    struct transfer *transfer = context;
    (void)one;
    if (!brings_artifact(status_of(transfer)))
        return CURL_WRITEFUNC_ERROR; /* an error page may never end */
    enum tc_error error = transfer->is_begun ? TC_OK : begin_body(transfer);
    transfer->is_begun = true;
    if (error == TC_OK)
        error = artifact_file_append(&transfer->artifact, bytes, length, &transfer->fault);
    return error == TC_OK ? length : CURL_WRITEFUNC_ERROR;
}

static int abort_when_over(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct download_result result;
    (void)a, (void)b, (void)c, (void)d;
    return download_must_end(context, &result) ? 1 : 0;
}

static long in_seconds(int64_t ms)
{
    return (long)((ms + MS_PER_SECOND - 1) / MS_PER_SECOND);
}

static bool is_secure(const char *url)
{
    return strncasecmp(url, "https:", strlen("https:")) == 0;
}

static CURLcode set_options(struct transfer *transfer, char *message)
{
    const struct download_limits *limits = &transfer->request->limits;
    CURL *curl = transfer->curl;
    CURLcode code = CURLE_OK;
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(curl, option, value) : code
    SET(CURLOPT_URL, transfer->request->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, is_secure(transfer->request->url) ? "https" : "http,https");
    SET(CURLOPT_PROXY, limits->proxy == NULL ? "" : limits->proxy->address); /* NULL would be the environment's */
    if (limits->proxy != NULL && limits->proxy->login[0] != '\0')
        SET(CURLOPT_PROXYUSERPWD, limits->proxy->login);
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, message);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_ms);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)transfer->min_rate);
    SET(CURLOPT_LOW_SPEED_TIME, in_seconds(limits->stall_ms));
    SET(CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)limits->bytes_per_second);
    SET(CURLOPT_USERAGENT, "tellercast-agent/" TELLERCAST_VERSION);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, take_bytes);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_XFERINFOFUNCTION, abort_when_over);
    SET(CURLOPT_XFERINFODATA, transfer);
    SET(CURLOPT_NOPROGRESS, 0L);
    if (limits->ca_file != NULL) {
        SET(CURLOPT_CAINFO, limits->ca_file);
        SET(CURLOPT_CAPATH, NULL); /* else the system's authorities are trusted as well */
    }
    /* A server that a public authority vouches for need not know which device this is. */
    if (limits->ca_file != NULL && limits->certificate_file != NULL) {
        SET(CURLOPT_SSLCERT, limits->certificate_file);
        SET(CURLOPT_SSLKEY, limits->key_file);
    }
#undef SET
    return code;
}

/* Sets Range and If-Range for the missing bytes. NULL when no byte is there. */
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

static enum transfer_outcome classify_local_fault(struct transfer *transfer, struct download_result *result)
{
    const struct tc_fault *fault = &transfer->fault;
    const char *code = fault->code == TC_NO_SPACE    ? "disk_full"
                       : fault->code == TC_TOO_LARGE ? "size_mismatch"
                                                     : "download_failed";
    download_set_result(result, code, "%s", fault->text);
    if (fault->code != TC_INTERNAL)
        return TRANSFER_FAILED;
    artifact_file_remove(&transfer->artifact); /* the server may work without ranges */
    return TRANSFER_RETRY;
}

static enum transfer_outcome classify_status(struct transfer *transfer, const char *who, long status,
                                             struct download_result *result)
{
    download_set_result(result, "download_failed", "the %s answered %ld", who, status);
    if (status == HTTP_RANGE_NOT_SATISFIABLE) {
        artifact_file_remove(&transfer->artifact);
        return TRANSFER_RETRY;
    }
    if (status >= HTTP_SERVER_ERROR || status == HTTP_REQUEST_TIMEOUT || status == HTTP_TOO_MANY_REQUESTS)
        return TRANSFER_RETRY;
    return TRANSFER_FAILED;
}

/* True when the server says that it has sent all it has. */
static bool is_complete_at_server(const struct transfer *transfer)
{
    curl_off_t length = UNKNOWN;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (status_of(transfer) == HTTP_PARTIAL)
        return transfer->range_total != UNKNOWN && transfer->range_total < transfer->artifact.size_bytes;
    return length != UNKNOWN;
}

/* The server ended normally, but before the signed size. */
static enum transfer_outcome classify_short_body(struct transfer *transfer, struct download_result *result)
{
    const struct artifact_file *artifact = &transfer->artifact;
    if (is_complete_at_server(transfer)) {
        download_set_result(result, "size_mismatch", "the server has %" PRId64 " bytes, the instruction says %" PRId64,
                            artifact->part_bytes, artifact->size_bytes);
        artifact_file_remove(&transfer->artifact);
        return TRANSFER_FAILED;
    }
    download_set_result(result, "download_failed", "the server closed after %" PRId64 " of %" PRId64 " bytes",
                        artifact->part_bytes, artifact->size_bytes);
    return TRANSFER_RETRY;
}

/* True when a SOCKS proxy refuses permanently. */
static bool is_refused_by_proxy(const struct transfer *transfer)
{
    long reason = CURLPX_OK;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_PROXY_ERROR, &reason);
    switch (reason) {
    case CURLPX_BAD_VERSION:
    case CURLPX_LONG_USER:
    case CURLPX_LONG_PASSWD:
    case CURLPX_LONG_HOSTNAME:
    case CURLPX_NO_AUTH:
    case CURLPX_USER_REJECTED:
    case CURLPX_REPLY_NOT_ALLOWED:
    case CURLPX_REPLY_COMMAND_NOT_SUPPORTED:
    case CURLPX_REPLY_ADDRESS_TYPE_NOT_SUPPORTED: return true;
    default: return false;
    }
}

/* True for faults that the next try would meet again. A name, a connection, a certificate or the file of authorities
 * may be right then.
 */
static bool is_permanent(const struct transfer *transfer, CURLcode code)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_NOT_BUILT_IN:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_BAD_FUNCTION_ARGUMENT: return true;
    case CURLE_PROXY: return is_refused_by_proxy(transfer);
    default: return false;
    }
}

/* libcurl's text may quote a part of a URL as the host name that was meant as a password.
 */
static const char *error_text(const struct transfer *transfer, CURLcode code, const char *message)
{
    bool may_quote = url_may_have_user(transfer->request->url) || transfer->redirect_has_user;
    return may_quote || message[0] == '\0' ? curl_easy_strerror(code) : message;
}

static enum transfer_outcome classify(struct transfer *transfer, CURLcode code, const char *message,
                                      struct download_result *result)
{
    long status = status_of(transfer), connect_status = 0;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_HTTP_CONNECTCODE, &connect_status);
    if (transfer->fault.code != TC_OK)
        return classify_local_fault(transfer, result);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return download_must_end(transfer, result) ? TRANSFER_FAILED : TRANSFER_RETRY;
    bool is_answered = code == CURLE_OK || code == CURLE_WRITE_ERROR;
    if (status >= HTTP_CLIENT_ERROR || (is_answered && !brings_artifact(status)))
        return classify_status(transfer, "server", status, result);
    if (code != CURLE_OK && connect_status >= HTTP_CLIENT_ERROR)
        return classify_status(transfer, "proxy", connect_status, result);
    if (code != CURLE_OK) {
        download_set_result(result, "download_failed", "%s", error_text(transfer, code, message));
        return is_permanent(transfer, code) ? TRANSFER_FAILED : TRANSFER_RETRY;
    }
    if (transfer->artifact.part_bytes < transfer->artifact.size_bytes)
        return classify_short_body(transfer, result);
    return TRANSFER_DONE;
}

enum transfer_outcome transfer_try(struct transfer *transfer, struct download_result *result)
{
    char message[CURL_ERROR_SIZE] = "";
    transfer->is_begun = transfer->redirect_has_user = false;
    transfer->fault = (struct tc_fault){0};
    if (artifact_file_open(&transfer->artifact, &transfer->fault) != TC_OK)
        return classify_local_fault(transfer, result);
    if (transfer->artifact.part_bytes == transfer->artifact.size_bytes)
        return TRANSFER_DONE;

    transfer->curl = curl_easy_init();
    TC_CHECK(transfer->curl != NULL);
    CURLcode code = set_options(transfer, message);
    struct curl_slist *headers = set_range(transfer);
    if (code == CURLE_OK)
        code = curl_easy_perform(transfer->curl);
    enum transfer_outcome outcome = classify(transfer, code, message, result);
    curl_slist_free_all(headers);
    curl_easy_cleanup(transfer->curl);
    return outcome;
}
