/* The signature of a message to a webhook, by Standard Webhooks: HMAC-SHA-256 over its ID, its time and its body. Any
 * thread. */
#ifndef TELLERCAST_ORCHESTRATOR_WEBHOOKS_SIGNATURE_H
#define TELLERCAST_ORCHESTRATOR_WEBHOOKS_SIGNATURE_H

#include "base/buffer.h"
#include "base/fault.h"
#include "config/webhooks.h"

#include <stdint.h>

/* Bytes of a secret. */
#define WEBHOOK_SECRET_MIN 24
#define WEBHOOK_SECRET_MAX 64

struct webhook_secret {
    unsigned char bytes[WEBHOOK_SECRET_MAX];
    size_t length;
};

/* Reads "whsec_" and base64 of WEBHOOK_SECRET_MIN to WEBHOOK_SECRET_MAX bytes from the first line of a private file.
 * TC_INVALID, quoting nothing; and the errors of a file. */
enum tc_error webhook_secret_read(const char *path, struct webhook_secret *secret, struct tc_fault *fault);

/* Appends "v1,{base64}", after a space if `header` has something. */
void webhook_sign(const struct webhook_secret *secret, const char *id, int64_t time_s, const char *body,
                  struct buffer *header);

#endif
