/* An HTTP endpoint, on libmicrohttpd: that of operators, or that of EST.
 *
 * The front (http_front.h) has the connections, and gives the library only requests that are correct to the byte. A few
 * threads with epoll move bytes and never wait, so that thousands of devices can download at once. A request that
 * waits for the database, an fsync or the planner is suspended: handlers that use the database run in a small pool of
 * job threads, and a plan that waits for the planner needs no thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_H

#include "base/fault.h"
#include "orchestrator/intake/artifact_store.h"
#include "orchestrator/intake/intake.h"
#include "orchestrator/intake/submission_gateway.h"
#include "orchestrator/store/store.h"

#include <stdint.h>

struct http;
struct enrolment;
struct event_feed;
struct guard_answer;
struct people;
struct recorder;
struct preview_config;
struct provider;

/* What an endpoint serves. */
enum http_api {
    HTTP_API_OPERATORS, /* docs/openapi.yaml */
    HTTP_API_EST,       /* enrolment by RFC 7030; always with TLS, and clients may show a device's certificate */
};

struct http_config {
    enum http_api api;
    const char *listen; /* a numeric address, or "localhost" */
    int port;           /* 0: any free port */
    const char *public_url;
    struct people *people;                   /* who may ask; NULL for HTTP_API_EST */
    struct provider *provider;               /* of OpenID Connect; NULL: none */
    struct recorder *recorder;               /* of refusals; NULL: they are not recorded */
    const char *certificate_file, *key_file; /* "": no TLS; http_renew reads them again */
    bool insecure_loopback;                  /* a request of a peer on loopback needs no token */
    const char *device_issuer_file; /* as http.device_issuer_file; needs TLS; NULL or "": every peer may download */
    const char *broker_user;        /* which no device may have as its ID; NULL or "": unknown */
    int threads;                    /* that move bytes */
    int job_threads;                /* that wait for the database */
    int aside_limit;                /* requests that wait for the thread aside; 0: there is no such thread */
    int connection_limit;
    int address_limit;                 /* connections of one address; 0: no limit */
    int idle_s;                        /* a connection without a request is closed after so long */
    const struct enrolment *enrolment; /* NULL: this daemon has no authority of devices */
    int64_t artifact_size_limit, fleet_size_limit;
    struct submission_gateway *gateway;
    struct artifact_store *artifacts;
    struct store_pool *stores;
    const struct preview_config *preview;
    struct batch_queue *scheduler_wakes, *conductor_wakes; /* woken after an operation on a rollout */
    int shard;                                             /* of the counters */
    void (*describe_health)(void *context, struct intake_health *health);
    void (*fleet_changed)(void *context);
    /* Appends the webhooks of the settings, a JSON array of name, host and kinds. Any thread. Must not wait. */
    void (*describe_webhooks)(void *webhooks, struct buffer *json);
    void *webhooks;                    /* passed to it */
    struct event_feed *events;         /* NULL for HTTP_API_EST; ended by http_close */
    struct guard_answer *guard_answer; /* NULL: the broker has no guard */
    void *context;
};

/* TC_DENIED when http_open would refuse the operators' endpoint, by `listen` and `certificate_file`: it needs TLS
 * unless it listens on loopback, since people send their tokens to it. The fault names the setting. */
enum tc_error http_check_access(const struct http_config *config, struct tc_fault *fault);

/* Starts to serve. Copies `config` and its texts; the objects it points to must outlive the endpoint. TC_DENIED: see
 * http_check_access. TC_INVALID, TC_UNAVAILABLE, TC_NOT_FOUND: an address or a file is unusable. */
enum tc_error http_open(const struct http_config *config, struct http **http, struct tc_fault *fault);

int http_port(const struct http *http);

/* Reads the certificate, its key and the issuers of devices again, for new connections. Those that exist go on with the
 * old ones. On any fault the old ones stay in use. */
enum tc_error http_renew(struct http *http, struct tc_fault *fault);

/* Takes no more connections, waits for the current requests, and frees the endpoint. Call it after
 * submission_gateway_stop, so that no request waits for the planner. */
void http_close(struct http *http);

#endif
