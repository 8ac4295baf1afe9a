#include "clients/agent/agent_state.h"

#include "base/log.h"

#include <stdio.h>

enum { PERCENT_NOT_SAID = -1 };

static void log_write_failed(const char *event, const struct journal_entry *entry, const struct tc_fault *fault)
{
    LOG_ERROR(event, F_INT("instruction", entry->instruction), F_INT("attempt", entry->attempt),
              F_STR("fault", fault->text));
}

void agent_journal_end(struct agent *agent, struct journal_entry *entry, enum report_state state, const char *code,
                       const char *detail, int64_t at_ms)
{
    struct tc_fault fault;
    entry->stage = JOURNAL_ENDED;
    entry->state = state;
    entry->reported = false;
    entry->at_ms = at_ms;
    entry->sequence++;
    (void)snprintf(entry->code, sizeof entry->code, "%s", code);
    (void)snprintf(entry->detail, sizeof entry->detail, "%s", detail);
    if (journal_write(agent->journal, entry, &fault) != TC_OK)
        log_write_failed("journal.write_failed", entry, &fault);
    LOG_INFO("instruction.ended", F_INT("instruction", entry->instruction), F_INT("attempt", entry->attempt),
             F_STR("state", report_state_name(state)), F_STR("code", code), F_STR("detail", detail));
}

void agent_journal_forgotten(struct agent *agent, struct journal_entry *entry, int64_t at_ms)
{
    if (entry->stage == JOURNAL_RECEIVED)
        entry->sequence += 2 * PROGRESS_REPORTS_MAX; /* beyond what it may have reported */
    agent_journal_end(agent, entry, REPORT_FAILED, "journal_damaged",
                      "the journal has lost records: this attempt may have been made, and is not made again", at_ms);
}

static void put_in_outbox(struct agent *agent, const struct journal_entry *entry, const struct status *status)
{
    struct tc_fault fault;
    if (outbox_put(agent->outbox, status, &fault) != TC_OK)
        log_write_failed("outbox.write_failed", entry, &fault);
}

void agent_report_end(struct agent *agent, struct journal_entry entry)
{
    struct status status = {
        .instruction = entry.instruction,
        .attempt = entry.attempt,
        .sequence = entry.sequence,
        .state = entry.state,
        .progress = PERCENT_NOT_SAID,
        .versions = agent->versions,
        .at_ms = entry.at_ms,
    };
    (void)snprintf(status.code, sizeof status.code, "%s", entry.code);
    (void)snprintf(status.detail, sizeof status.detail, "%s", entry.detail);
    put_in_outbox(agent, &entry, &status);

    struct tc_fault fault;
    entry.reported = true;
    if (journal_write(agent->journal, &entry, &fault) != TC_OK)
        log_write_failed("journal.write_failed", &entry, &fault);
}

bool agent_awaits_versions(const struct journal_entry *entry)
{
    return entry->stage == JOURNAL_ENDED && !entry->reported && entry->state == REPORT_COMPLETED &&
           entry->code[0] == '\0' && entry->artifact[0] != '\0' &&
           (entry->action == ACTION_INSTALL || entry->action == ACTION_ROLLBACK);
}

void agent_report_all(struct agent *agent, bool is_final)
{
    const struct journal_entry *entry;
    for (size_t i = 0; (entry = journal_at(agent->journal, i)) != NULL; i++) {
        if (entry->stage == JOURNAL_ENDED && !entry->reported && (is_final || !agent_awaits_versions(entry)))
            agent_report_end(agent, *entry);
    }
}

void agent_report_received(struct agent *agent, struct agent_time now)
{
    const struct journal_entry *entry = &agent->entry;
    const struct status status = {
        .instruction = entry->instruction,
        .attempt = entry->attempt,
        .sequence = entry->sequence,
        .state = REPORT_RECEIVED,
        .progress = PERCENT_NOT_SAID,
        .at_ms = device_clock_now_ms(&agent->clock, now),
    };
    put_in_outbox(agent, entry, &status);
    agent_send_outbox(agent, now.monotonic_ms); /* before what the installer has to say */
}

static void publish_status(struct agent *agent, const struct status *status)
{
    struct buffer payload = {0};
    status_encode(status, &payload);
    /* What is kept in the outbox is sent again; what is not can be lost. */
    if (agent_publish(agent, TOPIC_REPLY, &payload, 1, false) != TC_OK)
        LOG_DEBUG("status.not_sent", F_INT("instruction", status->instruction));
    buffer_free(&payload);
}

/* False when the journal does not answer for another sequence. */
static bool note_installing(struct agent *agent, int percent, const char *text, struct agent_time now)
{
    struct journal_entry *entry = &agent->entry;
    if (entry->sequence + 1 >= agent->sequence_limit)
        return false;
    agent->progress_next_ms = now.monotonic_ms + agent->config.progress_period_ms;
    agent->installing = (struct status){
        .instruction = entry->instruction,
        .attempt = entry->attempt,
        .sequence = ++entry->sequence,
        .state = REPORT_INSTALLING,
        .progress = percent,
        .at_ms = device_clock_now_ms(&agent->clock, now),
    };
    (void)snprintf(agent->installing.detail, sizeof agent->installing.detail, "%s", text);
    return true;
}

void agent_report_installing(struct agent *agent, struct agent_time now)
{
    if (!note_installing(agent, 0, "", now))
        return;
    put_in_outbox(agent, &agent->entry, &agent->installing);
    agent_send_outbox(agent, now.monotonic_ms); /* before what the installer has to say */
}

void agent_report_progress(struct agent *agent, int percent, const char *text, struct agent_time now)
{
    if (percent == agent->installing.progress || now.monotonic_ms < agent->progress_next_ms)
        return;
    if (note_installing(agent, percent, text, now))
        publish_status(agent, &agent->installing);
}

void agent_report_installing_again(struct agent *agent)
{
    if (agent->stage == STAGE_INSTALLING)
        put_in_outbox(agent, &agent->entry, &agent->installing);
}

void agent_report_untrusted(struct agent *agent, const struct instruction_claims *claims, const struct refusal *refusal)
{
    LOG_WARNING("instruction.untrusted", F_INT("instruction", claims->instruction), F_INT("attempt", claims->attempt),
                F_STR("code", refusal->code), F_STR("detail", refusal->detail));
    if (claims->instruction == 0)
        return;
    const struct journal_entry *known = journal_find(agent->journal, claims->instruction);
    if (known != NULL && known->attempt >= claims->attempt)
        return; /* what this device has itself reported of that attempt is not overruled by a forgery */
    struct status status = {
        .instruction = claims->instruction,
        .attempt = claims->attempt,
        .sequence = 1,
        .state = REPORT_REJECTED,
        .progress = PERCENT_NOT_SAID,
    };
    (void)snprintf(status.code, sizeof status.code, "%s", refusal->code);
    (void)snprintf(status.detail, sizeof status.detail, "%s", refusal->detail);
    publish_status(agent, &status);
}

void agent_send_outbox(struct agent *agent, int64_t now_ms)
{
    const struct status *status;
    while (agent->is_connected && (status = outbox_take_due(agent->outbox, now_ms)) != NULL)
        publish_status(agent, status);
}
