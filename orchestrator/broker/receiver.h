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

/* Connects and subscribes. Messages can arrive before it returns. TC_UNAVAILABLE, TC_TIMEOUT, TC_DENIED when the broker
 * refuses the connection or a subscription. */
enum tc_error receiver_connect(struct receiver *receiver, int timeout_ms, struct tc_fault *fault);

/* Reads messages and calls the handler until interrupted (TC_OK) or until the connection is lost (TC_UNAVAILABLE). */
enum tc_error receiver_run(struct receiver *receiver, struct tc_fault *fault);

void receiver_disconnect(struct receiver *receiver);

#endif
