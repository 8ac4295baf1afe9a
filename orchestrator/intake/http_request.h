/* One HTTP request on its way through the door, and what a handler may do with it. Private to the HTTP door.
 *
 * A request belongs to one thread at a time: to the one that moves its bytes; while it is suspended, to a job
 * thread or to the funnel. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_REQUEST_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_REQUEST_H

#include "base/buffer.h"
#include "base/id.h"
#include "orchestrator/intake/http.h"
#include "orchestrator/intake/http_auth.h"
#include "orchestrator/intake/http_target.h"
#include "orchestrator/worker/worker.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct http {
    struct http_config config; /* the texts in it are owned */
    struct http_auth *auth;    /* NULL: everybody on this machine */
    struct batch_queue *jobs;  /* of struct http_request * */
    struct worker *worker;
    struct MHD_Daemon *daemon;
    pthread_mutex_t fleet_import; /* one at a time: each can take hundreds of megabytes */
    int port;
    atomic_int waiting; /* requests that were suspended and are not at their end */
};

enum http_phase {
    HTTP_NEW,       /* headers are there, the handler was not called yet */
    HTTP_RECEIVING, /* its body comes in */
    HTTP_WAITING,   /* suspended */
    HTTP_ANSWERED,
};

struct http_request {
    struct http *http;
    struct MHD_Connection *connection;
    const struct http_route *route; /* NULL until it is found */
    struct http_target target;
    const char *variable; /* what stands for {…} in the route's path */
    struct tc_fault target_fault;
    enum http_phase phase;
    bool head, waited;
    char author[TC_ID_SIZE];

    /* The body: in `body`, in `file` when that is not -1, or in `upload` when that is not NULL. */
    int64_t body_limit, body_received;
    struct buffer body;
    int file;
    struct artifact_upload *upload;

    /* The answer. */
    int status; /* 0: none yet */
    struct MHD_Response *response;
    int64_t began_ms; /* monotonic */
};

/* ---- what the door offers: http_routes.c ---- */

enum http_course {
    AT_ONCE,  /* `handle` does not wait: it answers on the thread that moves bytes */
    IN_A_JOB, /* `handle` may wait: it answers on a job thread */
    LATER,    /* `handle` does not wait, and another thread answers and calls http_request_resume */
    EITHER,   /* as AT_ONCE; when `handle` does not answer there it is called again, as IN_A_JOB: with `waited` */
};

struct http_route {
    const char *method, *path, *parameters; /* the names of the query, joined by spaces */
    bool open;                              /* needs no token */
    enum http_course course;
    /* Called when the headers are there, before the body; NULL: it takes no body. It sets body_limit and where the
     * body goes, or answers: then the body is thrown away. Must not wait. */
    void (*begin)(struct http_request *request);
    void (*handle)(struct http_request *request);
};

extern const struct http_route http_routes[];
extern const size_t http_route_count;

/* Finds request->route. Else answers with 404, or 405 and what is allowed. */
void http_route_find(struct http_request *request, const char *method);

/* http_rollouts.c */
void rollout_begin(struct http_request *request);
void rollout_submit(struct http_request *request);
/* The body is a plan, which the planner answers. NULL: it is a rollout of its own. */
void rollout_order(struct http_request *request, const struct order_revision *revision);
/* http_operations.c */
void operation_begin(struct http_request *request);
void operation_carry_out(struct http_request *request);
void revision_begin(struct http_request *request);
void revision_submit(struct http_request *request);
/* http_evidence.c */
void rollout_preview(struct http_request *request);
void rollout_drift(struct http_request *request);
void rollout_report(struct http_request *request);
/* http_lists.c */
void rollouts_list(struct http_request *request);
void rollout_show(struct http_request *request);
void instructions_list(struct http_request *request);
void devices_list(struct http_request *request);
void device_show(struct http_request *request);
void artifacts_list(struct http_request *request);
/* http_fleet.c */
void fleet_begin(struct http_request *request);
void fleet_import(struct http_request *request);
/* http_artifacts.c */
void artifact_begin(struct http_request *request);
void artifact_keep(struct http_request *request);
void artifact_send(struct http_request *request);
/* http_health.c */
void metrics_show(struct http_request *request);
void health_show(struct http_request *request);
void readiness_show(struct http_request *request);

/* ---- answering: http_answer.c. Each sets the answer; the first one stays ---- */

/* Takes the buffer's memory. */
void http_answer(struct http_request *request, int status, const char *content_type, struct buffer *body);
void http_answer_json(struct http_request *request, int status, struct buffer *body);
void http_answer_problem(struct http_request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 422, with the faults of a document: "the operation has 2 faults". */
void http_answer_faults(struct http_request *request, const char *what, struct document_faults *faults);
/* The status that fits the fault; it is logged when it is not the client's. */
void http_answer_fault(struct http_request *request, const struct tc_fault *fault);
/* A ready response, which it takes; NULL is answered with 500. */
void http_answer_with(struct http_request *request, int status, struct MHD_Response *response);
/* Adds to the answer that was set. */
void http_answer_header(struct http_request *request, const char *name, const char *value);

/* ---- asking ---- */

/* NULL when it is not there. */
const char *http_request_header(const struct http_request *request, const char *name);
/* Content-Length; -1 when it is not there (a chunked body, or none). */
int64_t http_request_length(const struct http_request *request);
/* True when Content-Type is one of the media types, joined by spaces; parameters of the type are not looked at. */
bool http_request_has_type(const struct http_request *request, const char *types);

/* Gives a suspended request, whose answer is set, back to the thread that moves its bytes. The request may be gone
 * when it returns. */
void http_request_resume(struct http_request *request);

#endif
