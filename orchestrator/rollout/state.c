#include "orchestrator/rollout/state.h"

#include <string.h>

const struct instruction_rule instruction_rules[] = {
#define INSTRUCTION_RULE(from, from_substate, on, to, to_substate, why) {from, from_substate, on, to, to_substate, why},
#include "orchestrator/rollout/vocabulary.def"
};
const size_t instruction_rule_count = sizeof instruction_rules / sizeof *instruction_rules;

static const char *const state_names[STATE_COUNT] = {
#define INSTRUCTION_STATE(constant, number, name) [constant] = (name),
#include "orchestrator/rollout/vocabulary.def"
};

#define USUAL_SUBSTATE(constant, number, name) static const char *const name_of_##constant = (name);
#include "orchestrator/rollout/vocabulary.def"

static const char *const special_substate_names[] = {
#define SPECIAL_SUBSTATE(constant, number, name) [constant] = (name),
#include "orchestrator/rollout/vocabulary.def"
};

static const char *const event_names[EVENT_COUNT] = {
#define INSTRUCTION_EVENT(constant, number, name) [constant] = (name),
#include "orchestrator/rollout/vocabulary.def"
};

const struct instruction_rule *instruction_rule_find(enum instruction_state from,
                                                     enum instruction_substate from_substate, enum instruction_event on)
{
    for (size_t i = 0; i < instruction_rule_count; i++) {
        const struct instruction_rule *rule = &instruction_rules[i];
        if (rule->from == from && rule->from_substate == from_substate && rule->on == on)
            return rule;
    }
    return NULL;
}

bool instruction_substate_is_known(int64_t state, int64_t substate)
{
    for (size_t i = 0; i < instruction_rule_count; i++) {
        const struct instruction_rule *rule = &instruction_rules[i];
        if ((rule->from == state && rule->from_substate == substate) ||
            (rule->to == state && rule->to_substate == substate))
            return true;
    }
    return false;
}

const char *instruction_state_name(enum instruction_state state)
{
    return (size_t)state < STATE_COUNT ? state_names[state] : "unknown";
}

const char *instruction_substate_name(enum instruction_state state, enum instruction_substate substate)
{
    if (substate != 0)
        return special_substate_names[substate];
    if (state == CREATED)
        return name_of_SCHEDULED;
    return instruction_state_is_in_flight(state) ? name_of_ACTIVE : name_of_FINAL;
}

bool instruction_state_or_substate_is_known(const char *name)
{
    static const char *const names[] = {
#define INSTRUCTION_STATE(constant, number, name) (name),
#define USUAL_SUBSTATE(constant, number, name) (name),
#define SPECIAL_SUBSTATE(constant, number, name) (name),
#include "orchestrator/rollout/vocabulary.def"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

const char *instruction_event_name(enum instruction_event event)
{
    return (size_t)event < EVENT_COUNT ? event_names[event] : "unknown";
}

bool instruction_state_is_end(enum instruction_state state)
{
    return (int)state >= FIRST_END;
}

bool instruction_state_is_in_flight(enum instruction_state state)
{
    return (int)state >= FIRST_IN_FLIGHT && (int)state <= LAST_IN_FLIGHT;
}
