/* A plan handed in through one of the three doors. The answer is the same document at each of them. */
#ifndef TELLERCAST_CTL_DOORS_SUBMIT_H
#define TELLERCAST_CTL_DOORS_SUBMIT_H

#include "base/fault.h"
#include "clients/ctl/doors/http.h"

#include <jansson.h>
#include <stddef.h>

/* What the daemon said: the rollout, or a problem (RFC 9457). */
struct submit_answer {
    int status;       /* HTTP's, from the problem document where the door has none; 200 or 201 when it is accepted */
    json_t *document; /* owned, an object */
};

struct submit_plan {
    const void *bytes;
    size_t length;
    const char *idempotency_key; /* NULL: none. The socket has no place for one. */
};

/* Each waits for the answer. TC_UNAVAILABLE when the door is not there, TC_TIMEOUT when it stays silent,
 * TC_DENIED when it lets this operator not in, TC_INTERNAL when its answer makes no sense. */
enum tc_error submit_by_http(struct http *http, const struct submit_plan *plan, struct submit_answer *answer,
                             struct tc_fault *fault);

enum tc_error submit_by_socket(const char *path, const struct submit_plan *plan, struct submit_answer *answer,
                               struct tc_fault *fault);

struct submit_broker {
    const char *address; /* "HOST:PORT", "mqtt://HOST:PORT" or "mqtts://HOST:PORT" */
    const char *user;    /* the operator: a valid ID */
    const char *password_file, *ca_file, *certificate_file, *key_file; /* NULL: none */
    const char *root;                                                  /* of the topics */
};

enum tc_error submit_by_mqtt(const struct submit_broker *broker, const struct submit_plan *plan,
                             struct submit_answer *answer, struct tc_fault *fault);

/* Reads a door's answer. `from` names the door in the fault. */
enum tc_error submit_answer_read(const char *from, const void *bytes, size_t length, struct submit_answer *answer,
                                 struct tc_fault *fault);

enum { SUBMIT_TIMEOUT_MS = 30000 };

#endif
