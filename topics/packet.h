/* The size of a message on the wire (MQTT 5). Any thread. */
#ifndef TELLERCAST_TOPICS_PACKET_H
#define TELLERCAST_TOPICS_PACKET_H

#include <stddef.h>
#include <stdint.h>

/* Returns the bytes of a PUBLISH packet with `payload` bytes of payload and `properties` of properties. */
size_t packet_publish_size(const char *topic, size_t payload, int qos, size_t properties);

/* The most bytes of payload, without properties, for which the packet has at most `packet_bytes`. */
size_t packet_payload_max(uint32_t packet_bytes, const char *topic);

#endif
