#include "clients/agent/agent_report.h"

#include "base/log.h"
#include "clients/agent/agent_publish.h"

#include <stdio.h>

enum { PERCENT_UNKNOWN = -1 };

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
        entry->sequence += 2 * PROGRESS_REPORTS_MAX; /* above each sequence that may have been reported */
    agent_journal_end(agent, entry, REPORT_FAILED, "journal_damaged",
                      "the journal lost records: this attempt may have run, so it is not repeated", at_ms);
}

/* False when the report would not outlive this run. */
static bool put_in_outbox(struct agent *agent, const struct journal_entry *entry, const struct report *report)
{
    struct tc_fault fault;
    if (outbox_put(agent->outbox, report, &fault) == TC_OK)
        return true;
    log_write_failed("outbox.write_failed", entry, &fault);
    return false;
}

static bool put_final_report(struct agent *agent, const struct journal_entry *entry)
{
    struct report report = {
        .instruction = entry->instruction,
        .attempt = entry->attempt,
        .sequence = entry->sequence,
        .state = entry->state,
        .progress = PERCENT_UNKNOWN,
        .versions = agent->versions,
        .at_ms = entry->at_ms,
    };
    (void)snprintf(report.code, sizeof report.code, "%s", entry->code);
    (void)snprintf(report.detail, sizeof report.detail, "%s", entry->detail);
    return put_in_outbox(agent, entry, &report);
}

void agent_end_before_effect(struct agent *agent, enum report_state state, const char *code, const char *detail,
                             struct agent_time now)
{
    agent_journal_end(agent, &agent->entry, state, code, detail, device_clock_now_ms(&agent->clock, now));
    agent_report_end(agent, agent->entry);
    agent->stage = STAGE_IDLE;
}

bool agent_report_recorded(struct agent *agent, const struct journal_entry *entry)
{
    return outbox_make_due(agent->outbox, entry->instruction, entry->attempt) || put_final_report(agent, entry);
}

void agent_report_end(struct agent *agent, struct journal_entry entry)
{
    (void)put_final_report(agent, &entry);

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
    const struct report report = {
        .instruction = entry->instruction,
        .attempt = entry->attempt,
        .sequence = entry->sequence,
        .state = REPORT_RECEIVED,
        .progress = PERCENT_UNKNOWN,
        .at_ms = device_clock_now_ms(&agent->clock, now),
    };
    (void)put_in_outbox(agent, entry, &report);
    agent_send_outbox(agent, now.monotonic_ms); /* before the reports of the installer */
}

static enum tc_error publish_once(struct agent *agent, const struct report *report)
{
    struct buffer payload = {0};
    report_encode(report, &payload);
    enum tc_error error = agent_publish(agent, TOPIC_REPLY, &payload, 1, false);
    buffer_free(&payload);
    return error;
}

/* A report too large for the broker is sent without its detail, and then without its versions. */
static void publish_report(struct agent *agent, const struct report *report)
{
    struct report shorter = *report;
    enum tc_error error = publish_once(agent, report);
    if (error == TC_TOO_LARGE) {
        shorter.detail[0] = '\0';
        error = publish_once(agent, &shorter);
    }
    if (error == TC_TOO_LARGE) {
        shorter.versions = NULL;
        error = publish_once(agent, &shorter);
    }
    /* Reports in the outbox are sent again; others may be lost. */
    if (error != TC_OK)
        LOG_DEBUG("status.not_sent", F_INT("instruction", report->instruction));
}

/* False when the sequences reserved in the journal are used up. */
static bool next_installing_report(struct agent *agent, int percent, const char *text, struct agent_time now)
{
    struct journal_entry *entry = &agent->entry;
    if (entry->sequence + 1 >= agent->sequence_limit)
        return false;
    agent->progress_next_ms = now.monotonic_ms + agent->config.progress_period_ms;
    agent->installing = (struct report){
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
    if (!next_installing_report(agent, 0, "", now))
        return;
    (void)put_in_outbox(agent, &agent->entry, &agent->installing);
    agent_send_outbox(agent, now.monotonic_ms); /* before the reports of the installer */
}

void agent_report_progress(struct agent *agent, int percent, const char *text, struct agent_time now)
{
    if (percent == agent->installing.progress || now.monotonic_ms < agent->progress_next_ms)
        return;
    if (next_installing_report(agent, percent, text, now))
        publish_report(agent, &agent->installing);
}

void agent_report_installing_again(struct agent *agent)
{
    if (agent->stage == STAGE_INSTALLING)
        (void)put_in_outbox(agent, &agent->entry, &agent->installing);
}

void agent_report_untrusted(struct agent *agent, const struct instruction_payload *payload,
                            const struct refusal *refusal)
{
    LOG_LIMITED(LOG_LEVEL_WARNING, "", "instruction.untrusted", F_INT("instruction", payload->instruction),
                F_INT("attempt", payload->attempt), F_STR("code", refusal->code), F_STR("detail", refusal->detail));
    if (payload->instruction == 0)
        return;
    const struct journal_entry *known = journal_find(agent->journal, payload->instruction);
    if (known != NULL && known->attempt >= payload->attempt)
        return; /* a forgery must not overrule this device's own report of the attempt */
    struct report report = {
        .instruction = payload->instruction,
        .attempt = payload->attempt,
        .sequence = 1,
        .state = REPORT_REJECTED,
        .progress = PERCENT_UNKNOWN,
    };
    (void)snprintf(report.code, sizeof report.code, "%s", refusal->code);
    (void)snprintf(report.detail, sizeof report.detail, "%s", refusal->detail);
    publish_report(agent, &report);
}

/* A report may have waited long: it carries the current versions. */
void agent_send_outbox(struct agent *agent, int64_t now_ms)
{
    const struct report *kept;
    while (agent->is_connected && (kept = outbox_take_due(agent->outbox, now_ms)) != NULL) {
        struct report report = *kept;
        if (report.versions != NULL && agent->versions != NULL)
            report.versions = agent->versions;
        publish_report(agent, &report);
    }
}
