#include "orchestrator/broker/announced.h"

enum { MESSAGE_ID_MAX = 65535 };

static int64_t number_of(MQTTProperties *properties, enum MQTTPropertyCodes code, int64_t otherwise)
{
    return MQTTProperties_hasProperty(properties, code) == 0 ? otherwise
                                                             : MQTTProperties_getNumericValue(properties, code);
}

struct announced announced_read(MQTTProperties *properties)
{
    struct announced announced = {
        .packet_bytes = (uint32_t)number_of(properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0),
        .receive_maximum = (int)number_of(properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, MESSAGE_ID_MAX),
        .qos = (int)number_of(properties, MQTTPROPERTY_CODE_MAXIMUM_QOS, 2),
        .retains = number_of(properties, MQTTPROPERTY_CODE_RETAIN_AVAILABLE, 1) != 0,
        .keep_alive_s = (int)number_of(properties, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, 0),
    };
    if (announced.receive_maximum <= 0) /* a protocol error */
        announced.receive_maximum = MESSAGE_ID_MAX;
    return announced;
}

enum tc_error announced_check(const struct announced *announced, struct tc_fault *fault)
{
    if (announced->qos < 1)
        return tc_fault_set(fault, TC_DENIED, "the broker does not support QoS 1; start commands need it");
    if (!announced->retains)
        return tc_fault_set(fault, TC_DENIED, "the broker does not retain messages; pull clients need that");
    return TC_OK;
}
