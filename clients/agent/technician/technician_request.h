/* What a technician's program says to the agent of the machine: one JSON object a packet of a Unix socket
 * (SOCK_SEQPACKET), and one request a connection.
 *
 *   {"do":"status"}
 *   {"do":"hold","for_ms":7200000,"reason":"replacing the dispenser"}
 *   {"do":"release"}
 *   {"do":"retry-connect"}
 *
 * It is answered by {"ok":true,"status":{…}}, the state after the order, or by {"ok":false,"code":"…","detail":"…"}. */
#ifndef TELLERCAST_CLIENTS_AGENT_TECHNICIAN_TECHNICIAN_REQUEST_H
#define TELLERCAST_CLIENTS_AGENT_TECHNICIAN_TECHNICIAN_REQUEST_H

#include "base/buffer.h"
#include "base/fault.h"
#include "topics/message.h"

#include <jansson.h>
#include <stdint.h>

#define TECHNICIAN_REQUEST_SIZE_MAX 2048
#define TECHNICIAN_ANSWER_SIZE_MAX 65536
#define TECHNICIAN_HOLD_LEAST_MS 60000
#define TECHNICIAN_HOLD_MAX_MS 86400000 /* a machine that is forgotten is upgraded a day later */

enum technician_order { TECHNICIAN_STATUS, TECHNICIAN_HOLD, TECHNICIAN_RELEASE, TECHNICIAN_RETRY_CONNECT };

struct technician_request {
    enum technician_order order;
    int64_t for_ms;                   /* of a hold */
    char reason[HELD_REASON_MAX + 1]; /* of a hold: 1 to HELD_REASON_MAX bytes without controls */
};

/* Any bytes. TC_INVALID says what is allowed. */
enum tc_error technician_request_decode(const void *bytes, size_t length, struct technician_request *request,
                                        struct tc_fault *fault);
/* Appends the request. */
void technician_request_encode(const struct technician_request *request, struct buffer *out);

/* Appends an answer. Takes the reference of `status`. */
void technician_answer_encode(json_t *status, struct buffer *out);
void technician_refusal_encode(const char *code, const char *detail, struct buffer *out);

#endif
