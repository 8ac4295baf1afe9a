#include "clients/agent/agent.h"

#include "base/file.h"
#include "base/log.h"
#include "clients/agent/agent_ask.h"
#include "clients/agent/agent_attempt.h"
#include "clients/agent/agent_hold.h"
#include "clients/agent/agent_instruction.h"
#include "clients/agent/agent_keys.h"
#include "clients/agent/agent_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMAND_INTERVAL_MS = 500, RECHECK_MS = 50, MS_PER_SECOND = 1000 };

static bool has_versions_retry(const struct agent *agent)
{
    bool may_read = agent->stage == STAGE_IDLE || agent->stage == STAGE_VERSIONS_RETRY;
    return may_read && agent->versions_retry_ms > 0 && !agent->is_stopping;
}

static char *path_in(const struct agent *agent, const char *name)
{
    struct buffer path = {0};
    buffer_format(&path, "%s/%s", agent->config.data_folder, name);
    return path.bytes;
}

static enum tc_error open_journal(struct agent *agent, struct tc_fault *fault)
{
    char *path = path_in(agent, "journal");
    enum tc_error error = journal_open(path, &agent->journal, fault);
    free(path);
    if (error == TC_OK) {
        struct journal_high_water_marks high_water_marks = journal_high_water_marks(agent->journal);
        agent->clock.floor_ms = high_water_marks.issued_at_s * MS_PER_SECOND;
        agent->clock.is_proof_needed = high_water_marks.is_time_proven;
    }
    return error;
}

static enum tc_error open_outbox(struct agent *agent, struct tc_fault *fault)
{
    char *folder = path_in(agent, "outbox");
    const struct outbox_config config = {folder, agent->config.resend_first_ms, agent->config.resend_longest_ms};
    enum tc_error error = outbox_open(&config, &agent->outbox, fault);
    free(folder);
    return error;
}

static enum tc_error open_folders(struct agent *agent, struct tc_fault *fault)
{
    agent->work_folder = path_in(agent, "work");
    agent->artifact_folder = path_in(agent, "artifacts");
    agent->parameters_path = path_in(agent, "work/parameters.json");
    agent->hold_path = path_in(agent, "hold");
    enum tc_error error = file_make_folders(agent->work_folder, 0700, fault);
    if (error == TC_OK)
        error = file_make_folders(agent->artifact_folder, 0700, fault);
    if (error == TC_OK)
        error = open_journal(agent, fault);
    if (error == TC_OK)
        error = open_outbox(agent, fault);
    return error;
}

/* An intent without an outcome: the agent was killed while an installer ran. The outcome is unknown, so the attempt is
 * reported as failed and never repeated. In a damaged journal the outcome may be among the lost records. */
static void end_interrupted(struct agent *agent, struct agent_time now)
{
    bool is_damaged = journal_high_water_marks(agent->journal).forgotten_before_s == JOURNAL_ALL_FORGOTTEN;
    int64_t now_ms = device_clock_now_ms(&agent->clock, now);
    for (size_t i = 0; journal_at(agent->journal, i) != NULL; i++) {
        struct journal_entry entry = *journal_at(agent->journal, i);
        if (is_damaged && entry.stage != JOURNAL_ENDED)
            agent_journal_forgotten(agent, &entry, now_ms);
        else if (entry.stage == JOURNAL_INTENT)
            agent_journal_end(agent, &entry, REPORT_FAILED, "interrupted",
                              "the agent ended while the installer was running", now_ms);
    }
}

enum tc_error agent_open(const struct agent_config *config, const struct agent_effects *effects, struct agent_time now,
                         struct agent **agent, struct tc_fault *fault)
{
    struct agent *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->effects = *effects;
    opened->ask.until_ms = INT64_MIN;
    opened->ask.command_handled_ms = now.monotonic_ms - COMMAND_INTERVAL_MS;
    opened->ask.period_next_ms = now.monotonic_ms + config->ask_period_ms;
    relay_init(&opened->relay);
    enum tc_error error = open_folders(opened, fault);
    if (error != TC_OK) {
        agent_close(opened);
        opened = NULL;
    } else {
        agent_open_hold(opened, now);
        end_interrupted(opened, now);
        agent_read_versions(opened);
    }
    *agent = opened;
    return error;
}

void agent_close(struct agent *agent)
{
    if (agent == NULL)
        return;
    journal_close(agent->journal);
    outbox_close(agent->outbox);
    relay_free(&agent->relay);
    buffer_free(&agent->pending.token);
    buffer_free(&agent->token);
    buffer_free(&agent->proof);
    instruction_payload_free(&agent->payload);
    json_decref(agent->versions);
    json_decref(agent->versions_read);
    free(agent->work_folder);
    free(agent->artifact_folder);
    free(agent->parameters_path);
    free(agent->hold_path);
    free(agent);
}

