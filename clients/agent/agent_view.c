#include "clients/agent/agent_view.h"

#include "clients/agent/agent_state.h"

enum { PROGRESS_UNKNOWN = -1 };

const char *agent_activity_name(enum agent_activity activity)
{
    static const char *const names[] = {
        [ACTIVITY_NOTHING] = "nothing",
        [ACTIVITY_ASKING] = "asking",
        [ACTIVITY_READING_VERSIONS] = "reading_versions",
        [ACTIVITY_AWAITING_VERSIONS] = "awaiting_versions",
        [ACTIVITY_AWAITING_TIME] = "awaiting_time",
        [ACTIVITY_DOWNLOADING] = "downloading",
        [ACTIVITY_AWAITING_PROOF] = "awaiting_proof",
        [ACTIVITY_AWAITING_RELAY] = "awaiting_relay",
        [ACTIVITY_INSTALLING] = "installing",
    };
    TC_CHECK((size_t)activity < sizeof names / sizeof *names);
    return names[activity];
}

static enum agent_activity activity_of(const struct agent *agent)
{
    switch (agent->stage) {
    case STAGE_READING_VERSIONS: return ACTIVITY_READING_VERSIONS;
    case STAGE_VERSIONS_RETRY: return ACTIVITY_AWAITING_VERSIONS;
    case STAGE_DOWNLOADING: return ACTIVITY_DOWNLOADING;
    case STAGE_WAITING: return agent->awaits_proof ? ACTIVITY_AWAITING_PROOF : ACTIVITY_AWAITING_RELAY;
    case STAGE_INSTALLING: return ACTIVITY_INSTALLING;
    case STAGE_IDLE: break;
    }
    if (agent->pending.is_set)
        return ACTIVITY_AWAITING_TIME;
    return agent->ask.is_unanswered ? ACTIVITY_ASKING : ACTIVITY_NOTHING;
}

static const struct journal_entry *find_last_ended(const struct agent *agent)
{
    const struct journal_entry *entry, *last = NULL;
    for (size_t i = 0; (entry = journal_at(agent->journal, i)) != NULL; i++) {
        if (entry->stage == JOURNAL_ENDED && (last == NULL || entry->at_ms >= last->at_ms))
            last = entry;
    }
    return last;
}

static void describe_instruction(const struct agent *agent, struct agent_view *view)
{
    const struct instruction_payload *payload = &agent->payload;
    view->instruction = payload->instruction;
    view->rollout = payload->rollout;
    view->attempt = payload->attempt;
    view->action = payload->action;
    view->artifact = payload->has_artifact ? payload->artifact.name : "";
    view->version = payload->has_artifact ? payload->artifact.version : "";
    view->progress = agent->stage == STAGE_INSTALLING ? agent->installing.progress : PROGRESS_UNKNOWN;
}

void agent_describe(const struct agent *agent, struct agent_time now, struct agent_view *view)
{
    bool is_at_work =
        agent->stage == STAGE_DOWNLOADING || agent->stage == STAGE_WAITING || agent->stage == STAGE_INSTALLING;
    *view = (struct agent_view){
        .activity = activity_of(agent),
        .is_time_known = device_clock_is_known(&agent->clock),
        .is_time_proven = device_clock_is_proven(&agent->clock, now),
        .time_ms = device_clock_now_ms(&agent->clock, now),
        .hold = hold_stands(&agent->hold, now.monotonic_ms) ? &agent->hold : NULL,
        .artifact = "",
        .version = "",
        .last = find_last_ended(agent),
        .unconfirmed = outbox_count(agent->outbox),
        .versions = agent->versions,
    };
    if (is_at_work)
        describe_instruction(agent, view);
}
