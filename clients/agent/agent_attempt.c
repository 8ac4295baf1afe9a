#include "clients/agent/agent_attempt.h"

#include "base/file.h"
#include "base/log.h"
#include "clients/agent/agent_ask.h"
#include "clients/agent/agent_download.h"
#include "clients/agent/agent_hold.h"
#include "clients/agent/agent_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSIONS_RETRY_MS = 5000,
    PROOF_WAIT_MS = 3600000,
};

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

/* What has no executable here is the privileged half's to run. */
static bool is_handed_over(const struct agent *agent, const char *executable)
{
    return is_empty(executable) && !is_empty(agent->config.install_socket);
}

static void fill_request(const struct agent *agent, struct install_request *request)
{
    const struct instruction_payload *payload = &agent->payload;
    *request = (struct install_request){
        .executable = agent->config.executables[payload->action],
        .action = action_name(payload->action),
        .device = agent->config.device,
        .instruction = payload->instruction,
        .rollout = payload->rollout,
        .attempt = payload->attempt,
        .artifact_name = payload->has_artifact ? payload->artifact.name : NULL,
        .artifact_version = payload->has_artifact ? payload->artifact.version : NULL,
        .artifact_file = agent->artifact_path[0] == '\0' ? NULL : agent->artifact_path,
        .parameters_file = agent->parameters_path,
    };
    if (!is_handed_over(agent, request->executable))
        return;
    request->socket_path = agent->config.install_socket;
    request->token = buffer_text(&agent->token);
    request->proof = agent->proof.length == 0 ? NULL : buffer_text(&agent->proof);
}

bool agent_defers_to_atms(struct agent *agent, struct agent_time now)
{
    if (agent->relay.last_dispatch_ms == INT64_MIN ||
        now.monotonic_ms - agent->relay.last_dispatch_ms >= agent->config.hold_after_dispatch_ms)
        return false;
    agent_end_before_effect(agent, REPORT_DEFERRED, "atm_in_flight", "an ATM of this branch was started shortly before",
                            now);
    return true;
}

void agent_begin(struct agent *agent, struct agent_time now)
{
    struct tc_fault fault;
    const struct instruction_payload *payload = &agent->payload;
    agent->artifact_path[0] = '\0';
    agent->awaits_proof = false;
    agent->entry.sequence++;
    if (journal_write(agent->journal, &agent->entry, &fault) != TC_OK) {
        agent_end_before_effect(agent, REPORT_FAILED, "journal_failed", fault.text, now);
        return;
    }
    LOG_INFO("instruction.received", F_INT("instruction", payload->instruction), F_INT("attempt", payload->attempt),
             F_STR("action", action_name(payload->action)), F_STR("artifact", payload->artifact.name),
             F_STR("version", payload->artifact.version));
    agent_report_received(agent, now);
    if (!agent_needs_download(payload)) {
        agent->stage = STAGE_WAITING;
        return;
    }
    agent_start_download(agent, now);
}

/* The parameters and the intent, durable before the installer starts. */
static enum tc_error write_intent(struct agent *agent, struct tc_fault *fault)
{
    char *parameters = agent->payload.parameters == NULL ? strdup("{}") : json_dumps(agent->payload.parameters, 0);
    TC_CHECK(parameters != NULL);
    enum tc_error error = file_replace(agent->parameters_path, parameters, strlen(parameters), 0600, fault);
    free(parameters);
    if (error != TC_OK)
        return error;
    struct journal_entry intent = agent->entry;
    intent.stage = JOURNAL_INTENT;
    intent.sequence += PROGRESS_REPORTS_MAX;
    error = journal_write(agent->journal, &intent, fault);
    agent->sequence_limit = intent.sequence;
    return error;
}

/* A rollback that names a version rolls back from that version only: a repeated rollback, or one after a manual repair,
 * must not bring it back. With unknown versions, or out of service, the installer decides. */
