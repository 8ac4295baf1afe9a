/* Client of the daemon's HTTP endpoint, with a persistent connection. One thread. */
#ifndef TELLERCAST_CTL_ENDPOINTS_HTTP_H
#define TELLERCAST_CTL_ENDPOINTS_HTTP_H

#include "base/buffer.h"
#include "base/fault.h"
#include "base/url.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct http;

/* Borrowed while http_open runs. NULL: none. */
struct http_options {
    const char *server;            /* "http://127.0.0.1:8080"; without a user, since faults contain it */
    const char *token_file;        /* its first line is the bearer token; only for a server with TLS or on loopback */
    const char *ca_file;           /* trusted authorities, in addition to the system's */
    const struct url_proxy *proxy; /* the environment is ignored */
};

/* TC_DENIED when the token could be read on its way: there is no TLS, and the server or the proxy is not on loopback.
 */
enum tc_error http_open(const struct http_options *options, struct http **http, struct tc_fault *fault);
void http_close(struct http *http);

/* An answer with any status: an error status of the daemon is not a fault. */
struct http_answer {
    int status;
    json_t *document; /* owned; NULL when the body was not JSON */
};

void http_answer_free(struct http_answer *answer);
bool http_answer_is_good(const struct http_answer *answer);

struct http_request {
    const char *method;       /* "GET", "POST", "PUT" */
    const char *path;         /* "/v1/rollouts?after=7", percent-encoded */
    const char *content_type; /* NULL: no body */
    const char *idempotency_key;
    const void *body;
    size_t length;
    /* A file as the body, instead of `body`. */
    int file; /* used when `body` is NULL and `content_type` is not; read from its current offset */
    int64_t file_size;
    int silence_s;                                            /* maximum time without data; 0: two minutes */
    void (*sent)(void *context, int64_t sent, int64_t total); /* progress callback, or NULL */
    /* Takes the body of a good answer piece by piece, as it comes, in place of `document`. False: the answer ends here.
     * NULL: none. */
    bool (*take)(void *context, const char *bytes, size_t length);
    void *context;
    /* For an answer that is not JSON, or NULL: takes the body of one that is good, and the query of its rest
     * ("?after=7" of a header Link with rel="next"), which stays empty when there is no rest. */
    struct buffer *text, *next;
};

/* TC_UNAVAILABLE when the server is unreachable or does not speak HTTP, TC_TIMEOUT when it does not answer. The fault
 * names the server. */
enum tc_error http_send(struct http *http, const struct http_request *request, struct http_answer *answer,
                        struct tc_fault *fault);
enum tc_error http_get(struct http *http, const char *path, struct http_answer *answer, struct tc_fault *fault);

/* Appends `text` percent-encoded, as a segment of a path or a value of a query. */
void http_put_escaped(struct buffer *path, const char *text);

#endif
