/* Records and reports the progress and the end of attempts. Private to the agent_*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_REPORT_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_REPORT_H

#include "clients/agent/agent_state.h"

/* Makes `entry` ended in the journal, not yet reported. */
void agent_journal_end(struct agent *agent, struct journal_entry *entry, enum report_state state, const char *code,
                       const char *detail, int64_t at_ms);
/* The same for an entry whose later records a damaged journal may have lost. */
void agent_journal_forgotten(struct agent *agent, struct journal_entry *entry, int64_t at_ms);
/* Puts the final report of an ended entry in the outbox and records that in the journal. */
void agent_report_end(struct agent *agent, struct journal_entry entry);
/* Puts the recorded end of an entry in the outbox once more. False when it does not outlive this run. */
bool agent_report_recorded(struct agent *agent, const struct journal_entry *entry);
/* True for an unreported end that must first be checked against the versions. */
bool agent_awaits_versions(const struct journal_entry *entry);
/* Reports all ended, unreported entries; those that await the versions only with `is_final`. */
void agent_report_all(struct agent *agent, bool is_final);
void agent_report_received(struct agent *agent, struct agent_time now);
/* Reports `installing`, kept until it is confirmed: a deadline depends on it. */
void agent_report_installing(struct agent *agent, struct agent_time now);
/* Publishes progress once: more progress or the end follows. */
void agent_report_progress(struct agent *agent, int percent, const char *text, struct agent_time now);
/* While an installer runs: makes its last report due again, and keeps it. */
void agent_report_installing_again(struct agent *agent);
/* Publishes `rejected` once and keeps nothing: the token's IDs are unproven or not this device's. */
void agent_report_untrusted(struct agent *agent, const struct instruction_payload *payload,
                            const struct refusal *refusal);
/* Publishes the due reports of the outbox. */
void agent_send_outbox(struct agent *agent, int64_t now_ms);
/* Ends the attempt of `agent->entry` before an effect: journal, report, idle. */
void agent_end_before_effect(struct agent *agent, enum report_state state, const char *code, const char *detail,
                             struct agent_time now);

#endif
