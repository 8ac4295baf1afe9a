/* Posts a signed message to a webhook's receiver. Each call waits; any thread that may. */
#ifndef TELLERCAST_ORCHESTRATOR_WEBHOOKS_POST_H
#define TELLERCAST_ORCHESTRATOR_WEBHOOKS_POST_H

#include "base/fault.h"
#include "config/webhooks.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The longest request, with its connection; and what is read of an answer, whose status counts. */
#define WEBHOOK_REQUEST_MS 10000
#define WEBHOOK_ANSWER_MAX 65536

struct webhook_post {
    const struct webhook_settings *webhook;
    const char *id;   /* the same each time that a message is tried */
    const char *body; /* JSON */
    bool allows_loopback;
    const atomic_bool *stop; /* ends it when it becomes true */
};

/* Returns TC_OK when the receiver took it: it answered 2xx. TC_NOT_FOUND: it answered 410, and wants no more. The fault
 * of any other error says why, for people; it names no part of the URL. */
enum tc_error webhook_send(const struct webhook_post *post, struct tc_fault *fault);

#endif
