#include "orchestrator/presence/trust.h"

struct watch_trust watch_trust_decide(const struct watch_facts *facts)
{
    /* An access list that lacks the topic of the mark hides what became of the last one. */
    if (!facts->was_answered)
        return (struct watch_trust){.keeps = false, .trusts_online = false};
    /* The broker has lost all that it retained, or this is the first watch: what it retains now is new. */
    if (!facts->found_mark)
        return (struct watch_trust){.keeps = false, .trusts_online = true};
    bool is_sound = facts->is_of_last && facts->has_ended;
    return (struct watch_trust){.keeps = is_sound, .trusts_online = is_sound};
}

bool watch_may_still_end(const struct watch_facts *facts)
{
    return facts->was_answered && facts->found_mark && facts->is_of_last && !facts->has_ended;
}
