/* A minimal MQTT 5 client on paho for the floors of the benches: one connection, no reconnecting, no queue of its own.
 * A floor must not be slower than paho itself. */
#ifndef TELLERCAST_TESTS_BENCH_PAHO_CLIENT_H
#define TELLERCAST_TESTS_BENCH_PAHO_CLIENT_H

#include "base/buffer.h"
#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

/* Called on paho's receiving thread. It may publish. `payload` has no NUL. */
typedef void paho_receive(void *context, const char *topic, const char *payload, size_t length);

struct paho_client;

/* Connects to `uri`, "tcp://127.0.0.1:1883", as client and user `name`. */
enum tc_error paho_client_open(const char *uri, const char *name, paho_receive *receive, void *context,
                               struct paho_client **client, struct tc_fault *fault);
/* Waits until all published messages are sent, and disconnects. */
void paho_client_close(struct paho_client *client);

enum tc_error paho_client_subscribe(struct paho_client *client, const char *filter, int qos, struct tc_fault *fault);
/* Passes the message to paho, which copies it. Any thread. Returns false when paho refused it. */
bool paho_client_publish(struct paho_client *client, const char *topic, const struct buffer *payload, int qos,
                         bool is_retained);
/* Returns the QoS 1 messages that the broker has not acknowledged. Any thread. */
size_t paho_client_unacknowledged(struct paho_client *client);

/* The processor time that this process has used so far. */
double paho_client_cpu_seconds(void);

#endif
