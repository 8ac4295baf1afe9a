/* An HTTP request, and the functions for its handlers. Private to the HTTP endpoint.
 *
 * A request belongs to one thread at a time: to the thread that moves its bytes or, while it is suspended, to a job
 * thread or to the gateway. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_REQUEST_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_REQUEST_H

#include "base/buffer.h"
#include "base/id.h"
#include "orchestrator/access/access.h"
#include "orchestrator/intake/http.h"
#include "orchestrator/intake/http_front.h"
#include "orchestrator/intake/http_peer.h"
#include "orchestrator/intake/http_target.h"
#include "orchestrator/store/act.h"
#include "orchestrator/store/enrolment.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"
#include "orchestrator/worker/worker.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct attempt_limit;
struct device_peer;

struct http {
    struct http_config config; /* the texts in it are owned */
    /* Of the devices that may download; NULL: every peer may. */
    struct device_issuers *issuers;
    struct standing_cache *standings;
    struct batch_queue *jobs; /* of struct http_request * */
    struct worker *worker;
    struct batch_queue *aside_jobs; /* of the routes that are handled ASIDE; NULL: there are none */
    struct worker *aside_worker;
    struct attempt_limit *log_limit; /* of the logs that a device sends; NULL: none sends logs */
    int listener;                    /* -1: none */
    struct http_front *front;
    pthread_mutex_t giving;       /* of `daemon` */
    struct MHD_Daemon *daemon;    /* NULL: it takes no more connections */
    pthread_mutex_t fleet_import; /* serializes imports, each of which can take hundreds of megabytes */
    int port;
    atomic_int waiting; /* requests that were suspended and have not ended */
};

enum http_phase {
    HTTP_NEW,       /* the headers have not been handled yet */
    HTTP_RECEIVING, /* receiving the body */
    HTTP_WAITING,   /* suspended */
    HTTP_ANSWERED,
};

struct http_request {
    struct http *http;
    struct MHD_Connection *connection;
    struct http_peer *peer;         /* outlives the request */
    const struct http_route *route; /* NULL until it is found */
    struct http_target target;
    const char *variable; /* the segment in place of the first {…} in the route's path; "": none */
    struct tc_fault target_fault;
    enum http_phase phase;
    bool is_head, was_suspended;
    bool lasts;                /* the answer is a stream: how long it takes says nothing */
    bool is_admitted;          /* the peer may download, by its certificate */
    struct subject subject;    /* who acts */
    struct access_scope scope; /* where it may */
    bool keeps_scope;          /* the handler has asked for the scope */
    struct act *act;           /* that the request is; NULL: it only reads, or nobody known acts */

    /* The body: in `body`, in `file` when that is not -1, or in `upload` when that is not NULL. */
    int64_t body_limit, body_received;
    /* Called after a request was refused whose body is too long, or for which no job thread is free; NULL: nothing is.
     */
    void (*note_refused)(const struct http_request *request);
    int64_t discard_began_ms; /* monotonic; 0: nothing was discarded */
    struct buffer body;
    int file;
    struct artifact_upload *upload;

    /* The answer. */
    int status; /* 0: none yet */
    struct MHD_Response *response;
    int64_t began_ms; /* monotonic */
};

/* ---- routes: http_routes.c ---- */

enum http_handling {
    INLINE, /* `handle` answers on the thread that moves bytes, and does not wait */
    JOB,    /* `handle` answers on a job thread, and may wait */
    ASIDE,  /* the same on a thread that does nothing else: no JOB waits for it. While too many wait: 503 */
    ASYNC,  /* `handle` does not wait; another thread answers and calls http_request_resume */
    EITHER, /* INLINE; when `handle` does not answer it is called again as JOB, with `was_suspended` */
};

struct http_route {
    const char *method, *path, *parameters; /* the allowed query parameters, joined by spaces; "*": any */
    enum access_operation operation;        /* who may do it: orchestrator/access/operations.def */
    enum http_handling handling;
    /* Called after the headers, before the body. Sets body_limit and where the body goes, or answers: then the body is
     * discarded. May set note_refused. Must not wait. NULL: the request has no body. */
    void (*begin)(struct http_request *request);
    void (*handle)(struct http_request *request);
};

