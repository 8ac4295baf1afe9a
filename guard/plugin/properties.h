/* The properties of a message (MQTT 5, 2.2.2). */
#ifndef TELLERCAST_GUARD_PLUGIN_PROPERTIES_H
#define TELLERCAST_GUARD_PLUGIN_PROPERTIES_H

#include <mosquitto.h>
#include <stdbool.h>

/* Whether one of them has a length that its sender chooses: the broker keeps it with the message, beside topic and
 * payload. The others are numbers. NULL: there are none. */
bool properties_have_length(const mosquitto_property *properties);

#endif
