/* Intake: the three endpoints that take plans (HTTP, MQTT and a Unix socket), with the same validation and the same
 * answers, and the artifact store of the HTTP endpoint. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_INTAKE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_INTAKE_H

#include "base/buffer.h"
#include "base/fault.h"
#include "config/daemon.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/store/store.h"
#include "orchestrator/worker/batch_queue.h"

#include <stdbool.h>

struct intake;
struct guard_answer;
struct people;
struct recorder;
struct preview_config;
struct provider;

/* The answer of /readyz. A text is "ok", or the reason why that server is not available. */
struct intake_health {
    bool ready;
    char broker[320], database[320], cache[320];
    char warnings[1536]; /* a JSON array of sentences; "" before the first check */
};

struct intake_config {
    const struct daemon_settings *settings; /* topic_root, data_folder, http.*, socket.path, the limits */
    /* In place of those of the settings; "": no TLS. */
    const char *http_certificate_file, *http_key_file, *est_certificate_file, *est_key_file;
    const char *http_device_issuer_file; /* in place of that of the settings */
    struct batch_queue *submissions;     /* the planner's queue, of struct submission * */
    struct batch_queue *scheduler_wakes; /* both are woken after an operation on a rollout */
    struct batch_queue *conductor_wakes;
    int shard;                 /* of the counters */
    struct store_pool *stores; /* with INTAKE_JOB_THREADS connections */
    const struct preview_config *preview;
    /* Appends the webhooks of the settings, a JSON array of name, host and kinds. Any thread. Must not wait. */
    void (*describe_webhooks)(void *webhooks, struct buffer *json);
    void *webhooks;                    /* passed to it */
    struct guard_answer *guard_answer; /* NULL: the broker has no guard */
    struct people *people;
    struct provider *provider; /* NULL: nobody signs in by OpenID Connect */
    struct recorder *recorder; /* of refusals */
    /* Writes the last known state of the parts. Called for every /readyz, on any thread. Must not wait. */
    void (*describe_health)(void *context, struct intake_health *health);
    /* Called after the import of a fleet, on any thread. Must not wait. */
    void (*fleet_changed)(void *context);
    void *context; /* passed to both */
};

/* Threads of the HTTP endpoint that use the database. */
#define INTAKE_JOB_THREADS 4

/* Add a fault for each setting of the endpoints, and for each file that a setting names, that intake_open would
 * refuse. */
void intake_check(const struct daemon_settings *settings, struct document_faults *faults);
void intake_check_files(const struct daemon_settings *settings, struct document_faults *faults);

/* The same for an endpoint that would let in peers without credentials: see http_check_access. */
void intake_check_access(const struct daemon_settings *settings, struct document_faults *faults);
/* Appends each act at each endpoint, the roles that may do it, and the operation that it is: a line each. */
void intake_write_access(struct buffer *text);

/* Checks the content of http.device_issuer_file, which would be used in place of `present`; NULL: there is none. */
enum tc_error intake_check_device_issuers(const struct buffer *present, const struct buffer *fresh,
                                          struct tc_fault *fault);

/* Opens the endpoints. The objects that `config` points to must outlive the intake. */
enum tc_error intake_open(const struct intake_config *config, struct intake **intake, struct tc_fault *fault);

/* Sets the broker for answers by MQTT, which wait until then. Call it once, soon after intake_open. */
void intake_use_broker(struct intake *intake, struct broker *broker);

/* Takes a message of TOPIC_SUBMIT or TOPIC_SUBMIT_AS, and no other. `context` is the intake. On the receiver's thread.
 * Waits up to two seconds while the planner's queue is full. */
void intake_message(void *context, const struct broker_message *message);

/* Read the certificate of the HTTP endpoint, or of the endpoint for enrolment, again: see http_renew. */
enum tc_error intake_renew_http(struct intake *intake, struct tc_fault *fault);
enum tc_error intake_renew_est(struct intake *intake, struct tc_fault *fault);

/* As worker_last_progress_ms, of the part that reads events. */
int64_t intake_last_progress_ms(const struct intake *intake);

/* Closes the endpoints: waits at most END_ANSWERS_MS for the planner's answers, and sends them for at most
 * END_REQUESTS_MS by HTTP and END_SOCKET_MS by the socket. Later messages are dropped without an answer; their senders
 * send them again. The planner must still run, and the broker be open. */
void intake_stop(struct intake *intake);
/* Frees the intake. Call it after the broker is closed, so that no more messages come. NULL is allowed. */
void intake_close(struct intake *intake);

#endif