extern const struct http_route http_routes[];
extern const size_t http_route_count;
/* Those of the EST endpoint: est.c. */
extern const struct http_route est_routes[];
extern const size_t est_route_count;

/* Sets request->route; or answers with 404, or with 405 and the allowed methods. */
void http_route_find(struct http_request *request, const char *method);

/* http_rollouts.c */
void rollout_begin(struct http_request *request);
/* Answers when the Idempotency-Key is not valid. */
void rollout_check_key(struct http_request *request);
void rollout_submit(struct http_request *request);
/* Submits the body, a plan, to the planner, which answers. `revision` NULL: a new rollout. */
void rollout_submit_plan(struct http_request *request, enum endpoint endpoint,
                         const struct submission_revision *revision);
/* http_operations.c */
/* Wakes the scheduler and the conductor, after an act that they carry on. */
void http_wake_parts(struct http_request *request);
void operation_begin(struct http_request *request);
void operation_carry_out(struct http_request *request);
void device_return(struct http_request *request);
void device_retire(struct http_request *request);
void revision_begin(struct http_request *request);
void revision_submit(struct http_request *request);
/* http_amendments.c */
void amendments_list(struct http_request *request);
void amendment_order(struct http_request *request);
void amendment_preview_show(struct http_request *request);
/* http_reviews.c */
void reviews_list(struct http_request *request);
void review_accept(struct http_request *request);
void review_object(struct http_request *request);
/* http_freezes.c */
void freezes_list(struct http_request *request);
void freeze_show(struct http_request *request);
void freeze_preview_show(struct http_request *request);
void freeze_lift_preview_show(struct http_request *request);
void operation_preview_show(struct http_request *request);
void freeze_order(struct http_request *request);
void freeze_lift_order(struct http_request *request);
/* http_events.c */
void events_follow(struct http_request *request);
/* http_enrolment.c */
void device_make_code(struct http_request *request);
void device_revoke(struct http_request *request);
void revocations_show(struct http_request *request);
/* http_evidence.c */
void rollout_preview(struct http_request *request);
void rollout_drift(struct http_request *request);
void rollout_evidence(struct http_request *request);
/* http_lists.c */
void rollouts_list(struct http_request *request);
void rollout_show(struct http_request *request);
void instructions_list(struct http_request *request);
void device_show(struct http_request *request);
void artifacts_list(struct http_request *request);
/* http_forecast.c */
void rollout_forecast(struct http_request *request);
/* http_why.c */
void rollout_why(struct http_request *request);
void device_why(struct http_request *request);
void branch_why(struct http_request *request);
/* http_collect.c */
void collect_begin(struct http_request *request);
void device_collect(struct http_request *request);
/* http_failures.c */
void failures_list(struct http_request *request);
void failed_devices_list(struct http_request *request);
/* http_logs.c */
/* Shows the counters of logs that were not sent yet as 0. */
void log_show_counters(void);
void log_begin(struct http_request *request);
void log_put(struct http_request *request);
void device_logs_list(struct http_request *request);
void log_show(struct http_request *request);
/* est_device.c */
/* Counts, logs and records it. `device` "": unknown. */
void est_note_refused(const struct http_request *request, const char *device, const char *reason, const char *detail);
/* Tells a peer that did not authenticate nothing but this. */
void est_deny(struct http_request *request, bool by_code);
/* Answers a peer that has authenticated, with the right code or with a device's certificate. */
void est_refuse_standing(struct http_request *request, const char *device, enum enrolment_standing standing);
/* Asks for the standing of the device whose certificate the peer shows. False: it has answered. */
bool est_check_device(struct http_request *request, struct store *store, struct device_peer *peer,
                      struct enrolment_answer *answer);