static bool is_already_rolled_back(const struct agent *agent, char *detail, size_t size)
{
    const struct instruction_payload *payload = &agent->payload;
    if (payload->action != ACTION_ROLLBACK || !payload->has_artifact || payload->artifact.version[0] == '\0' ||
        payload->out_of_service)
        return false;
    const char *found = json_string_value(json_object_get(agent->versions, payload->artifact.name));
    if (found == NULL || strcmp(found, payload->artifact.version) == 0)
        return false;
    (void)snprintf(detail, size, "%s %s is installed, not %s", payload->artifact.name, found,
                   payload->artifact.version);
    return true;
}

static bool has_pending_relays(const struct agent *agent)
{
    return agent->config.role == ROLE_NODE &&
           (agent->relay.count > 0 || agent->effects.unacknowledged(agent->effects.context) > 0);
}

/* Without an answer that proves the time the privileged half would defer the attempt: get one first. */
static bool must_await_proof(struct agent *agent, struct agent_time now)
{
    if (agent->proof.length > 0 || !is_handed_over(agent, agent->config.executables[agent->payload.action])) {
        agent->awaits_proof = false;
        return false;
    }
    if (!agent->awaits_proof)
        agent_ask_after(agent, 0, now.monotonic_ms + PROOF_WAIT_MS, now.monotonic_ms);
    agent->awaits_proof = true;
    return true;
}

void agent_try_install(struct agent *agent, struct agent_time now)
{
    struct refusal refusal;
    struct tc_fault fault;
    char detail[REPORT_DETAIL_MAX + 1];
    if (is_already_rolled_back(agent, detail, sizeof detail)) {
        agent_end_before_effect(agent, REPORT_COMPLETED, "not_needed", detail, now);
        return;
    }
    if (!verify_times(&agent->payload, device_clock_now_ms(&agent->clock, now), &refusal)) {
        agent_end_before_effect(agent, REPORT_REJECTED, refusal.code, refusal.detail, now);
        return;
    }
    if (agent_defers_to_technician(agent, now) || has_pending_relays(agent) || agent_defers_to_atms(agent, now))
        return;
    if (must_await_proof(agent, now))
        return;
    if (write_intent(agent, &fault) != TC_OK) {
        agent_end_before_effect(agent, REPORT_FAILED, "journal_failed", fault.text, now);
        return;
    }
    struct install_request request;
    fill_request(agent, &request);
    agent->stage = STAGE_INSTALLING;
    agent_report_installing(agent, now);
    agent->effects.start_installer(agent->effects.context, &request);
}

void agent_read_versions(struct agent *agent)
{
    const char *executable = agent->config.versions_executable;
    json_decref(agent->versions_read);
    agent->versions_read = NULL;
    agent->versions_retry_ms = 0;
    agent->stage = STAGE_IDLE;
    if (agent->is_stopping)
        return;
    bool hands_over = is_handed_over(agent, executable);
    if (is_empty(executable) && !hands_over) {
        agent_report_all(agent, true);
        return;
    }
    agent->stage = STAGE_READING_VERSIONS;
    agent->versions_read = json_object();
    TC_CHECK(agent->versions_read != NULL);
    struct install_request request = {
        .executable = executable,
        .action = "versions",
        .device = agent->config.device,
        .parameters_file = agent->parameters_path,
        .socket_path = hands_over ? agent->config.install_socket : NULL,
    };
    agent->effects.start_installer(agent->effects.context, &request);
}

static void keep_log(const struct agent *agent, const struct journal_entry *entry)
{
    if (agent->effects.keep_log != NULL)
        agent->effects.keep_log(agent->effects.context, entry->instruction, entry->attempt);
}

static void handle_install_end(struct agent *agent, const struct install_result *result, struct agent_time now)
{
    enum report_state state = result->outcome == INSTALL_DONE       ? REPORT_COMPLETED
                              : result->outcome == INSTALL_DEFERRED ? REPORT_DEFERRED
                              : result->outcome == INSTALL_REJECTED ? REPORT_REJECTED
                                                                    : REPORT_FAILED;
    agent_journal_end(agent, &agent->entry, state, result->code, result->detail,
                      device_clock_now_ms(&agent->clock, now));
    bool has_collected = state == REPORT_COMPLETED && agent->payload.action == ACTION_COLLECT;
    if (state == REPORT_FAILED || has_collected)
        keep_log(agent, &agent->entry);
    if (state == REPORT_COMPLETED && agent->artifact_path[0] != '\0')
        download_keep_only(agent->artifact_folder, "");
    agent_read_versions(agent);
}

