/* One device's MQTT session on libmosquitto, driven by the shard's epoll loop. The shard's thread. */
#ifndef TELLERCAST_TESTS_FLEET_SESSION_H
#define TELLERCAST_TESTS_FLEET_SESSION_H

#include "base/buffer.h"
#include "base/fault.h"
#include "topics/topic.h"

#include <stdbool.h>
#include <stdint.h>

struct device;

/* Makes a session, which is not connected yet. libmosquitto opens two descriptors for each session that are not needed
 * here, and works without them. So none must be available meanwhile; else a fleet needs three descriptors for each
 * device. */
enum tc_error session_open(struct device *device, struct tc_fault *fault);
void session_close(struct device *device);

/* Begins to connect and to subscribe. device_ready follows, or the link is lost. */
void session_connect(struct device *device);

/* Queues a message on a topic of the device itself, or on the dispatch topic of device `to`. Returns false, and sends
 * nothing, when the device is not ready. */
bool session_publish(struct device *device, enum topic_kind kind, const char *to, const struct buffer *payload,
                     int qos);

/* Each ends the connection: session_leave with DISCONNECT (and the will, if there is one), session_cut without it, as a
 * crash or a cut line does. The device stays away `for_ms`; negative: the usual time between attempts to connect. */
void session_leave(struct device *device, int64_t for_ms);
void session_cut(struct device *device, int64_t for_ms);

/* Handles a socket that is ready, by the events of epoll. */
void session_serve(struct device *device, uint32_t events);
/* Writes the queued messages. */
void session_flush(struct device *device);
/* Keeps the connection alive. Call it every few seconds. */
void session_tend(struct device *device);

#endif