void agent_stop(struct agent *agent)
{
    agent->is_stopping = true;
    if (agent->stage == STAGE_WAITING || agent->stage == STAGE_VERSIONS_RETRY)
        agent->stage = STAGE_IDLE;
}

bool agent_proven_time(const struct agent *agent, struct agent_time now, int64_t *proven_ms)
{
    *proven_ms = device_clock_now_ms(&agent->clock, now);
    return device_clock_is_proven(&agent->clock, now);
}

bool agent_is_busy(const struct agent *agent)
{
    return agent->stage != STAGE_IDLE;
}

bool agent_is_installing(const struct agent *agent)
{
    return agent->stage == STAGE_INSTALLING;
}

void agent_connected(struct agent *agent)
{
    agent->is_connected = true;
    agent->ask.is_due = true;
    agent_report_installing_again(agent);
    outbox_make_all_due(agent->outbox);
}

void agent_disconnected(struct agent *agent)
{
    agent->is_connected = false;
    agent->ask.is_unanswered = false;
    nonces_forget(&agent->nonces);
}

static void on_instruction(struct agent *agent, const void *payload, size_t length, bool retained,
                           struct agent_time now)
{
    if (length > 0 && agent_handle_key_set(agent, payload, length))
        return;
    /* A message before the subscriptions was queued; a retained one was published earlier. */
    bool is_live = agent->is_connected && !retained;
    if (length == 0 && is_live) {
        bool is_answer = agent->ask.is_unanswered;
        agent_end_asking(agent);
        agent_handle_no_instruction(agent, is_answer, now);
    }
    if (length == 0 || agent->is_stopping)
        return;
    if (is_live)
        agent_report_installing_again(agent);
    agent_handle_token(agent, payload, length, is_live, now);
}

/* True when the command has not expired; sets its monotonic end. */
static bool command_is_valid(const struct agent *agent, const char *event, int64_t rollout, int64_t expires_ms,
                             struct agent_time now, int64_t *until_ms)
{
    int64_t left_ms = device_clock_time_left_ms(&agent->clock, expires_ms, now);
    LOG_LIMITED(LOG_LEVEL_INFO, "", event, F_INT("rollout", rollout), F_INT("time_left_ms", left_ms));
    *until_ms = now.monotonic_ms + left_ms;
    return left_ms > 0;
}

/* The sender of a command is listening and lacks this device's state: send the waiting reports now. */
static void report_again(struct agent *agent, int64_t now_ms)
{
    agent->ask.command_handled_ms = now_ms;
    agent->ask.is_command_waiting = false;
    agent_report_installing_again(agent);
    outbox_make_all_due(agent->outbox);
}

/* Handles at most one command in COMMAND_INTERVAL_MS, so that a flood of commands to one device does not become a flood
 * to the orchestrators. The last command in between is handled at its end. */
static void handle_command(struct agent *agent, int64_t until_ms, int64_t now_ms)
{
    int64_t wait_ms = agent->ask.command_handled_ms + COMMAND_INTERVAL_MS - now_ms;
    if (wait_ms > 0)
        agent->ask.is_command_waiting = true;
    else
        report_again(agent, now_ms);
    agent_ask_after(agent, wait_ms > 0 ? wait_ms : 0, until_ms, now_ms);
}

static void on_dispatch(struct agent *agent, const struct topic *topic, const void *payload, size_t length,
                        struct agent_time now)
{
    struct dispatch dispatch;
    struct tc_fault fault;
    int64_t until_ms;
    if (strcmp(topic->device, agent->config.device) != 0)
        return;
    if (dispatch_decode(payload, length, &dispatch, &fault) != TC_OK)
        LOG_LIMITED(LOG_LEVEL_WARNING, topic->branch, "dispatch.malformed", F_STR("fault", fault.text));
    else if (command_is_valid(agent, "dispatch.received", dispatch.rollout, dispatch.expires_ms, now, &until_ms))
        handle_command(agent, until_ms, now.monotonic_ms);
}

static void on_start(struct agent *agent, const struct topic *topic, const void *payload, size_t length,
                     struct agent_time now)
{
    struct start start;
    struct tc_fault fault;
    int64_t until_ms;
    if (agent->config.role != ROLE_NODE || strcmp(topic->branch, agent->config.device) != 0)
        return;
    if (start_decode(payload, length, &start, &fault) != TC_OK) {
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "start.malformed", F_STR("fault", fault.text));
        return;
    }
    if (command_is_valid(agent, "start.received", start.rollout, start.expires_ms, now, &until_ms) &&
        relay_take(&agent->relay, &start, agent->config.device, until_ms))
        handle_command(agent, until_ms, now.monotonic_ms);
    start_free(&start);
}

