#include "clients/ctl/endpoints/http.h"

#include "base/address.h"
#include "base/file.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_S = 5,
    SILENCE_LIMIT_S = 120,
    TOKEN_FILE_MAX = 4096,
    ANSWER_MAX = 64 << 20,
};

struct http {
    CURL *curl;
    char *server;
    char *authorization; /* whole header lines, or NULL */
    char *ca_file;
    struct url_proxy proxy; /* empty address: none */
};

/* A request and the response to it. */
struct exchange {
    const struct http_request *request;
    struct buffer body;
    CURL *curl;
    bool too_large;
    bool is_over; /* the request takes no more */
    int read_error;
};

static char *header_line(const char *name, const char *value)
{
    struct buffer line = {0};
    buffer_format(&line, "%s: %s", name, value);
    return line.bytes;
}

static enum tc_error read_token(const char *path, char **authorization, struct tc_fault *fault)
{
    struct buffer content = {0};
    enum tc_error error = file_read_first_line(path, TOKEN_FILE_MAX, &content, fault);
    if (error == TC_OK) {
        size_t length = strcspn(buffer_text(&content), " ");
        struct buffer value = {0};
        buffer_put_text(&value, "Bearer ");
        buffer_put(&value, buffer_text(&content), length);
        if (length == 0)
            error = tc_fault_set(fault, TC_INVALID, "%s: no token in the first line", path);
        else
            *authorization = header_line("Authorization", buffer_text(&value));
        buffer_free(&value);
    }
    buffer_free(&content);
    return error == TC_OK ? TC_OK : tc_fault_context(fault, "token file");
}

/* Copies the host of "[scheme://]host[:port][/path]". */
static void copy_host(const char *url, char *host, size_t size)
{
    const char *scheme_end = strstr(url, "://"), *begin = scheme_end == NULL ? url : scheme_end + 3;
    size_t length = *begin == '[' ? strcspn(begin, "]") + 1 : strcspn(begin, ":/?#");
    (void)snprintf(host, size, "%.*s", (int)length, begin);
}

static bool is_on_loopback(const char *url)
{
    char host[256];
    copy_host(url, host, sizeof host);
    return address_host_is_loopback(host);
}

static enum tc_error check_way(const struct http_options *options, struct tc_fault *fault)
{
    static const char secure[] = "https://";
    bool has_proxy = options->proxy != NULL && options->proxy->address[0] != '\0';
    if (options->token_file == NULL || strncasecmp(options->server, secure, sizeof secure - 1) == 0 ||
        (is_on_loopback(options->server) && (!has_proxy || is_on_loopback(options->proxy->address))))
        return TC_OK;
    return tc_fault_set(fault, TC_DENIED,
                        "%s: the token is not sent, since everybody on the way could read it; allowed: https://, or "
                        "http:// to a server on loopback",
                        options->server);
}

enum tc_error http_open(const struct http_options *options, struct http **http, struct tc_fault *fault)
{
    char *authorization = NULL;
    if (check_way(options, fault) != TC_OK)
        return fault->code;
    if (options->token_file != NULL && read_token(options->token_file, &authorization, fault) != TC_OK)
        return fault->code;
    TC_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    struct http *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->curl = curl_easy_init();
    made->server = strdup(options->server);
    TC_CHECK(made->curl != NULL && made->server != NULL);
    size_t length = strlen(made->server);
    while (length > 0 && made->server[length - 1] == '/')
        made->server[--length] = '\0';
    made->authorization = authorization;
    made->ca_file = options->ca_file == NULL ? NULL : strdup(options->ca_file);
    if (options->proxy != NULL)
        made->proxy = *options->proxy;
    *http = made;
    return TC_OK;
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    free(http->server);
    free(http->authorization);
    free(http->ca_file);
    free(http);
    curl_global_cleanup();
}

void http_answer_free(struct http_answer *answer)
{
    json_decref(answer->document);
    *answer = (struct http_answer){0};
}

bool http_answer_is_good(const struct http_answer *answer)
{
    return answer->status >= 200 && answer->status < 300 && answer->document != NULL;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct exchange *exchange = context;
    long status = 0;
    if (exchange->request->take != NULL)
        (void)curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) {
        exchange->is_over = !exchange->request->take(exchange->request->context, bytes, size * count);
        return exchange->is_over ? 0 : size * count;
    }
    if (exchange->body.length + size * count > ANSWER_MAX) {
        exchange->too_large = true;
        return 0;
    }
    buffer_put(&exchange->body, bytes, size * count);
    return size * count;
}

/* Takes 'Link: <?after=7>; rel="next"'. */
static size_t take_link(char *bytes, size_t size, size_t count, void *context)
{
    static const char name[] = "link: <", end[] = ">; rel=\"next\"";
    const struct exchange *exchange = context;
    size_t length = size * count, begin = sizeof name - 1;
    if (length > begin && strncasecmp(bytes, name, begin) == 0) {
        const char *last = memmem(bytes + begin, length - begin, end, sizeof end - 1);
        buffer_clear(exchange->request->next);
        if (last != NULL)
            buffer_put(exchange->request->next, bytes + begin, (size_t)(last - bytes) - begin);
    }
    return length;
}

