#include "clients/agent/agent_ask.h"

#include "clients/agent/agent_keys.h"
#include "clients/agent/agent_publish.h"

#include <stdlib.h>

void agent_end_asking(struct agent *agent)
{
    agent->ask.is_unanswered = false;
    agent->ask.until_ms = INT64_MIN;
}

void agent_ask_after(struct agent *agent, int64_t wait_ms, int64_t until_ms, int64_t now_ms)
{
    if (until_ms > agent->ask.until_ms)
        agent->ask.until_ms = until_ms;
    agent->ask.next_ms = now_ms + wait_ms;
    agent->ask.delay_ms = agent->config.ask_first_ms;
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* A device that downloads asks whether its instruction is still in force. */
int64_t agent_next_ask_ms(const struct agent *agent, int64_t now_ms)
{
    const struct agent_ask *ask = &agent->ask;
    bool is_downloading = agent->stage == STAGE_DOWNLOADING && !agent->download.is_withdrawn;
    bool awaits_proof = agent->stage == STAGE_WAITING && agent->awaits_proof;
    if (!agent->is_connected || (agent->stage != STAGE_IDLE && !is_downloading && !awaits_proof))
        return INT64_MAX;
    int64_t next_ms = ask->is_due ? now_ms : INT64_MAX;
    if (ask->technician_ms != 0)
        next_ms = earlier(next_ms, ask->technician_ms);
    if (ask->until_ms > now_ms)
        next_ms = earlier(next_ms, ask->next_ms);
    if (is_downloading && agent->config.ask_while_downloading_ms > 0)
        next_ms = earlier(next_ms, ask->download_next_ms);
    if (!is_downloading && agent->config.ask_period_ms > 0)
        next_ms = earlier(next_ms, ask->period_next_ms);
    return next_ms;
}

/* Half of the delay is fixed, half is random: devices that are started together ask at different times. */
static int64_t jittered(const struct agent *agent, int64_t time_ms)
{
    int64_t half_ms = time_ms / 2;
    return time_ms - half_ms + agent->effects.random(agent->effects.context, (uint32_t)half_ms + 1);
}

static enum tc_error publish_ask(struct agent *agent, const struct ask *message)
{
    struct buffer payload = {0};
    ask_encode(message, &payload);
    enum tc_error error = agent_publish(agent, TOPIC_ASK, &payload, 0, false);
    buffer_free(&payload);
    return error;
}

/* The privileged half knows the time from an answer with a nonce of its own. */
static void make_nonce(struct agent *agent, int64_t now_ms, char nonce[static TC_ID_SIZE])
{
    if (agent->effects.fetch_nonce != NULL && agent->effects.fetch_nonce(agent->effects.context, nonce))
        nonces_add(&agent->nonces, now_ms, nonce);
    else
        nonces_make(&agent->nonces, now_ms, nonce);
}

void agent_ask_now(struct agent *agent, int64_t now_ms)
{
    struct agent_ask *state = &agent->ask;
    /* During a download asks are frequent and the versions do not change. */
    struct ask message = {.versions = agent->stage == STAGE_DOWNLOADING ? NULL : agent->versions,
                          .recalled = journal_high_water_marks(agent->journal).recalled};
    make_nonce(agent, now_ms, message.nonce);
    if (agent->stage != STAGE_DOWNLOADING)
        agent_name_keys(agent, &message);
    enum tc_error error = publish_ask(agent, &message);
    message.versions = NULL;
    if (error == TC_TOO_LARGE) /* for the broker: reports carry the versions, too */
        error = publish_ask(agent, &message);
    free(message.keys);
    if (error == TC_OK)
        state->is_unanswered = true;
    state->is_due = false;
    state->technician_ms = 0;
    state->period_next_ms = now_ms + jittered(agent, agent->config.ask_period_ms);
    state->download_next_ms = now_ms + jittered(agent, agent->config.ask_while_downloading_ms);
    int64_t delay_ms = state->delay_ms == 0 ? agent->config.ask_first_ms : state->delay_ms;
    state->next_ms = now_ms + jittered(agent, delay_ms);
    state->delay_ms = delay_ms * 2 < agent->config.ask_longest_ms ? delay_ms * 2 : agent->config.ask_longest_ms;
}
