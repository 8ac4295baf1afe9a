/* The connection that receives, over libmosquitto.
 *
 * It does not use paho, because paho's callbacks hold the lock that every publish of the process needs: a handler that
 * waits for space in its queue would block the answers that make space. libmosquitto reads on the calling thread: when
 * that thread waits, the socket is not read, and nothing else is blocked. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_RECEIVER_H
#define TELLERCAST_ORCHESTRATOR_BROKER_RECEIVER_H

#include "orchestrator/broker/broker.h"

struct receiver;

/* `config` must outlive the receiver. Its functions return early when `interrupt_fd` becomes readable. Call all of them
 * from one thread. */
struct receiver *receiver_open(const struct broker_config *config, int interrupt_fd);
void receiver_free(struct receiver *receiver);

/* Connects to `host` and subscribes. Messages can arrive before it returns. TC_UNAVAILABLE, TC_TIMEOUT, TC_DENIED when
 * the broker refuses the connection or a subscription. */
enum tc_error receiver_connect(struct receiver *receiver, const char *host, int timeout_ms, struct tc_fault *fault);

/* A message that the broker publishes when the connection ends without DISCONNECT: QoS 1, retained. */
struct receiver_will {
    const char *topic;
    const void *payload;
    size_t length;
};

/* The steps of receiver_connect, for a caller that does something between them: connects, then subscribes to one of the
 * subscriptions. `will`: NULL for none. */
enum tc_error receiver_begin(struct receiver *receiver, const char *host, const struct receiver_will *will,
                             int timeout_ms, struct tc_fault *fault);
enum tc_error receiver_subscribe(struct receiver *receiver, size_t subscription, int timeout_ms,
                                 struct tc_fault *fault);

/* Publishes over this connection, QoS 1 and retained, and returns before the broker has acknowledged it. */
enum tc_error receiver_publish(struct receiver *receiver, const char *topic, const void *payload, size_t length,
                               struct tc_fault *fault);
/* Whether the broker has acknowledged, or refused, all of these. */
bool receiver_has_published(const struct receiver *receiver);

/* Waits at most a second for messages, and calls the handler. TC_UNAVAILABLE: the connection is lost. */
enum tc_error receiver_step(struct receiver *receiver, bool *interrupted, struct tc_fault *fault);

/* Reads messages and calls the handler until interrupted (TC_OK) or until the connection is lost (TC_UNAVAILABLE). */
enum tc_error receiver_run(struct receiver *receiver, struct tc_fault *fault);

void receiver_disconnect(struct receiver *receiver);

#endif
