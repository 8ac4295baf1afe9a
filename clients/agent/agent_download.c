#include "clients/agent/agent_download.h"

#include "base/log.h"
#include "clients/agent/agent_report.h"

#include <stdio.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

bool agent_needs_download(const struct instruction_payload *payload)
{
    return payload->has_artifact && payload->artifact.url[0] != '\0' && payload->action != ACTION_ROLLBACK;
}

/* Time until the artifact could no longer be used. */
static int64_t time_left_ms(const struct agent *agent, struct agent_time now)
{
    const struct instruction_payload *payload = &agent->payload;
    int64_t end_s = payload->expires_s < payload->start_before_s ? payload->expires_s : payload->start_before_s;
    return end_s * MS_PER_SECOND - device_clock_now_ms(&agent->clock, now);
}

void agent_start_download(struct agent *agent, struct agent_time now)
{
    const struct payload_artifact *artifact = &agent->payload.artifact;
    agent->stage = STAGE_DOWNLOADING;
    agent->download = (struct agent_download){0};
    agent->ask.download_next_ms = now.monotonic_ms + agent->config.ask_while_downloading_ms;
    download_keep_only(agent->artifact_folder, artifact->sha256);
    const struct download_request request = {
        .url = artifact->url,
        .folder = agent->artifact_folder,
        .sha256 = artifact->sha256,
        .size_bytes = artifact->size_bytes,
        .time_left_ms = time_left_ms(agent, now),
    };
    agent->effects.start_download(agent->effects.context, &request);
}

static void end_download(struct agent *agent)
{
    if (agent->download.is_withdrawn)
        return;
    LOG_INFO("instruction.withdrawn", F_INT("instruction", agent->payload.instruction),
             F_INT("attempt", agent->payload.attempt));
    agent->download.is_withdrawn = true;
    agent->effects.end_download(agent->effects.context);
}

void agent_suspect_withdrawal(struct agent *agent, bool is_answer)
{
    if (agent->stage != STAGE_DOWNLOADING)
        return;
    if (agent->download.may_be_withdrawn && is_answer) {
        end_download(agent);
        return;
    }
    /* It may be the late answer to an ask that is older than this instruction: ask once more. */
    agent->download.may_be_withdrawn = true;
    agent->ask.is_due = true;
}

bool agent_continues_download(struct agent *agent, const struct instruction_payload *payload, const char *content,
                              bool is_answer)
{
    const struct instruction_payload *own = &agent->payload;
    if (agent->stage != STAGE_DOWNLOADING)
        return false;
    bool is_own = payload->instruction == own->instruction && strcmp(content, agent->entry.content) == 0;
    if (is_own && payload->attempt <= own->attempt) {
        agent->download.may_be_withdrawn = agent->download.may_be_withdrawn && payload->attempt < own->attempt;
        return true;
    }
    /* A device has one instruction in flight. Only an answer is certain to be the latest. */
    if (is_answer)
        end_download(agent);
    else
        agent->ask.is_due = true;
    return false;
}

void agent_downloaded(struct agent *agent, const struct download_result *result, struct agent_time now)
{
    struct refusal refusal;
    TC_CHECK(agent->stage == STAGE_DOWNLOADING);
    if (agent->is_stopping) {
        agent->stage = STAGE_IDLE;
    } else if (agent->download.is_withdrawn) {
        agent_end_before_effect(agent, REPORT_DEFERRED, "withdrawn", "withdrawn during the download", now);
        agent->ask.is_due = true;
    } else if (result->code[0] == '\0') {
        LOG_INFO("artifact.downloaded", F_INT("instruction", agent->payload.instruction),
                 F_INT("bytes", agent->payload.artifact.size_bytes));
        (void)snprintf(agent->artifact_path, sizeof agent->artifact_path, "%s", result->path);
        agent->stage = STAGE_WAITING;
    } else if (!verify_times(&agent->payload, device_clock_now_ms(&agent->clock, now), &refusal)) {
        agent_end_before_effect(agent, REPORT_REJECTED, refusal.code, refusal.detail, now);
    } else {
        agent_end_before_effect(agent, REPORT_FAILED, result->code, result->detail, now);
    }
}
