#include "guard/plugin/properties.h"

#include <mqtt_protocol.h>
#include <stddef.h>

static bool has_length(int identifier)
{
    switch (identifier) {
    case MQTT_PROP_CONTENT_TYPE:
    case MQTT_PROP_RESPONSE_TOPIC:
    case MQTT_PROP_CORRELATION_DATA:
    case MQTT_PROP_USER_PROPERTY: return true;
    default: return false;
    }
}

bool properties_have_length(const mosquitto_property *properties)
{
    const mosquitto_property *one = properties;
    while (one != NULL && !has_length(mosquitto_property_identifier(one)))
        one = mosquitto_property_next(one);
    return one != NULL;
}
