#include "clients/agent/agent.h"

#include "base/file.h"
#include "base/log.h"
#include "clients/agent/agent_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_AGAIN_MS = 50 };

static bool versions_wait(const struct agent *agent)
{
    bool may_read = agent->stage == STAGE_IDLE || agent->stage == STAGE_VERSIONS_LATER;
    return may_read && agent->versions_again_ms > 0 && !agent->is_stopping;
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
    if (error == TC_OK)
        agent->clock.floor_ms = journal_marks(agent->journal).issued_at_s * 1000;
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
    enum tc_error error = file_make_folders(agent->work_folder, 0700, fault);
    if (error == TC_OK)
        error = file_make_folders(agent->artifact_folder, 0700, fault);
    if (error == TC_OK)
        error = open_journal(agent, fault);
    if (error == TC_OK)
        error = open_outbox(agent, fault);
    return error;
}

/* An intent without an outcome: the agent was killed while an installer ran. What that did is not known,
 * so it is never run again, and whoever ordered it is told. In a damaged journal either may be what was lost. */
static void end_interrupted(struct agent *agent, struct agent_time now)
{
    bool is_damaged = journal_marks(agent->journal).forgotten_before_s == JOURNAL_ALL_FORGOTTEN;
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
    opened->ask.period_next_ms = now.monotonic_ms + config->ask_period_ms;
    relay_init(&opened->relay);
    enum tc_error error = open_folders(opened, fault);
    if (error != TC_OK) {
        agent_close(opened);
        opened = NULL;
    } else {
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
    buffer_free(&agent->kept.token);
    instruction_claims_free(&agent->claims);
    json_decref(agent->versions);
    json_decref(agent->versions_read);
    free(agent->work_folder);
    free(agent->artifact_folder);
    free(agent->parameters_path);
    free(agent);
}

void agent_stop(struct agent *agent)
{
    agent->is_stopping = true;
    if (agent->stage == STAGE_WAITING || agent->stage == STAGE_VERSIONS_LATER)
        agent->stage = STAGE_IDLE;
}

bool agent_is_busy(const struct agent *agent)
{
    return agent->stage != STAGE_IDLE;
}

bool agent_is_installing(const struct agent *agent)
{
    return agent->stage == STAGE_INSTALLING;
}

enum tc_error agent_publish(struct agent *agent, enum topic_kind kind, const struct buffer *payload, int qos,
                            bool retained)
{
    struct topic topic = {.kind = kind};
    memcpy(topic.device, agent->config.device, strlen(agent->config.device) + 1);
    return agent->effects.publish(agent->effects.context, &topic, buffer_text(payload), payload->length, qos, retained);
}

void agent_connected(struct agent *agent)
{
    agent->is_connected = true;
    agent->ask.is_unbidden = true;
    agent_report_installing_again(agent);
    outbox_hurry_all(agent->outbox);
}

void agent_disconnected(struct agent *agent)
{
    agent->is_connected = false;
    agent->ask.is_unanswered = false;
}

void agent_keep(struct agent *agent, const void *token, size_t length, const struct agent_kept *kept)
{
    struct buffer copy = agent->kept.token;
    buffer_clear(&copy);
    buffer_put(&copy, token, length);
    agent->kept = *kept;
    agent->kept.is_there = true;
    agent->kept.token = copy;
}

static void on_instruction(struct agent *agent, const void *payload, size_t length, bool retained,
                           struct agent_time now)
{
    /* What comes before the subscriptions are made was queued; what is retained was published earlier. */
    bool is_live = agent->is_connected && !retained;
    bool is_answer = is_live && agent->ask.is_unanswered;
    if (is_live) {
        agent->ask.is_unanswered = false;
        agent->ask.until_ms = INT64_MIN;
    }
    if (length == 0 || agent->is_stopping)
        return;
    agent->kept.is_there = false;
    if (is_live)
        agent_report_installing_again(agent);
    if (agent->stage == STAGE_IDLE)
        agent_take_instruction(agent, payload, length, is_answer, now, false, now);
    else
        agent_keep(agent, payload, length, &(struct agent_kept){.is_answer = is_answer, .arrived = now});
}

void agent_ask_after(struct agent *agent, int64_t wait_ms, int64_t until_ms, int64_t now_ms)
{
    if (until_ms > agent->ask.until_ms)
        agent->ask.until_ms = until_ms;
    agent->ask.next_ms = now_ms + wait_ms;
    agent->ask.delay_ms = agent->config.ask_first_ms;
}

/* True, and until when, if the command is still good. */
static bool command_is_good(const struct agent *agent, const char *event, int64_t rollout, int64_t expires_ms,
                            struct agent_time now, int64_t *until_ms)
{
    int64_t left_ms = device_clock_time_left_ms(&agent->clock, expires_ms, now);
    LOG_INFO(event, F_INT("rollout", rollout), F_INT("time_left_ms", left_ms));
    *until_ms = now.monotonic_ms + left_ms;
    return left_ms > 0;
}

/* Whoever sent it listens now, too: what waits to be heard need not wait for its time. It does not know how far this
 * device is, or the device would not be started. */
static void obey_command(struct agent *agent, int64_t until_ms, int64_t now_ms)
{
    agent_report_installing_again(agent);
    outbox_hurry_all(agent->outbox);
    agent_ask_after(agent, 0, until_ms, now_ms);
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
        LOG_WARNING("dispatch.malformed", F_STR("fault", fault.text));
    else if (command_is_good(agent, "dispatch.received", dispatch.rollout, dispatch.expires_ms, now, &until_ms))
        obey_command(agent, until_ms, now.monotonic_ms);
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
        LOG_WARNING("start.malformed", F_STR("fault", fault.text));
        return;
    }
    if (command_is_good(agent, "start.received", start.rollout, start.expires_ms, now, &until_ms) &&
        relay_take(&agent->relay, &start, agent->config.device, until_ms))
        obey_command(agent, until_ms, now.monotonic_ms);
    start_free(&start);
}