static bool any_awaits_versions(const struct agent *agent)
{
    const struct journal_entry *entry;
    for (size_t i = 0; (entry = journal_at(agent->journal, i)) != NULL; i++) {
        if (agent_awaits_versions(entry))
            return true;
    }
    return false;
}

/* The installer reported success, but the installed version contradicts it. `said`: the installer's own code for that.
 */
static void check_version(struct agent *agent, struct journal_entry entry, const char *said, struct agent_time now)
{
    const char *found = json_string_value(json_object_get(agent->versions, entry.artifact));
    if (found == NULL)
        return;
    bool is_there = strcmp(found, entry.version) == 0;
    if (is_there == (entry.action == ACTION_INSTALL))
        return;
    char detail[REPORT_DETAIL_MAX + 1];
    (void)snprintf(detail, sizeof detail, "the installer succeeded, but %s %s is installed", entry.artifact, found);
    agent_journal_end(agent, &entry, REPORT_FAILED, said[0] == '\0' ? "version_mismatch" : said, detail,
                      device_clock_now_ms(&agent->clock, now));
    keep_log(agent, &entry);
}

static void take_versions(struct agent *agent, const char *said, struct agent_time now)
{
    const struct journal_entry *entry;
    json_decref(agent->versions);
    agent->versions = agent->versions_read;
    agent->versions_read = NULL;
    for (size_t i = 0; (entry = journal_at(agent->journal, i)) != NULL; i++) {
        if (agent_awaits_versions(entry))
            check_version(agent, *entry, said, now);
    }
}

static void handle_versions_end(struct agent *agent, const struct install_result *result, struct agent_time now)
{
    agent->stage = STAGE_IDLE;
    if (result->outcome == INSTALL_DONE) {
        take_versions(agent, result->said, now);
    } else {
        LOG_WARNING("versions.not_read", F_STR("code", result->code), F_STR("detail", result->detail));
        if (result->outcome == INSTALL_DEFERRED)
            agent->versions_retry_ms = now.monotonic_ms + VERSIONS_RETRY_MS;
        if (agent->is_stopping)
            return; /* another run reads them, and reports */
        bool is_away =
            strcmp(result->code, "installer_busy") == 0 || strcmp(result->code, "installer_unreachable") == 0;
        if (is_away && any_awaits_versions(agent))
            agent->stage = STAGE_VERSIONS_RETRY;
    }
    agent_report_all(agent, agent->stage == STAGE_IDLE);
}

void agent_installer_ended(struct agent *agent, const struct install_result *result, struct agent_time now)
{
    TC_CHECK(agent->stage == STAGE_INSTALLING || agent->stage == STAGE_READING_VERSIONS);
    if (agent->stage == STAGE_INSTALLING)
        handle_install_end(agent, result, now);
    else
        handle_versions_end(agent, result, now);
}

void agent_install_progress(struct agent *agent, int percent, const char *text, struct agent_time now)
{
    if (agent->stage == STAGE_INSTALLING)
        agent_report_progress(agent, percent, text, now);
}

void agent_install_version(struct agent *agent, const char *name, const char *version)
{
    if (agent->stage == STAGE_INSTALLING && agent->versions == NULL)
        agent->versions = json_object();
    json_t *versions = agent->stage == STAGE_READING_VERSIONS ? agent->versions_read : agent->versions;
    if (versions == NULL || (json_object_size(versions) == VERSIONS_MAX && json_object_get(versions, name) == NULL))
        return;
    TC_CHECK(json_object_set_new(versions, name, json_string(version)) == 0);
}
