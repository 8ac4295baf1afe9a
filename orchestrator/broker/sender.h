/* The connection by which the orchestrator speaks, over paho's MQTTAsync.
 *
 * One connection is one MQTTAsync handle: what is under way when it is lost fails, once, and nothing of it
 * turns up in the next one. paho's own reconnecting is not used, since it sends late what its caller was
 * told had failed. */
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
    const void *correlation; /* NULL: none */
    size_t correlation_length;
};

/* `config` outlives the sender. `lost` is called when a connection that stood is lost, on paho's thread; it must
 * not wait nor call back. */
struct sender *sender_open(const struct broker_config *config, void (*lost)(void *context), void *context);
void sender_free(struct sender *sender);

/* Connects; waits for it. TC_UNAVAILABLE, TC_DENIED, TC_TIMEOUT. One thread calls this and sender_disconnect. */
enum tc_error sender_connect(struct sender *sender, int timeout_ms, struct tc_fault *fault);
/* Ends the connection, whether it stands or not, after what is under way has been acknowledged or `wait_ms` have
 * gone by; the rest fails. */
void sender_disconnect(struct sender *sender, int wait_ms);
/* Makes a sender_connect that waits, and those to come, give up. Any thread. */
void sender_interrupt(struct sender *sender);

bool sender_is_connected(struct sender *sender);
/* Why the last connection was lost. */
void sender_describe(struct sender *sender, char *text, size_t size);

/* As broker_publish and broker_batch_wait say. */
enum tc_error sender_publish(struct sender *sender, const struct outgoing *message, struct broker_batch *batch);
enum tc_error sender_batch_wait(struct sender *sender, struct broker_batch *batch, int wait_ms);

#endif
