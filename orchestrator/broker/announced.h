/* The limits that the broker announced in its CONNACK (MQTT 5). */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_ANNOUNCED_H
#define TELLERCAST_ORCHESTRATOR_BROKER_ANNOUNCED_H

#include "base/fault.h"

#include <MQTTAsync.h>
#include <stdbool.h>
#include <stdint.h>

struct announced {
    uint32_t packet_bytes; /* maximum packet size; 0: none announced */
    int receive_maximum;   /* unacknowledged QoS 1 messages */
    int qos;
    bool retains;
    int keep_alive_s; /* 0: the configured one */
};

struct announced announced_read(MQTTProperties *properties);

/* TC_DENIED, with the reason, when the broker lacks a feature that orchestrators need. */
enum tc_error announced_check(const struct announced *announced, struct tc_fault *fault);

#endif
