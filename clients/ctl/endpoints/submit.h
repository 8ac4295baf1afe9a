/* Submits a plan through one of the three endpoints. All give the same document as the answer. */
#ifndef TELLERCAST_CTL_ENDPOINTS_SUBMIT_H
#define TELLERCAST_CTL_ENDPOINTS_SUBMIT_H

#include "base/fault.h"
#include "clients/ctl/endpoints/http.h"

#include <jansson.h>
#include <stddef.h>

/* The daemon's answer: the rollout, or a problem (RFC 9457). */
struct submit_answer {
    int status;       /* of HTTP; from the problem document at the other endpoints; 200 or 201 when accepted */
    json_t *document; /* owned, an object */
};

struct submit_plan {
    const void *bytes;
    size_t length;
    const char *idempotency_key; /* NULL: none. Only HTTP carries it. */
};

/* Each waits for the answer. TC_UNAVAILABLE when the endpoint is unreachable, TC_TIMEOUT when it does not answer,
 * TC_DENIED when it refuses this operator, TC_INTERNAL when the answer is invalid. */
enum tc_error submit_by_http(struct http *http, const struct submit_plan *plan, struct submit_answer *answer,
                             struct tc_fault *fault);

enum tc_error submit_by_socket(const char *path, const struct submit_plan *plan, struct submit_answer *answer,
                               struct tc_fault *fault);

struct submit_broker {
    const char *address;       /* "HOST:PORT", "mqtt://HOST:PORT" or "mqtts://HOST:PORT" */
    const char *user;          /* the operator: a valid ID */
    const char *password_file; /* NULL: none; only for a broker with TLS or on loopback, else TC_DENIED */
    const char *ca_file, *certificate_file, *key_file; /* NULL: none */
    const char *root;                                  /* root of all topics */
};

enum tc_error submit_by_mqtt(const struct submit_broker *broker, const struct submit_plan *plan,
                             struct submit_answer *answer, struct tc_fault *fault);

/* Reads an endpoint's answer. `from` names the endpoint in the fault. */
enum tc_error submit_answer_read(const char *from, const void *bytes, size_t length, struct submit_answer *answer,
                                 struct tc_fault *fault);

enum { SUBMIT_TIMEOUT_MS = 30000 };

#endif
