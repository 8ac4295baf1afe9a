/* One device's MQTT session on libmosquitto, driven by the shard's epoll loop. The shard's thread. */
#ifndef TELLERCAST_TESTS_FLEET_SESSION_H
#define TELLERCAST_TESTS_FLEET_SESSION_H

#include "base/buffer.h"
#include "base/fault.h"
#include "topics/topic.h"

#include <stdbool.h>
#include <stdint.h>

struct device;

/* Makes the session, not connected. libmosquitto opens two descriptors a session for a purpose that is not
 * ours, and works without them: let it have none, or a fleet needs three descriptors a device. */
enum tc_error session_open(struct device *device, struct tc_fault *fault);
void session_close(struct device *device);

/* Begins to connect and to subscribe; device_ready follows, or the loss of the link. */
void session_connect(struct device *device);

/* Queues a message on a topic of the device's own, or on a dispatch topic to `to`. False when the device is
 * not ready: nothing was sent. */
bool session_publish(struct device *device, enum topic_kind kind, const char *to, const struct buffer *payload,
                     int qos);

/* Ends the connection: politely, with its will, or as a crash or a cut line does. It stays away `for_ms`;
 * negative: the usual time between attempts to connect. */
void session_leave(struct device *device, int64_t for_ms);
void session_cut(struct device *device, int64_t for_ms);

/* The socket is ready, as epoll says. */
void session_serve(struct device *device, uint32_t events);
/* Writes what is queued. */
void session_flush(struct device *device);
/* Keeps the connection alive; to be called every few seconds. */
void session_tend(struct device *device);

#endif
