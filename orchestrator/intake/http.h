/* The HTTP door, on libmicrohttpd. docs/openapi.yaml says what it offers.
 *
 * A few threads with epoll move bytes and never wait, so that thousands of devices can download at once. What
 * waits (for the database, a disk's fsync, the planner) does so with its connection suspended: handlers that
 * read the database run in a small pool of their own, and an order waits for the planner in no thread at all. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_H

#include "base/fault.h"
#include "orchestrator/intake/artifact_store.h"
#include "orchestrator/intake/funnel.h"
#include "orchestrator/intake/intake.h"
#include "orchestrator/store/store.h"

#include <stdint.h>

struct http;
struct preview_config;

struct http_config {
    const char *listen; /* a numeric address, or "localhost" */
    int port;           /* 0: any free one */
    const char *public_url;
    const char *tokens_file;                 /* "": none, and then only a loopback address */
    const char *certificate_file, *key_file; /* "": no TLS */
    int threads;                             /* that move bytes */
    int job_threads;                         /* that wait for the database */
    int connection_limit;
    int64_t artifact_size_limit, fleet_size_limit;
    struct funnel *funnel;
    struct artifact_store *artifacts;
    struct store_pool *stores;
    const struct preview_config *preview;
    struct batch_queue *scheduler_wakes, *conductor_wakes; /* woken after an operation on a rollout */
    int shard;                                             /* of the counters */
    void (*describe_health)(void *context, struct intake_health *health);
    void *context;
};

/* Begins to serve. `config` is not kept, what it points to is. TC_DENIED without tokens on an address that others
 * reach; TC_INVALID, TC_UNAVAILABLE, TC_NOT_FOUND for addresses and files that cannot be used. */
enum tc_error http_open(const struct http_config *config, struct http **http, struct tc_fault *fault);

int http_port(const struct http *http);

/* Reads the tokens file again. On a fault the old tokens stay in force. */
enum tc_error http_reload(struct http *http, struct tc_fault *fault);

/* Takes no more connections, lets the requests under way end, and frees it. After funnel_stop: so no order is
 * waited for. */
void http_close(struct http *http);

#endif
