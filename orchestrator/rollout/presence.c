#include "orchestrator/rollout/presence.h"

#include "orchestrator/rollout/words.h"

#include <stddef.h>

static const char *const names[] = {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the macro defines an element */
#define PRESENCE_STATE(constant, number, name) [constant] = name,
#include "orchestrator/rollout/vocabulary.def"
};

const char *presence_state_name(enum presence_state state)
{
    return names[state];
}

/* An ATM that did not ask: the command goes through its node. */
static struct silence_decision decide_unasked_atm(const struct silence *silence)
{
    if (silence->node_presence == PRESENCE_OFFLINE)
        return (struct silence_decision){CODE_NODE_OFFLINE, SILENT_NODE};
    if (silence->device_presence == PRESENCE_OFFLINE)
        return (struct silence_decision){CODE_DEVICE_OFFLINE, SILENT_DEVICE};
    if (silence->device_presence == PRESENCE_ONLINE && silence->node_relays)
        return (struct silence_decision){CODE_DEVICE_SILENT, SILENT_DEVICE};
    if (silence->node_presence == PRESENCE_ONLINE && silence->device_presence == PRESENCE_ONLINE)
        return (struct silence_decision){CODE_NODE_SILENT, SILENT_NODE};
    return (struct silence_decision){CODE_NOT_ASKED, SILENT_NOT_KNOWN};
}

/* What is said of a device that is online, or of unknown presence. */
static const char *code_of_silent(const struct silence *silence)
{
    bool is_online = silence->device_presence == PRESENCE_ONLINE;
    switch (silence->state) {
    case DISPATCHED: return silence->node ? CODE_NODE_SILENT : CODE_DEVICE_SILENT;
    case SENT: return is_online || silence->pull || silence->node ? CODE_DEVICE_SILENT : CODE_ATM_SILENT;
    case RECEIVED: return is_online ? CODE_DEVICE_SILENT : CODE_NOT_INSTALLING;
    default: return CODE_INSTALL_TIMEOUT;
    }
}

struct silence_decision silence_decide(const struct silence *silence)
{
    if (silence->state == DISPATCHED && !silence->pull && !silence->node)
        return decide_unasked_atm(silence);
    enum silent_one who = silence->device_presence == PRESENCE_UNKNOWN ? SILENT_NOT_KNOWN
                          : silence->node                              ? SILENT_NODE
                                                                       : SILENT_DEVICE;
    if (silence->device_presence == PRESENCE_OFFLINE && silence->state != INSTALLING)
        return (struct silence_decision){silence->node ? CODE_NODE_OFFLINE : CODE_DEVICE_OFFLINE, who};
    return (struct silence_decision){code_of_silent(silence), who};
}