/* Returns whether that device is in service. False: it has answered. */
bool est_admit_device(struct http_request *request, struct store *store, struct device_peer *peer);
/* http_devices.c */
void devices_list(struct http_request *request);
void versions_count(struct http_request *request);
/* http_approvals.c */
void approvals_list(struct http_request *request);
void overview_show(struct http_request *request);
/* http_branches.c */
void branches_list(struct http_request *request);
void branch_show(struct http_request *request);
/* http_fleet.c */
void fleet_begin(struct http_request *request);
void fleet_import(struct http_request *request);
/* http_artifacts.c */
void artifact_begin(struct http_request *request);
void artifact_put(struct http_request *request);
void artifact_send(struct http_request *request);
/* http_blocks.c */
void version_block_put(struct http_request *request);
void version_unblock(struct http_request *request);
void version_affected(struct http_request *request);
/* http_downloads.c */
/* Returns whether the peer must be an operator, since it shows no certificate. */
bool download_needs_operator(const struct http_request *request);
/* Counts and logs. `device` "": unknown. */
void download_note_refusal(const struct http_request *request, const char *device, const char *reason,
                           const char *detail);
/* Returns whether the peer may download. False: it has answered; or, unless `was_suspended`, a job thread must call it
 * again. */
bool download_admit(struct http_request *request);
/* http_installation.c */
void installation_show(struct http_request *request);
void installation_accept_restored(struct http_request *request);
void unknown_orders_list(struct http_request *request);
/* http_keys.c */
void webhooks_show(struct http_request *request);
void webhook_test(struct http_request *request);
void keys_list(struct http_request *request);
void key_devices_list(struct http_request *request);
void keys_rotate(struct http_request *request);
void key_revoke(struct http_request *request);
void key_use(struct http_request *request);
/* http_audit.c */
void acts_page(struct http_request *request);
/* http_people.c */
void person_show_self(struct http_request *request);
void people_page(struct http_request *request);
void person_show(struct http_request *request);
void person_create(struct http_request *request);
void person_disable(struct http_request *request);
void person_enable(struct http_request *request);
void person_grant(struct http_request *request);
void person_withdraw(struct http_request *request);
void person_link(struct http_request *request);
void person_unlink(struct http_request *request);
/* http_sign_in.c */
void sign_in_begin(struct http_request *request);
void sign_in_check(struct http_request *request);
void sign_in_end(struct http_request *request);
void sign_out(struct http_request *request);
/* http_tokens.c */
void tokens_page(struct http_request *request);
void token_create(struct http_request *request);
void token_confirm(struct http_request *request);
void token_revoke(struct http_request *request);
/* http_health.c */
void metrics_show(struct http_request *request);
void health_show(struct http_request *request);
void readiness_show(struct http_request *request);
void guard_show(struct http_request *request);

/* ---- access: http_access.c ---- */

/* Sets request->subject, and decides whether it may do the operation of the route; or answers: 401 when the peer is not
 * known, 403 when its roles do not allow it. */
void http_authorize(struct http_request *request);
/* The token of the header Authorization; NULL: it has none. */
const char *http_read_token(const char *authorization);
/* The header WWW-Authenticate of an answer to a credential that is nobody's, or that counts no more. */
#define TOKEN_IS_INVALID "Bearer error=\"invalid_token\""

/* ---- the scope: http_scope.c ---- */

/* Where the subject may do the operation of the route. The handler keeps to it: an answer below 400 of a handler that
 * did not ask is not sent to a subject whose role counts in a scope. The second returns the patterns; NULL: everywhere.
 */
const struct access_scope *http_request_scope(struct http_request *request);
const char *http_request_patterns(struct http_request *request);
bool http_scope_is_kept(const struct http_request *request, int status);

/* ---- the record of acts: http_act.c ---- */

/* Begins the act of a known subject. */
void http_act_begin(struct http_request *request);
/* It is no act any more: it only reads, or somebody else records it. */
void http_act_end(struct http_request *request);
/* Records that the request was refused, or failed, with this status, if it is an act. */
void http_act_refuse(struct http_request *request, int status, const char *refusal);
/* Finds the verbs of acts that a word stands for: a verb stands for itself, the name of an operation for its verbs too.
 * Returns their number; 0: there is no such act. */
enum { ACT_VERBS_MAX = 32 };
size_t http_act_find_verbs(const char *word, const char *verbs[static ACT_VERBS_MAX]);
/* As store_pool_take, with the act of the request; store_pool_give gives the store back. */
struct store *http_act_take_store(struct http_request *request);

