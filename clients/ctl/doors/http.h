/* The daemon's HTTP door, seen from the operator's side. One client, one thread; its connection is used again. */
#ifndef TELLERCAST_CTL_DOORS_HTTP_H
#define TELLERCAST_CTL_DOORS_HTTP_H

#include "base/buffer.h"
#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct http;

/* All texts are borrowed while http_open runs. NULL where there is none. */
struct http_options {
    const char *server;     /* "http://127.0.0.1:8080" */
    const char *token_file; /* its first line is the bearer token */
    const char *ca_file;    /* whom to trust besides the system's authorities */
    const char *author;     /* a name for who asks, believed by the daemon on a loopback address only */
};

enum tc_error http_open(const struct http_options *options, struct http **http, struct tc_fault *fault);
void http_close(struct http *http);

/* What came back, whatever its status: an answer of the daemon is not a fault. */
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
    /* Or a file as the body, in place of `body`. */
    int file; /* used when `file_size` is not negative and `body` is NULL; read from where it stands */
    int64_t file_size;
    void (*sent)(void *context, int64_t sent, int64_t total); /* may be NULL; called now and then while sending */
    void *context;
};

/* TC_UNAVAILABLE when the server cannot be reached or answers something that is not HTTP, TC_TIMEOUT when it
 * stays silent. The fault names the server. */
enum tc_error http_send(struct http *http, const struct http_request *request, struct http_answer *answer,
                        struct tc_fault *fault);
enum tc_error http_get(struct http *http, const char *path, struct http_answer *answer, struct tc_fault *fault);

/* Appends `text` percent-encoded, as a segment of a path or a value of a query. */
void http_put_escaped(struct buffer *path, const char *text);

#endif
