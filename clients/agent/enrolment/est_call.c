#include "clients/agent/enrolment/est_call.h"

#include <curl/curl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { HTTP_OK = 200, HTTP_UNAUTHORIZED = 401, HTTP_FORBIDDEN = 403 };
enum { ANSWER_MAX = 131072, CONNECT_MS = 30000, ALL_MS = 60000 };

struct exchange {
    const struct est_call *call;
    CURL *curl;
    char message[CURL_ERROR_SIZE];
    struct buffer url, body, answer;
    struct curl_slist *headers;
    bool is_too_large;
};

static size_t take_bytes(char *bytes, size_t one, size_t length, void *context)
{
    struct exchange *exchange = context;
    (void)one;
    exchange->is_too_large = exchange->answer.length + length > ANSWER_MAX;
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
    const struct est_call *call = exchange->call;
    CURL *curl = exchange->curl;
    CURLcode code = CURLE_OK;
    SET(CURLOPT_URL, buffer_text(&exchange->url));
    SET(CURLOPT_HTTPHEADER, exchange->headers);
    SET(CURLOPT_POSTFIELDSIZE, (long)exchange->body.length);
    SET(CURLOPT_POSTFIELDS, buffer_text(&exchange->body));
    if (call->ca_file[0] != '\0') {
        SET(CURLOPT_CAINFO, call->ca_file);
        SET(CURLOPT_CAPATH, NULL); /* else the system's authorities are trusted as well */
    }
    if (call->code != NULL) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, call->device);
        SET(CURLOPT_PASSWORD, call->code);
    } else {
        SET(CURLOPT_SSLCERT, call->certificate_file);
        SET(CURLOPT_SSLKEY, call->key_file);
    }
#undef SET
    return code;
}

static void put_base64(const struct buffer *bytes, struct buffer *text)
{
    size_t size = sodium_base64_encoded_len(bytes->length, sodium_base64_VARIANT_ORIGINAL);
    char *encoded = malloc(size);
    TC_CHECK(encoded != NULL);
    (void)sodium_bin2base64(encoded, size, (const unsigned char *)bytes->bytes, bytes->length,
                            sodium_base64_VARIANT_ORIGINAL);
    buffer_put(text, encoded, size - 1);
    free(encoded);
}

static void add_header(struct exchange *exchange, const char *line)
{
    struct curl_slist *headers = curl_slist_append(exchange->headers, line);
    TC_CHECK(headers != NULL);
    exchange->headers = headers;
}

static void open_exchange(struct exchange *exchange, const struct est_call *call)
{
    *exchange = (struct exchange){.call = call, .curl = curl_easy_init()};
    TC_CHECK(exchange->curl != NULL);
    buffer_format(&exchange->url, "%s/.well-known/est/%s", call->url,
                  call->code != NULL ? "simpleenroll" : "simplereenroll");
    put_base64(call->request, &exchange->body);
    add_header(exchange, "Content-Type: application/pkcs10");
    add_header(exchange, "Content-Transfer-Encoding: base64");
}

static void close_exchange(struct exchange *exchange)
{
    curl_easy_cleanup(exchange->curl);
    curl_slist_free_all(exchange->headers);
    buffer_free(&exchange->url);
    buffer_free(&exchange->body);
    buffer_free(&exchange->answer);
}

static enum tc_error read_certificates(const struct buffer *answer, struct pki_bundle *bundle, struct tc_fault *fault)
{
    static unsigned char bytes[ANSWER_MAX]; /* one exchange at a time, on the enrolment's thread */
    size_t length = 0;
    const char *text = buffer_text(answer), *end = NULL;
    if (sodium_base642bin(bytes, sizeof bytes, text, answer->length, " \t\r\n", &length, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text + answer->length)
        return tc_fault_set(fault, TC_UNAVAILABLE, "the answer must be certificates in base64");
    return pki_bundle_read(bytes, length, bundle, fault);
}

/* The reason that a problem document (RFC 9457) gives. */
static enum tc_error refuse(const struct exchange *exchange, long status, struct tc_fault *fault)
{
    bool is_denied = status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN;
    json_t *problem = json_loadb(buffer_text(&exchange->answer), exchange->answer.length, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    enum tc_error error = tc_fault_set(fault, is_denied ? TC_DENIED : TC_UNAVAILABLE, "the server answered %ld%s%.200s",
                                       status, detail == NULL ? "" : ": ", detail == NULL ? "" : detail);
    json_decref(problem);
    return error;
}

enum tc_error est_call_run(const struct est_call *call, struct pki_bundle *bundle, struct tc_fault *fault)
{
    struct exchange exchange;
    long status = 0;
    enum tc_error error = TC_OK;
    open_exchange(&exchange, call);
    CURLcode code = set_limits(&exchange);
    if (code == CURLE_OK)
        code = set_request(&exchange);
    if (code == CURLE_OK)
        code = curl_easy_perform(exchange.curl);
    (void)curl_easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, &status);
    if (exchange.is_too_large)
        error = tc_fault_set(fault, TC_UNAVAILABLE, "the answer is too large; allowed: at most %d bytes", ANSWER_MAX);
    else if (code != CURLE_OK)
        error = tc_fault_set(fault, TC_UNAVAILABLE, "%s",
                             exchange.message[0] == '\0' ? curl_easy_strerror(code) : exchange.message);
    else if (status != HTTP_OK)
        error = refuse(&exchange, status, fault);
    else
        error = read_certificates(&exchange.answer, bundle, fault);
    close_exchange(&exchange);
    return error;
}
