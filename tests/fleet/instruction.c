#include "base/clock.h"
#include "tests/fleet/device.h"
#include "topics/base64url.h"
#include "topics/token_payload.h"

#include <string.h>

enum { MS_PER_SECOND = 1000, NOT_BEFORE_TOLERANCE_S = 60 };

static void count(struct device *device, enum fleet_counter counter)
{
    device->shard->counters.values[counter]++;
}

/* Reads the payload without checking the signature, for runs without keys. */
static enum tc_error read_unverified(struct device *device, const char *token, size_t length,
                                     struct instruction_payload *payload)
{
    const char *encoded = memchr(token, '.', length);
    if (encoded == NULL)
        return TC_INVALID;
    encoded++;
    const char *end = memchr(encoded, '.', length - (size_t)(encoded - token));
    struct buffer *text = &device->shard->token;
    buffer_clear(text);
    if (end == NULL || !base64url_read(encoded, (size_t)(end - encoded), text))
        return TC_INVALID;
    return token_payload_decode(buffer_text(text), text->length, payload, NULL);
}

/* Checks the signature and form of an instruction, its device and its epoch. */
static bool is_trusted(struct device *device, const void *token, size_t length, struct instruction_payload *payload)
{
    const struct simulation_config *config = device->shard->config;
    enum tc_error error = config->keys != NULL ? token_verify(config->keys, token, length, payload, NULL)
                                               : read_unverified(device, token, length, payload);
    if (error != TC_OK)
        return false;
    if (!config->any_audience && strcmp(payload->device, device->id) != 0)
        return false;
    if (payload->epoch < device->epoch)
        return false;
    device->epoch = payload->epoch;
    return true;
}

/* Returns NULL when the instruction may be executed now, else the code of the rejection. */
static const char *find_objection(const struct device *device, const struct instruction_payload *payload)
{
    int64_t now_s = clock_now_ms() / MS_PER_SECOND;
    if (now_s + NOT_BEFORE_TOLERANCE_S < payload->not_before_s)
        return "not_yet_valid";
    if (now_s >= payload->expires_s)
        return "expired";
    if (now_s >= payload->start_before_s)
        return "window_missed";
    return device->behaviour->reject_code[0] == '\0' ? NULL : device->behaviour->reject_code;
}

/* Returns true when the device already has the outcome or is working on it: it only reports again. */
static bool is_answered_by_log(struct device *device, const struct instruction_payload *payload)
{
    struct execution *known = execution_log_find(&device->log, payload->instruction, payload->attempt);
    const struct execution *latest = execution_log_find_latest(&device->log, payload->instruction);
    if (known != NULL) {
        count(device, COUNT_REPEATED);
        report_again(device, known);
        return true;
    }
    if (latest == NULL)
        return false;
    if (latest->attempt > payload->attempt) {
        count(device, COUNT_REPEATED);
        return true;
    }
    if (latest->stage != EXECUTION_ENDED || latest->state != REPORT_COMPLETED)
        return false;
    struct execution *execution = execution_log_add(&device->log, payload->instruction, payload->attempt);
    work_refuse(device, execution, REPORT_COMPLETED, "already_completed");
    return true;
}

static const char *version_in(const struct version_set *set, const char *artifact)
{
    return json_string_value(json_object_get(set->versions, artifact));
}

/* Determines the versions after the work. The version that is installed now becomes the previous one. */
static void plan_versions(struct device *device, const struct instruction_payload *payload)
{
    const struct behaviour *behaviour = device->behaviour;
    const char *artifact = payload->artifact.name, *version = payload->artifact.version;
    device->versions_after = device->versions;
    device->previous_after = device->previous;
    if (!payload->has_artifact || version[0] == '\0')
        return;
    if (payload->action == ACTION_ROLLBACK)
        version = version_in(device->previous, artifact);
    else if (behaviour->version[0] != '\0')
        version = behaviour->version;
    struct version_sets *sets = &device->shard->versions;
    const char *before = version_in(device->versions, artifact);
    device->versions_after = version_sets_install(sets, device->versions, artifact, version);
    if (before != NULL && device->versions_after != device->versions)
        device->previous_after = version_sets_install(sets, device->previous, artifact, before);
}

/* Ends a rollback that needs no work, since the version is not installed, or that has no previous version. */
static bool is_ended_without_effect(struct device *device, struct execution *execution,
                                    const struct instruction_payload *payload)
{
    if (payload->action != ACTION_ROLLBACK || !payload->has_artifact)
        return false;
    const char *found = version_in(device->versions, payload->artifact.name);
    bool is_left = found == NULL || strcmp(found, payload->artifact.version) != 0;
    if (is_left && payload->out_of_service)
        return false;
    if (is_left)
        work_refuse(device, execution, REPORT_COMPLETED, "not_needed");
    else if (version_in(device->previous, payload->artifact.name) == NULL)
        work_refuse(device, execution, REPORT_FAILED, "no_previous");
    else
        return false;
    return true;
}

static void carry_out(struct device *device, const struct instruction_payload *payload)
{
    struct execution *execution = execution_log_find(&device->log, payload->instruction, payload->attempt);
    if (execution == NULL)
        execution = execution_log_add(&device->log, payload->instruction, payload->attempt);
    execution->rollout = payload->rollout;
    execution->start_before_s = payload->start_before_s;
    const char *objection = find_objection(device, payload);
    if (objection != NULL) {
        count(device, COUNT_REFUSED);
        work_refuse(device, execution, REPORT_REJECTED, objection);
    } else if (!is_ended_without_effect(device, execution, payload)) {
        plan_versions(device, payload);
        work_begin(device, execution);
    }
}

static void decide(struct device *device, const struct instruction_payload *payload)
{
    const struct execution *work = device->work;
    if (work != NULL && (work->instruction != payload->instruction || work->attempt != payload->attempt))
        device->must_ask = true; /* a device executes one instruction at a time */
    else if (work != NULL)
        (void)is_answered_by_log(device, payload);
    else if (device->behaviour->forgetful || !is_answered_by_log(device, payload))
        carry_out(device, payload);
}

void instruction_take(struct device *device, const void *token, size_t length)
{
    command_answered(device);
    if (device->behaviour->flood_every_ms > 0)
        count(device, COUNT_FLOOD_ANSWERS);
    if (length == 0) {
        count(device, COUNT_NOTHINGS);
        return;
    }
    count(device, COUNT_INSTRUCTIONS);
    if (device->behaviour->silence == SILENT_AT_DISPATCH || device->behaviour->silence == SILENT_AT_ASK)
        return;
    struct instruction_payload payload = {0};
    if (is_trusted(device, token, length, &payload)) {
        count(device, COUNT_VERIFIED);
        if (payload.instruction != 0)
            decide(device, &payload);
    } else {
        count(device, COUNT_REFUSED);
    }
    instruction_payload_free(&payload);
}