static void on_confirm(struct agent *agent, const void *payload, size_t length)
{
    struct confirm confirm;
    struct tc_fault fault;
    if (confirm_decode(payload, length, &confirm, &fault) != TC_OK) {
        LOG_WARNING("confirm.malformed", F_STR("fault", fault.text));
        return;
    }
    if (!confirm.accepted)
        LOG_WARNING("status.refused", F_INT("instruction", confirm.instruction), F_INT("attempt", confirm.attempt),
                    F_STR("reason", confirm.reason));
    (void)outbox_confirm(agent->outbox, confirm.instruction, confirm.attempt, confirm.sequence);
}

void agent_message(struct agent *agent, const struct topic *topic, const void *payload, size_t length, bool retained,
                   struct agent_time now)
{
    bool is_own = strcmp(topic->device, agent->config.device) == 0;
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
    default: LOG_WARNING("message.unexpected", F_INT("kind", topic->kind)); break;
    }
}

static void take_kept(struct agent *agent, struct agent_time now)
{
    if (!agent->kept.is_there || agent->stage != STAGE_IDLE || agent->kept.judge_ms > now.monotonic_ms)
        return;
    struct agent_kept kept = agent->kept;
    agent->kept = (struct agent_kept){0};
    agent_take_instruction(agent, kept.token.bytes, kept.token.length, kept.is_answer, kept.arrived, kept.is_final,
                           now);
    buffer_free(&kept.token);
}

static bool ask_is_due(const struct agent *agent, int64_t now_ms)
{
    const struct agent_ask *ask = &agent->ask;
    bool is_dispatched = ask->until_ms > now_ms && ask->next_ms <= now_ms;
    bool is_periodic = agent->config.ask_period_ms > 0 && ask->period_next_ms <= now_ms;
    return agent->is_connected && agent->stage == STAGE_IDLE && (ask->is_unbidden || is_dispatched || is_periodic);
}

/* Half of the time is certain, the other half is chance: devices that were told together ask apart. */
static int64_t jittered(const struct agent *agent, int64_t time_ms)
{
    int64_t half_ms = time_ms / 2;
    return time_ms - half_ms + agent->effects.random(agent->effects.context, (uint32_t)half_ms + 1);
}

static void ask(struct agent *agent, int64_t now_ms)
{
    struct buffer payload = {0};
    struct agent_ask *state = &agent->ask;
    const struct ask message = {.versions = agent->versions};
    ask_encode(&message, &payload);
    if (agent_publish(agent, TOPIC_ASK, &payload, 0, false) == TC_OK)
        state->is_unanswered = true;
    buffer_free(&payload);
    state->is_unbidden = false;
    state->period_next_ms = now_ms + jittered(agent, agent->config.ask_period_ms);
    int64_t delay_ms = state->delay_ms == 0 ? agent->config.ask_first_ms : state->delay_ms;
    state->next_ms = now_ms + jittered(agent, delay_ms);
    state->delay_ms = delay_ms * 2 < agent->config.ask_longest_ms ? delay_ms * 2 : agent->config.ask_longest_ms;
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
        next_ms = now_ms + LOOK_AGAIN_MS;
    if (agent->stage == STAGE_IDLE && agent->kept.is_there)
        next_ms = earlier(next_ms, agent->kept.judge_ms);
    if (versions_wait(agent))
        next_ms = earlier(next_ms, agent->versions_again_ms);
    if (agent->is_connected) {
        next_ms = earlier(next_ms, outbox_next_ms(agent->outbox));
        if (agent->relay.count > 0)
            next_ms = earlier(next_ms, now_ms + LOOK_AGAIN_MS);
        if (agent->stage == STAGE_IDLE && agent->ask.until_ms > now_ms)
            next_ms = earlier(next_ms, agent->ask.next_ms);
        if (agent->stage == STAGE_IDLE && agent->config.ask_period_ms > 0)
            next_ms = earlier(next_ms, agent->ask.period_next_ms);
    }
    return next_ms;
}

int64_t agent_step(struct agent *agent, struct agent_time now)
{
    relay_all(agent, now.monotonic_ms);
    if (!agent->is_stopping)
        take_kept(agent, now);
    if (!agent->is_stopping && agent->stage == STAGE_WAITING)
        agent_try_install(agent, now);
    if (versions_wait(agent) && agent->versions_again_ms <= now.monotonic_ms) {
        agent_read_versions(agent);
        agent->ask.is_unbidden = true; /* when they are read, it tells them */
    }
    agent_send_outbox(agent, now.monotonic_ms);
    if (ask_is_due(agent, now.monotonic_ms))
        ask(agent, now.monotonic_ms);
    return next_due_ms(agent, now.monotonic_ms);
}
