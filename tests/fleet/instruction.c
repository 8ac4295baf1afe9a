#include "base/clock.h"
#include "tests/fleet/device.h"
#include "topics/base64url.h"
#include "topics/token_claims.h"

#include <string.h>

enum { MS_PER_SECOND = 1000, NOT_BEFORE_TOLERANCE_S = 60 };

static void count(struct device *device, enum fleet_counter counter)
{
    device->shard->counters.values[counter]++;
}

/* The claims without the signature, for runs that leave it out. */
static enum tc_error read_unverified(struct device *device, const char *token, size_t length,
                                     struct instruction_claims *claims)
{
    const char *payload = memchr(token, '.', length);
    if (payload == NULL)
        return TC_INVALID;
    payload++;
    const char *end = memchr(payload, '.', length - (size_t)(payload - token));
    struct buffer *text = &device->shard->token;
    buffer_clear(text);
    if (end == NULL || !base64url_read(payload, (size_t)(end - payload), text))
        return TC_INVALID;
    return token_claims_decode(buffer_text(text), text->length, claims, NULL);
}

/* Its signature and form, and whether it is for this device and of this age of the orchestrators. */
static bool is_trusted(struct device *device, const void *token, size_t length, struct instruction_claims *claims)
{
    const struct simulation_config *config = device->shard->config;
    enum tc_error error = config->keys != NULL ? token_verify(config->keys, token, length, claims, NULL)
                                               : read_unverified(device, token, length, claims);
    if (error != TC_OK)
        return false;
    if (!config->any_audience && strcmp(claims->device, device->id) != 0)
        return false;
    if (claims->epoch < device->epoch)
        return false;
    device->epoch = claims->epoch;
    return true;
}

/* NULL when it may be carried out now, else the code of the rejection. */
static const char *find_objection(const struct device *device, const struct instruction_claims *claims)
{
    int64_t now_s = clock_now_ms() / MS_PER_SECOND;
    if (now_s + NOT_BEFORE_TOLERANCE_S < claims->not_before_s)
        return "not_yet_valid";
    if (now_s >= claims->expires_s)
        return "expired";
    if (now_s >= claims->start_before_s)
        return "window_missed";
    return device->behaviour->reject_code[0] == '\0' ? NULL : device->behaviour->reject_code;
}

/* True when what this device did already is the whole answer. */
static bool is_answered_by_log(struct device *device, const struct instruction_claims *claims)
{
    struct execution *known = execution_log_find(&device->log, claims->instruction, claims->attempt);
    const struct execution *latest = execution_log_find_latest(&device->log, claims->instruction);
    if (known != NULL) {
        count(device, COUNT_REPEATED);
        report_again(device, known);
        return true;
    }
    if (latest == NULL)
        return false;
    if (latest->attempt > claims->attempt) {
        count(device, COUNT_REPEATED);
        return true;
    }
    if (latest->stage != EXECUTION_ENDED || latest->state != REPORT_COMPLETED)
        return false;
    struct execution *execution = execution_log_add(&device->log, claims->instruction, claims->attempt);
    work_refuse(device, execution, REPORT_COMPLETED, "already_completed");
    return true;
}

static const char *version_in(const struct version_set *set, const char *artifact)
{
    return json_string_value(json_object_get(set->versions, artifact));
}

/* What is there when the work is done: another version, and the one of now as its previous one. */
static void plan_versions(struct device *device, const struct instruction_claims *claims)
{
    const struct behaviour *behaviour = device->behaviour;
    const char *artifact = claims->artifact.name, *version = claims->artifact.version;
    device->versions_after = device->versions;
    device->previous_after = device->previous;
    if (!claims->has_artifact || version[0] == '\0')
        return;
    if (claims->action == ACTION_ROLLBACK)
        version = version_in(device->previous, artifact);
    else if (behaviour->version[0] != '\0')
        version = behaviour->version;
    struct version_sets *sets = &device->shard->versions;
    const char *before = version_in(device->versions, artifact);
    device->versions_after = version_sets_install(sets, device->versions, artifact, version);
    if (before != NULL && device->versions_after != device->versions)
        device->previous_after = version_sets_install(sets, device->previous, artifact, before);
}

/* True when there is nothing to roll back, or nothing to go back to. */
static bool is_ended_without_effect(struct device *device, struct execution *execution,
                                    const struct instruction_claims *claims)
{
    if (claims->action != ACTION_ROLLBACK || !claims->has_artifact)
        return false;
    const char *found = version_in(device->versions, claims->artifact.name);
    if (found == NULL || strcmp(found, claims->artifact.version) != 0)
        work_refuse(device, execution, REPORT_COMPLETED, "not_needed");
    else if (version_in(device->previous, claims->artifact.name) == NULL)
        work_refuse(device, execution, REPORT_FAILED, "no_previous");
    else
        return false;
    return true;
}

static void carry_out(struct device *device, const struct instruction_claims *claims)
{
    struct execution *execution = execution_log_find(&device->log, claims->instruction, claims->attempt);
    if (execution == NULL)
        execution = execution_log_add(&device->log, claims->instruction, claims->attempt);
    execution->rollout = claims->rollout;
    execution->start_before_s = claims->start_before_s;
    const char *objection = find_objection(device, claims);
    if (objection != NULL) {
        count(device, COUNT_REFUSED);
        work_refuse(device, execution, REPORT_REJECTED, objection);
    } else if (!is_ended_without_effect(device, execution, claims)) {
        plan_versions(device, claims);
        work_begin(device, execution);
    }
}

static void judge(struct device *device, const struct instruction_claims *claims)
{
    const struct execution *work = device->work;
    if (work != NULL && (work->instruction != claims->instruction || work->attempt != claims->attempt))
        device->must_ask = true; /* one at a time */
    else if (work != NULL)
        (void)is_answered_by_log(device, claims);
    else if (device->behaviour->forgetful || !is_answered_by_log(device, claims))
        carry_out(device, claims);
}

void instruction_take(struct device *device, const void *token, size_t length)
{
    command_answered(device);
    if (length == 0) {
        count(device, COUNT_NOTHINGS);
        return;
    }
    count(device, COUNT_INSTRUCTIONS);
    if (device->behaviour->silence == SILENT_AT_DISPATCH || device->behaviour->silence == SILENT_AT_ASK)
        return;
    struct instruction_claims claims = {0};
    if (is_trusted(device, token, length, &claims)) {
        count(device, COUNT_VERIFIED);
        judge(device, &claims);
    } else {
        count(device, COUNT_REFUSED);
    }
    instruction_claims_free(&claims);
}
