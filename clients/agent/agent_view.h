/* What an agent shows to who asks at the machine. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_VIEW_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_VIEW_H

#include "clients/agent/action/journal.h"
#include "clients/agent/agent.h"
#include "clients/agent/hold.h"

enum agent_activity {
    ACTIVITY_NOTHING,
    ACTIVITY_ASKING,            /* an answer of the orchestrator is due */
    ACTIVITY_READING_VERSIONS,  /* reads the installed versions */
    ACTIVITY_AWAITING_VERSIONS, /* they cannot be read now: an installer of an earlier run still runs */
    ACTIVITY_AWAITING_TIME,     /* an instruction waits until the time is certain */
    ACTIVITY_DOWNLOADING,
    ACTIVITY_AWAITING_PROOF, /* ready to install; the privileged half would not know the time */
    ACTIVITY_AWAITING_RELAY, /* ready to install; dispatches of this node are not acknowledged */
    ACTIVITY_INSTALLING,
};

/* Texts belong to the agent, and are valid until its next call. */
struct agent_view {
    enum agent_activity activity;
    bool is_time_known, is_time_proven;
    int64_t time_ms;         /* the device's time */
    const struct hold *hold; /* NULL: none stands */
    int64_t instruction;     /* being carried out; 0: none, and the next fields say nothing */
    int64_t rollout;
    int32_t attempt;
    enum action action;
    const char *artifact, *version;   /* "": none */
    int32_t progress;                 /* percent; -1: unknown */
    const struct journal_entry *last; /* the last one that ended; NULL: none */
    size_t unconfirmed;               /* reports that the orchestrator has not confirmed */
    const json_t *versions;           /* installed; NULL: unknown */
};

void agent_describe(const struct agent *agent, struct agent_time now, struct agent_view *view);

/* The stable word of an activity: "downloading". */
const char *agent_activity_name(enum agent_activity activity);

#endif
