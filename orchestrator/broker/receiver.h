/* The connection by which the orchestrator hears, over libmosquitto.
 *
 * Not over paho, because paho calls back with the lock held that every publish of the process needs: a
 * handler that waits for room in its queue would keep the very answers from going out that make room.
 * libmosquitto reads on the thread that asks it to: when that thread waits, the socket is not read, and
 * nothing else stands still. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_RECEIVER_H
#define TELLERCAST_ORCHESTRATOR_BROKER_RECEIVER_H

#include "orchestrator/broker/broker.h"

struct receiver;

/* `config` outlives the receiver. Its functions return early when `interrupt_fd` becomes readable. All of them
 * are called by one thread. */
struct receiver *receiver_open(const struct broker_config *config, int interrupt_fd);
void receiver_free(struct receiver *receiver);

/* Connects and makes every subscription. Messages can come in before it returns. TC_UNAVAILABLE, TC_TIMEOUT,
 * TC_DENIED when the broker refuses the connection or a subscription. */
enum tc_error receiver_connect(struct receiver *receiver, int timeout_ms, struct tc_fault *fault);

/* Reads and hands on messages until interrupted (TC_OK) or until the connection is lost (TC_UNAVAILABLE). */
enum tc_error receiver_run(struct receiver *receiver, struct tc_fault *fault);

void receiver_disconnect(struct receiver *receiver);

#endif
