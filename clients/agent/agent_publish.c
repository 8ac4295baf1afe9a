#include "clients/agent/agent_publish.h"

#include <string.h>

enum tc_error agent_publish(struct agent *agent, enum topic_kind kind, const struct buffer *payload, int qos,
                            bool retained)
{
    struct topic topic = {.kind = kind};
    memcpy(topic.device, agent->config.device, strlen(agent->config.device) + 1);
    return agent->effects.publish(agent->effects.context, &topic, buffer_text(payload), payload->length, qos, retained);
}