/* ---- answers: http_answer.c. Each sets the answer of the request; only the first call has an effect ---- */

/* Takes the buffer's memory. */
void http_answer(struct http_request *request, int status, const char *content_type, struct buffer *body);
void http_answer_json(struct http_request *request, int status, struct buffer *body);
void http_answer_problem(struct http_request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 422, with the faults of a document: "the operation has 2 faults". */
void http_answer_faults(struct http_request *request, const char *what, struct document_faults *faults);
/* Answers with the status of the fault. Logs it when the status is 500 or above. */
void http_answer_fault(struct http_request *request, const struct tc_fault *fault);
/* The same for a refusal of the store. Notes one that is TC_DENIED, as an endpoint's own, and records it, of an
 * operation that only reads, too. In http_access.c. */
void http_answer_refusal(struct http_request *request, const struct refusal *refusal, struct tc_fault *fault);
/* 200 and `json`, or the fault when `error` is not TC_OK. Takes the buffer's memory. */
void http_answer_document(struct http_request *request, enum tc_error error, struct buffer *json,
                          const struct tc_fault *fault);
/* 200 and what was read, compressed if the peer takes that and it is long. Takes the buffer's memory. */
void http_answer_read(struct http_request *request, const char *content_type, struct buffer *body);
/* Reads a document of a rollout. A refusal of its own goes to `refusal`. */
typedef enum tc_error http_read_of_rollout(struct http_request *request, struct store *store, int64_t rollout,
                                           void *context, struct buffer *json, struct refusal *refusal,
                                           struct tc_fault *fault);
/* Answers with what `read` reads of the rollout in the path, or with why it is refused. In http_evidence.c. */
void http_answer_of_rollout(struct http_request *request, http_read_of_rollout *read, void *context);
/* Replaces the fault's text when `error` is TC_NOT_FOUND: the ID or name in the path is unknown. Returns `error`. */
enum tc_error http_name_missing(enum tc_error error, struct tc_fault *fault);
/* Answers with `response` and takes it; with 500 when it is NULL. */
void http_answer_with(struct http_request *request, int status, struct MHD_Response *response);
/* Adds a header to the answer that was set. */
void http_answer_header(struct http_request *request, const char *name, const char *value);

/* ---- cookies: http_cookies.c ---- */

/* Cookies of this prefix are set by this host alone, by TLS alone. The first must come back with the redirect from the
 * identity provider's site, so it is of SameSite=Lax; the second never comes from another site. */
#define SIGN_IN_COOKIE "__Host-tellercast-sign-in"
#define SESSION_COOKIE "__Host-tellercast-session"

/* NULL: the browser sent none. */
const char *cookie_read(const struct http_request *request, const char *name);
/* Adds it to the answer that was set; scripts cannot read it. `valid_s` 0: the browser forgets it. */
void cookie_set(struct http_request *request, const char *name, const char *value, const char *same_site,
                int64_t valid_s);
/* The secret of the browser's session; NULL: it sent none, or nobody signs in here. */
const char *cookie_read_session(const struct http_request *request);

/* ---- the request ---- */

/* Returns the value of a header; NULL when it is absent. */
const char *http_request_header(const struct http_request *request, const char *name);
/* Returns Content-Length; -1 when it is absent (a chunked body, or none) or invalid. */
int64_t http_request_length(const struct http_request *request);
/* Returns true when Content-Type is one of `types`, joined by spaces. Ignores parameters of the type. */
bool http_request_has_type(const struct http_request *request, const char *types);

/* ---- parameters ---- */

/* Reads the rollout's ID from the path. TC_NOT_FOUND: it is not a number. */
enum tc_error http_read_rollout_id(const struct http_request *request, int64_t *id, struct tc_fault *fault);
/* Reads the parameters of a page: `limit`, and `after` when the list is keyed by numbers (NULL: it is not).
 * `after` keeps its value when the parameter is absent. TC_INVALID. */
enum tc_error http_read_page(const struct http_request *request, int64_t *after, int *limit, struct tc_fault *fault);

/* Returns a suspended request, whose answer must be set, to the thread that moves its bytes. The request may be freed
 * when this returns. */
void http_request_resume(struct http_request *request);

#endif
