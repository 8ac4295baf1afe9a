#include "clients/agent/agent_recall.h"

#include "base/log.h"
#include "clients/agent/agent_ask.h"
#include "clients/agent/agent_report.h"

enum { MS_PER_SECOND = 1000, REPORT_MS = 60000 };

/* True when the attempt may have ended since then: by its end time or, as the clock can be wrong, by its expiry. */
static bool may_have_ended_since(const struct journal_entry *entry, int64_t since_s)
{
    return entry->stage == JOURNAL_ENDED && entry->reported &&
           (entry->expires_s >= since_s || entry->at_ms / MS_PER_SECOND >= since_s);
}

void agent_recall(struct agent *agent, int64_t recall, int64_t since_s, int64_t now_ms)
{
    struct tc_fault fault;
    struct journal_high_water_marks high_water_marks = journal_high_water_marks(agent->journal);
    if (recall <= high_water_marks.recalled)
        return;
    const struct journal_entry *entry;
    int64_t count = 0;
    for (size_t i = 0; (entry = journal_at(agent->journal, i)) != NULL; i++) {
        if (!may_have_ended_since(entry, since_s))
            continue;
        if (!agent_report_recorded(agent, entry))
            return; /* and the orchestrators ask again */
        count++;
    }
    agent_report_installing_again(agent);
    high_water_marks.recalled = recall;
    if (journal_write_high_water_marks(agent->journal, &high_water_marks, &fault) != TC_OK)
        LOG_ERROR("journal.write_failed", F_STR("fault", fault.text));
    LOG_INFO("journal.recalled", F_INT("recall", recall), F_INT("instructions", count));
    agent->ask.is_due = true; /* the ask says so, and is repeated until it is answered */
    agent_ask_after(agent, 0, now_ms + REPORT_MS, now_ms);
}
