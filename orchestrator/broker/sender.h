/* The connection that sends, over paho's MQTTAsync.
 *
 * One connection is one MQTTAsync handle: unacknowledged messages fail once when it is lost, and are not sent over the
 * next one. paho's own reconnect is not used: it sends late what was reported to the caller as failed. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_SENDER_H
#define TELLERCAST_ORCHESTRATOR_BROKER_SENDER_H

#include "orchestrator/broker/broker.h"

#include <stdbool.h>
#include <stddef.h>

struct sender;

struct outgoing {
    const char *topic;
    const void *payload;
    size_t length;
    int qos;
    bool retained;
    bool is_answer;          /* to an operator, who chose its topic */
    const void *correlation; /* NULL: none */
    size_t correlation_length;
};

/* `config` must outlive the sender. `lost` is called when an established connection is lost, on paho's thread; it must
 * neither wait nor call the sender. */
struct sender *sender_open(const struct broker_config *config, void (*lost)(void *context), void *context);
void sender_free(struct sender *sender);

/* Connects to `host` and waits for the result. TC_UNAVAILABLE, TC_DENIED, TC_TIMEOUT. Call this and sender_disconnect
 * from one thread. */
enum tc_error sender_connect(struct sender *sender, const char *host, int timeout_ms, struct tc_fault *fault);
/* Ends the connection, established or not, after all messages are acknowledged or `wait_ms` has passed; the rest fails.
 */
void sender_disconnect(struct sender *sender, int wait_ms);
/* Makes the current sender_connect, and later ones, fail at once. Any thread. */
void sender_interrupt(struct sender *sender);

bool sender_is_connected(struct sender *sender);
/* Why the last connection was lost. */
void sender_describe(struct sender *sender, char *text, size_t size);

/* When (monotonic) the broker last refused a message of this connection, and why; 0: never. Answers to operators do not
 * count. */
int64_t sender_refused_ms(struct sender *sender, char *reason, size_t size);

/* See broker_payload_max. */
size_t sender_payload_max(struct sender *sender, const char *topic);
/* See broker_publish and broker_batch_wait. */
enum tc_error sender_publish(struct sender *sender, const struct outgoing *message, struct broker_batch *batch);
enum tc_error sender_batch_wait(struct sender *sender, struct broker_batch *batch, int wait_ms);

#endif
