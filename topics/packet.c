#include "topics/packet.h"

#include <string.h>

/* Bytes of a number of variable length (MQTT 5, 1.5.5). */
static size_t number_size(size_t number)
{
    size_t size = 1;
    while ((number >>= 7) > 0)
        size++;
    return size;
}

size_t packet_publish_size(const char *topic, size_t payload, int qos, size_t properties)
{
    size_t rest = 2 + strlen(topic) + (qos > 0 ? 2 : 0) + number_size(properties) + properties + payload;
    return 1 + number_size(rest) + rest;
}

size_t packet_payload_max(uint32_t packet_bytes, const char *topic)
{
    /* The overhead is largest in the largest packet. */
    size_t rest = packet_publish_size(topic, 0, 1, 0) - 1 + number_size(packet_bytes);
    return packet_bytes > rest ? packet_bytes - rest : 0;
}