static size_t give_file(char *bytes, size_t size, size_t count, void *context)
{
    struct exchange *exchange = context;
    ssize_t got;
    do
        got = read(exchange->request->file, bytes, size * count);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        exchange->read_error = errno;
        return CURL_READFUNC_ABORT;
    }
    return (size_t)got;
}

static int report_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    (void)down_total;
    (void)down;
    (void)up_total;
    const struct exchange *exchange = context;
    exchange->request->sent(exchange->request->context, (int64_t)up, exchange->request->file_size);
    return 0;
}

static struct curl_slist *append_header(struct curl_slist *headers, const char *line)
{
    if (line == NULL)
        return headers;
    struct curl_slist *longer = curl_slist_append(headers, line);
    TC_CHECK(longer != NULL);
    return longer;
}

static struct curl_slist *make_headers(const struct http *http, const struct http_request *request)
{
    struct curl_slist *headers = append_header(NULL, "Accept: application/json, application/problem+json");
    headers = append_header(headers, http->authorization);
    if (request->content_type != NULL) {
        char *line = header_line("Content-Type", request->content_type);
        headers = append_header(headers, line);
        free(line);
    }
    if (request->idempotency_key != NULL) {
        char *line = header_line("Idempotency-Key", request->idempotency_key);
        headers = append_header(headers, line);
        free(line);
    }
    return headers;
}

static void set_body(CURL *curl, const struct http_request *request, struct exchange *exchange)
{
    if (request->body == NULL && request->content_type != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->file_size);
        (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_file);
        (void)curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
    } else if (request->body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    if (request->sent != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, report_progress);
        (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    }
}

/* Redirects are not followed: the token and the plan would go to a server that the operator did not name. */
static void set_transfer(const struct http *http, const char *url, struct exchange *exchange, char *detail)
{
    CURL *curl = http->curl;
    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, http->proxy.address);
    if (http->proxy.login[0] != '\0')
        (void)curl_easy_setopt(curl, CURLOPT_PROXYUSERPWD, http->proxy.login);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "tellercast/" TELLERCAST_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                           (long)(exchange->request->silence_s == 0 ? SILENCE_LIMIT_S : exchange->request->silence_s));
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    if (exchange->request->next != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_link);
        (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    }
    if (http->ca_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
        (void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* else the system's authorities are trusted as well */
    }
}

static enum tc_error to_fault(const struct http *http, CURLcode code, const struct exchange *exchange,
                              const char *detail, struct tc_fault *fault)
{
    if (code == CURLE_OK || exchange->is_over)
        return TC_OK;
    if (exchange->read_error != 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "read the file: %s", strerror(exchange->read_error));
    if (exchange->too_large)
        return tc_fault_set(fault, TC_INTERNAL, "%s: the answer has more than %d bytes", http->server, ANSWER_MAX);
    const char *text = *detail != '\0' ? detail : curl_easy_strerror(code);
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return tc_fault_set(fault, TC_TIMEOUT, "%s: %s", http->server, text);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return tc_fault_set(fault, TC_INVALID, "%s: %s", http->server, text);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PEER_FAILED_VERIFICATION: return tc_fault_set(fault, TC_DENIED, "%s: %s", http->server, text);
    default: return tc_fault_set(fault, TC_UNAVAILABLE, "%s: %s", http->server, text);
    }
}

static void take_answer(const struct http *http, struct exchange *exchange, struct http_answer *answer)
{
    const struct http_request *request = exchange->request;
    long status = 0;
    (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    if (request->text != NULL && status == 200)
        buffer_put(request->text, exchange->body.bytes, exchange->body.length);
    else
        answer->document =
            json_loadb(buffer_text(&exchange->body), exchange->body.length, JSON_REJECT_DUPLICATES, NULL);
}

enum tc_error http_send(struct http *http, const struct http_request *request, struct http_answer *answer,
                        struct tc_fault *fault)
{
    struct exchange exchange = {.request = request, .curl = http->curl};
    struct buffer url = {0};
    char detail[CURL_ERROR_SIZE] = "";
    *answer = (struct http_answer){0};
    buffer_format(&url, "%s%s", http->server, request->path);
    set_transfer(http, buffer_text(&url), &exchange, detail);
    set_body(http->curl, request, &exchange);
    struct curl_slist *headers = make_headers(http, request);
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);

    CURLcode code = curl_easy_perform(http->curl);
    enum tc_error error = to_fault(http, code, &exchange, detail, fault);
    if (error == TC_OK)
        take_answer(http, &exchange, answer);
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    buffer_free(&url);
    buffer_free(&exchange.body);
    return error;
}

enum tc_error http_get(struct http *http, const char *path, struct http_answer *answer, struct tc_fault *fault)
{
    return http_send(http, &(struct http_request){.method = "GET", .path = path}, answer, fault);
}

void http_put_escaped(struct buffer *path, const char *text)
{
    static const char hexadecimal[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
        if (plain)
            buffer_put(path, text, 1);
        else
            buffer_format(path, "%%%c%c", hexadecimal[c >> 4], hexadecimal[c & 15]);
    }
}
