/* A further connection of an orchestrator to the broker. It receives messages like the first one, leaves a will, and
 * publishes, all on the calling thread and in steps. It does not reconnect by itself. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_WATCH_H
#define TELLERCAST_ORCHESTRATOR_BROKER_WATCH_H

#include "orchestrator/broker/broker.h"

struct broker_watch;

/* Of `config` it uses the broker's address and credentials, the keep-alive, `subscriptions` and `received`; `client_id`
 * must differ from that of the other connections. What `config` points to must outlive the watch. All functions return
 * early when `interrupt_fd` becomes readable. */
struct broker_watch *broker_watch_open(const struct broker_config *config, int interrupt_fd);
void broker_watch_close(struct broker_watch *watch);

/* Connects, and subscribes to nothing yet. The will, QoS 1 and retained, is published when the connection ends in any
 * other way than by broker_watch_disconnect. */
enum tc_error broker_watch_connect(struct broker_watch *watch, const struct topic *will_topic, const void *will,
                                   size_t length, struct tc_fault *fault);
/* Subscribes to config.subscriptions[at]. TC_DENIED when the broker refuses it. Messages can arrive before it returns.
 */
enum tc_error broker_watch_subscribe(struct broker_watch *watch, size_t at, struct tc_fault *fault);
/* QoS 1 and retained. */
enum tc_error broker_watch_publish(struct broker_watch *watch, const struct topic *topic, const void *payload,
                                   size_t length, struct tc_fault *fault);
/* Waits at most a second for messages, and calls `received`. TC_UNAVAILABLE: the connection is lost. */
enum tc_error broker_watch_step(struct broker_watch *watch, struct tc_fault *fault);
/* Waits at most `wait_ms` until what was published is acknowledged, then disconnects. The will is not published. */
void broker_watch_disconnect(struct broker_watch *watch, int wait_ms);
/* After the connection was lost: the will is published. */
void broker_watch_drop(struct broker_watch *watch);

#endif
