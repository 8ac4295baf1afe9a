#include "clients/agent/enrolment/device_call.h"

#include <curl/curl.h>
#include <jansson.h>
#include <string.h>

enum {
    HTTP_OK = 200,
    HTTP_CREATED = 201,
    HTTP_CLIENT_ERROR = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_REQUEST_TIMEOUT = 408,
    HTTP_TOO_EARLY = 425,
    HTTP_TOO_MANY_REQUESTS = 429,
    HTTP_SERVER_ERROR = 500,
};
enum { CONNECT_MS = 30000, ALL_MS = 60000 };

struct exchange {
    const struct device_call *call;
    CURL *curl;
    char message[CURL_ERROR_SIZE];
    struct buffer answer;
    struct curl_slist *headers;
    bool is_too_large;
};

static size_t take_bytes(char *bytes, size_t one, size_t length, void *context)
{
    struct exchange *exchange = context;
    (void)one;
    exchange->is_too_large = exchange->answer.length + length > DEVICE_ANSWER_MAX;
    if (exchange->is_too_large)
        return CURL_WRITEFUNC_ERROR;
    buffer_put(&exchange->answer, bytes, length);
    return length;
}

static int end_when_stopped(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct exchange *exchange = context;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(exchange->call->stop) ? 1 : 0;
}

static CURLcode set_limits(struct exchange *exchange)
{
    CURL *curl = exchange->curl;
    CURLcode code = CURLE_OK;
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(curl, option, value) : code
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* NULL would be the environment's */
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, exchange->message);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, (long)ALL_MS);
    SET(CURLOPT_USERAGENT, "tellercast-agent/" TELLERCAST_VERSION);
    SET(CURLOPT_WRITEFUNCTION, take_bytes);
    SET(CURLOPT_WRITEDATA, exchange);
    SET(CURLOPT_XFERINFOFUNCTION, end_when_stopped);
    SET(CURLOPT_XFERINFODATA, exchange);
    SET(CURLOPT_NOPROGRESS, 0L);
    return code;
}

static CURLcode set_request(struct exchange *exchange)
{
    const struct device_call *call = exchange->call;
    CURL *curl = exchange->curl;
    CURLcode code = CURLE_OK;
    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_HTTPHEADER, exchange->headers);
    SET(CURLOPT_POSTFIELDSIZE, (long)call->body->length);
    SET(CURLOPT_POSTFIELDS, buffer_text(call->body));
    if (call->ca_file[0] != '\0') {
        SET(CURLOPT_CAINFO, call->ca_file);
        SET(CURLOPT_CAPATH, NULL); /* else the system's authorities are trusted as well */
    }
    if (call->password != NULL) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, call->user);
        SET(CURLOPT_PASSWORD, call->password);
    } else {
        SET(CURLOPT_SSLCERT, call->certificate_file);
        SET(CURLOPT_SSLKEY, call->key_file);
    }
#undef SET
    return code;
}

static bool may_be_repeated(long status)
{
    return status >= HTTP_SERVER_ERROR || status < HTTP_CLIENT_ERROR || status == HTTP_REQUEST_TIMEOUT ||
           status == HTTP_TOO_EARLY || status == HTTP_TOO_MANY_REQUESTS;
}

/* The reason that a problem document (RFC 9457) gives. */
static enum tc_error refuse(const struct exchange *exchange, long status, struct tc_fault *fault)
{
    bool is_denied = status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN;
    json_t *problem = json_loadb(buffer_text(&exchange->answer), exchange->answer.length, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    enum tc_error error = tc_fault_set(fault,
                                       is_denied                 ? TC_DENIED
                                       : may_be_repeated(status) ? TC_UNAVAILABLE
                                                                 : TC_INVALID,
                                       "the server answered %ld%s%.200s", status, detail == NULL ? "" : ": ",
                                       detail == NULL ? "" : detail);
    json_decref(problem);
    return error;
}

static enum tc_error conclude(struct exchange *exchange, CURLcode code, long status, struct tc_fault *fault)
{
    if (exchange->is_too_large)
        return tc_fault_set(fault, TC_UNAVAILABLE, "the answer is too large; allowed: at most %d bytes",
                            DEVICE_ANSWER_MAX);
    if (code != CURLE_OK)
        return tc_fault_set(fault, TC_UNAVAILABLE, "%s",
                            exchange->message[0] == '\0' ? curl_easy_strerror(code) : exchange->message);
    return status == HTTP_OK || status == HTTP_CREATED ? TC_OK : refuse(exchange, status, fault);
}

enum tc_error device_call_run(const struct device_call *call, long *status, struct buffer *answer,
                              struct tc_fault *fault)
{
    struct exchange exchange = {.call = call, .curl = curl_easy_init()};
    TC_CHECK(exchange.curl != NULL);
    for (size_t i = 0; call->headers[i] != NULL; i++) {
        struct curl_slist *headers = curl_slist_append(exchange.headers, call->headers[i]);
        TC_CHECK(headers != NULL);
        exchange.headers = headers;
    }
    CURLcode code = set_limits(&exchange);
    if (code == CURLE_OK)
        code = set_request(&exchange);
    if (code == CURLE_OK)
        code = curl_easy_perform(exchange.curl);
    *status = 0;
    (void)curl_easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, status);
    enum tc_error error = conclude(&exchange, code, *status, fault);
    if (error == TC_OK)
        buffer_put(answer, buffer_text(&exchange.answer), exchange.answer.length);
    curl_easy_cleanup(exchange.curl);
    curl_slist_free_all(exchange.headers);
    buffer_free(&exchange.answer);
    return error;
}
