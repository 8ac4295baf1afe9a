#include "orchestrator/outbound/https_request.h"

#include "base/address.h"
#include "orchestrator/worker/worker.h"

#include <curl/curl.h>
#include <string.h>

enum { CONNECT_MS = 3000, STATUS_FINAL = 200 };

struct exchange {
    const struct https_request *request;
    CURL *curl;
    struct curl_slist *headers;
    char message[CURL_ERROR_SIZE];
    struct buffer *answer; /* NULL: it is discarded */
    size_t length;
    bool is_too_large;
};

/* The part of a URL; "": it has none. The caller frees it with curl_free. */
static char *part_of(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

enum tc_error https_check_url(const char *url, bool allows_loopback, struct tc_fault *fault)
{
    CURLU *parsed = curl_url();
    TC_CHECK(parsed != NULL);
    bool is_url = curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK;
    char *scheme = part_of(parsed, CURLUPART_SCHEME), *host = part_of(parsed, CURLUPART_HOST);
    char *user = part_of(parsed, CURLUPART_USER), *fragment = part_of(parsed, CURLUPART_FRAGMENT);
    bool is_secure = is_url && strcmp(scheme, "https") == 0;
    bool is_local =
        is_url && allows_loopback && strcmp(scheme, "http") == 0 && host != NULL && address_host_is_loopback(host);
    enum tc_error error = TC_OK;
    if ((!is_secure && !is_local) || user != NULL || fragment != NULL)
        error = tc_fault_set(fault, TC_INVALID,
                             "must be an https:// URL without a user and a fragment; http:// on loopback needs "
                             "insecure_loopback");
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(fragment);
    curl_url_cleanup(parsed);
    return error;
}

static size_t take_bytes(char *bytes, size_t one, size_t length, void *context)
{
    struct exchange *exchange = context;
    (void)one;
    exchange->is_too_large = exchange->length + length > exchange->request->answer_max;
    if (exchange->is_too_large)
        return CURL_WRITEFUNC_ERROR;
    exchange->length += length;
    if (exchange->answer != NULL)
        buffer_put(exchange->answer, bytes, length);
    return length;
}

static int note_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct exchange *exchange = context;
    (void)a, (void)b, (void)c, (void)d;
    worker_mark_progress();
    return atomic_load(exchange->request->stop) ? 1 : 0;
}

static CURLcode set_options(struct exchange *exchange)
{
    const struct https_request *request = exchange->request;
    CURL *curl = exchange->curl;
    CURLcode code = CURLE_OK;
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(curl, option, value) : code
    SET(CURLOPT_PROTOCOLS_STR, request->allows_loopback ? "https,http" : "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* NULL would be the environment's */
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, exchange->message);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, (long)request->request_ms);
    SET(CURLOPT_USERAGENT, "tellercastd/" TELLERCAST_VERSION);
    SET(CURLOPT_WRITEFUNCTION, take_bytes);
    SET(CURLOPT_WRITEDATA, exchange);
    SET(CURLOPT_XFERINFOFUNCTION, note_progress);
    SET(CURLOPT_XFERINFODATA, exchange);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_URL, request->url);
    if (request->ca_file[0] != '\0') {
        SET(CURLOPT_CAINFO, request->ca_file);
        SET(CURLOPT_CAPATH, NULL); /* else the system's authorities are trusted as well */
    }
    if (request->body != NULL)
        SET(CURLOPT_POSTFIELDS, request->body);
    for (const char *const *header = request->headers; header != NULL && *header != NULL; header++) {
        struct curl_slist *longer = curl_slist_append(exchange->headers, *header);
        TC_CHECK(longer != NULL);
        exchange->headers = longer;
    }
    SET(CURLOPT_HTTPHEADER, exchange->headers);
    if (request->user != NULL) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, request->user);
        SET(CURLOPT_PASSWORD, request->password);
    }
#undef SET
    return code;
}

enum tc_error https_send(const struct https_request *request, long *status, struct buffer *answer,
                         struct tc_fault *fault)
{
    struct exchange exchange = {.request = request, .curl = curl_easy_init(), .answer = answer};
    *status = 0;
    TC_CHECK(exchange.curl != NULL);
    enum tc_error error = https_check_url(request->url, request->allows_loopback, fault);
    CURLcode code = error == TC_OK ? set_options(&exchange) : CURLE_OK;
    if (error == TC_OK && code == CURLE_OK)
        code = curl_easy_perform(exchange.curl);
    (void)curl_easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, status);
    curl_easy_cleanup(exchange.curl);
    curl_slist_free_all(exchange.headers);
    if (error != TC_OK || (answer == NULL && *status >= STATUS_FINAL))
        return error;
    if (exchange.is_too_large)
        return tc_fault_set(fault, TC_UNAVAILABLE, "the answer is too large; allowed: at most %zu bytes",
                            request->answer_max);
    if (code != CURLE_OK)
        return tc_fault_set(fault, TC_UNAVAILABLE, "%s",
                            exchange.message[0] == '\0' ? curl_easy_strerror(code) : exchange.message);
    return TC_OK;
}