static void on_confirm(struct agent *agent, const void *payload, size_t length)
{
    struct confirm confirm;
    struct tc_fault fault;
    if (confirm_decode(payload, length, &confirm, &fault) != TC_OK) {
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "confirm.malformed", F_STR("fault", fault.text));
        return;
    }
    if (!confirm.accepted)
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "status.refused", F_INT("instruction", confirm.instruction),
                    F_INT("attempt", confirm.attempt), F_STR("reason", confirm.reason));
    (void)outbox_confirm(agent->outbox, confirm.instruction, confirm.attempt, confirm.sequence);
}

void agent_message(struct agent *agent, const struct topic *topic, const void *payload, size_t length, bool retained,
                   struct agent_time now)
{
    bool is_own = strcmp(topic->device, agent->config.device) == 0;
    if (retained && topic->kind != TOPIC_INSTRUCTION) {
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "message.retained", F_INT("kind", topic->kind));
        return;
    }
    switch (topic->kind) {
    case TOPIC_START: on_start(agent, topic, payload, length, now); break;
    case TOPIC_DISPATCH: on_dispatch(agent, topic, payload, length, now); break;
    case TOPIC_INSTRUCTION:
        if (is_own)
            on_instruction(agent, payload, length, retained, now);
        break;
    case TOPIC_CONFIRM:
        if (is_own)
            on_confirm(agent, payload, length);
        break;
    default: LOG_LIMITED(LOG_LEVEL_WARNING, "", "message.unexpected", F_INT("kind", topic->kind)); break;
    }
}

static void relay_all(struct agent *agent, int64_t now_ms)
{
    const struct dispatch *dispatch;
    while ((dispatch = relay_next(&agent->relay, now_ms)) != NULL && agent->is_connected) {
        struct buffer payload = {0};
        struct topic topic = {.kind = TOPIC_DISPATCH};
        memcpy(topic.branch, agent->config.device, strlen(agent->config.device) + 1);
        memcpy(topic.device, dispatch->device, sizeof topic.device);
        dispatch_encode(dispatch, &payload);
        enum tc_error error =
            agent->effects.publish(agent->effects.context, &topic, payload.bytes, payload.length, 1, false);
        buffer_free(&payload);
        if (error != TC_OK)
            return; /* the connection is lost, and the new one tries again */
        relay_sent(&agent->relay, now_ms);
    }
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t next_due_ms(const struct agent *agent, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    if (agent->stage == STAGE_WAITING)
        next_ms = now_ms + RECHECK_MS;
    if (agent->stage == STAGE_IDLE && agent->pending.is_set)
        next_ms = earlier(next_ms, agent->pending.not_before_ms);
    if (has_versions_retry(agent))
        next_ms = earlier(next_ms, agent->versions_retry_ms);
    if (agent->config.keyring != NULL)
        next_ms = earlier(next_ms, agent->keys_next_ms);
    if (agent->ask.is_command_waiting)
        next_ms = earlier(next_ms, agent->ask.command_handled_ms + COMMAND_INTERVAL_MS);
    if (agent->hold.ends_ms != 0)
        next_ms = earlier(next_ms, agent->hold.ends_ms);
    if (agent->is_connected) {
        next_ms = earlier(next_ms, outbox_next_ms(agent->outbox));
        if (agent->relay.count > 0)
            next_ms = earlier(next_ms, now_ms + RECHECK_MS);
    }
    return earlier(next_ms, agent_next_ask_ms(agent, now_ms));
}

int64_t agent_step(struct agent *agent, struct agent_time now)
{
    relay_all(agent, now.monotonic_ms);
    agent_refresh_keys(agent, now.monotonic_ms);
    agent_end_hold(agent, now);
    if (!agent->is_stopping)
        agent_handle_pending(agent, now);
    if (!agent->is_stopping && agent->stage == STAGE_WAITING)
        agent_try_install(agent, now);
    if (has_versions_retry(agent) && agent->versions_retry_ms <= now.monotonic_ms) {
        agent_read_versions(agent);
        agent->ask.is_due = true; /* the ask will carry the versions */
    }
    if (agent->ask.is_command_waiting && agent->ask.command_handled_ms + COMMAND_INTERVAL_MS <= now.monotonic_ms)
        report_again(agent, now.monotonic_ms);
    agent_send_outbox(agent, now.monotonic_ms);
    if (agent_next_ask_ms(agent, now.monotonic_ms) <= now.monotonic_ms)
        agent_ask_now(agent, now.monotonic_ms);
    return next_due_ms(agent, now.monotonic_ms);
}
