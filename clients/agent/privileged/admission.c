#include "clients/agent/privileged/admission.h"

#include "base/log.h"
#include "clients/agent/action/digest.h"
#include "clients/agent/action/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

struct admission {
    const char *device;
    const struct proof_key *key;
    struct journal *journal;
};

/* What a proof says. */
struct proven_time {
    int64_t issued_at_s;
    int64_t now_ms;
};

static void end_interrupted(struct admission *admission)
{
    struct tc_fault fault;
    for (size_t i = 0; journal_at(admission->journal, i) != NULL; i++) {
        struct journal_entry entry = *journal_at(admission->journal, i);
        if (entry.stage == JOURNAL_ENDED)
            continue;
        entry.stage = JOURNAL_ENDED;
        entry.state = REPORT_FAILED;
        entry.reported = true;
        (void)snprintf(entry.code, sizeof entry.code, "interrupted");
        if (journal_write(admission->journal, &entry, &fault) != TC_OK)
            LOG_ERROR("journal.write_failed", F_STR("fault", fault.text));
        LOG_WARNING("instruction.interrupted", F_INT("instruction", entry.instruction),
                    F_INT("attempt", entry.attempt));
    }
}

enum tc_error admission_open(const char *path, const char *device, const struct proof_key *key,
                             struct admission **admission, struct tc_fault *fault)
{
    struct admission *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->device = device;
    opened->key = key;
    enum tc_error error = journal_open(path, &opened->journal, fault);
    if (error == TC_OK) {
        end_interrupted(opened);
    } else {
        free(opened);
        opened = NULL;
    }
    *admission = opened;
    return error;
}

void admission_close(struct admission *admission)
{
    if (admission == NULL)
        return;
    journal_close(admission->journal);
    free(admission);
}

static bool reject(struct install_result *result, const struct refusal *refusal)
{
    install_result_set(result, INSTALL_REJECTED, refusal->code, refusal->detail);
    return false;
}

/* A newer token or proof may be admitted. */
static bool defer(struct install_result *result, const char *code, const char *detail)
{
    install_result_set(result, INSTALL_DEFERRED, code, detail);
    return false;
}

static bool is_proof(const struct admission *admission, const struct instruction_payload *payload, int64_t boot_ms,
                     struct proven_time *proven)
{
    int64_t age_ms;
    if (strcmp(payload->device, admission->device) != 0 ||
        !proof_nonce_check(admission->key, payload->nonce, boot_ms, &age_ms))
        return false;
    proven->issued_at_s = payload->issued_at_s;
    proven->now_ms = payload->issued_at_s * MS_PER_SECOND + age_ms;
    return true;
}

static bool prove_time(const struct admission *admission, const struct trusted_keys *keys,
                       const struct instruction_payload *payload, const char *proof, int64_t boot_ms,
                       struct proven_time *proven)
{
    struct instruction_payload answer = {0};
    struct tc_fault fault;
    if (proof == NULL)
        return is_proof(admission, payload, boot_ms, proven);
    if (token_verify(keys, proof, strlen(proof), &answer, &fault) != TC_OK)
        return false;
    bool is_right = is_proof(admission, &answer, boot_ms, proven);
    instruction_payload_free(&answer);
    return is_right;
}

/* A damaged journal may have lost the record of an attempt: nothing that was issued before is carried out. */
static bool is_remembered(struct admission *admission, int64_t issued_at_s, const struct proven_time *proven)
{
    struct tc_fault fault;
    int64_t before_s = journal_high_water_marks(admission->journal).forgotten_before_s;
    if (before_s == JOURNAL_ALL_FORGOTTEN &&
        journal_settle(admission->journal, proven->now_ms / MS_PER_SECOND + 1, &fault) != TC_OK)
        LOG_ERROR("journal.rewrite_failed", F_STR("fault", fault.text));
    return issued_at_s >= before_s;
}

/* Marks above a proven time are of a time that was wrong. */
static int64_t last_issued_s(const struct admission *admission, int64_t proven_s)
{
    int64_t last_s = journal_high_water_marks(admission->journal).issued_at_s;
    return last_s < proven_s ? last_s : proven_s;
}

static bool is_new(struct admission *admission, const struct admitted *admitted, struct install_result *result)
{
    const struct journal_entry *entry = &admitted->entry;
    const struct journal_entry *known = journal_find(admission->journal, entry->instruction);
    struct refusal refusal;
    if (known == NULL)
        return true;
    bool is_same = strcmp(known->content, entry->content) == 0;
    if (!is_same && entry->epoch > known->epoch)
        return true;
    if (!is_same)
        (void)refuse(&refusal, "conflict", "an earlier instruction with this ID had another content");
    else if (entry->attempt <= known->attempt)
        (void)refuse(&refusal, "already_done", "attempt %d was carried out before", known->attempt);
    else
        return true;
    return reject(result, &refusal);
}

static void fill_entry(struct admitted *admitted)
{
    const struct instruction_payload *payload = &admitted->payload;
    admitted->entry = (struct journal_entry){
        .instruction = payload->instruction,
        .attempt = payload->attempt,
        .epoch = payload->epoch,
        .expires_s = payload->expires_s,
        .stage = JOURNAL_INTENT,
        .action = payload->action,
    };
    if (payload->has_artifact) {
        memcpy(admitted->entry.artifact, payload->artifact.name, sizeof admitted->entry.artifact);
        memcpy(admitted->entry.version, payload->artifact.version, sizeof admitted->entry.version);
    }
    instruction_digest(payload, admitted->entry.content);
}

static bool check_payload(struct admission *admission, const struct trusted_keys *keys, const char *proof,
                          int64_t boot_ms, struct admitted *admitted, struct install_result *result)
{
    const struct instruction_payload *payload = &admitted->payload;
    struct refusal refusal = {0};
    struct proven_time proven;
    const int64_t seen = journal_high_water_marks(admission->journal).epoch;
    const struct epoch_range epochs = {seen, epoch_max(seen)};
    if (payload->instruction == 0)
        (void)refuse(&refusal, "malformed", "the token has no instruction");
    else
        (void)verify_address(payload, admission->device, &epochs, &refusal);
    if (refusal.code[0] != '\0')
        return reject(result, &refusal);
    if (!prove_time(admission, keys, payload, proof, boot_ms, &proven))
        return defer(result, "time_unproven", "no answer to an ask of this run of the privileged half");
    if (!verify_times(payload, proven.now_ms, &refusal))
        return reject(result, &refusal);
    admitted->proven_s = proven.issued_at_s;
    fill_entry(admitted);
    if (!is_new(admission, admitted, result))
        return false;
    if (!is_remembered(admission, payload->issued_at_s, &proven))
        return defer(result, "journal_damaged", "the journal lost records: this attempt may have run");
    if (payload->issued_at_s < last_issued_s(admission, proven.issued_at_s))
        return defer(result, "superseded", "an instruction that was issued later was carried out");
    return true;
}

bool admission_check(struct admission *admission, const struct trusted_keys *keys, const char *token, const char *proof,
                     int64_t boot_ms, struct admitted *admitted, struct install_result *result)
{
    struct refusal refusal;
    *admitted = (struct admitted){0};
    if (!verify_token(keys, admission->device, token, strlen(token), &admitted->payload, &refusal)) {
        admitted->payload = (struct instruction_payload){0};
        return reject(result, &refusal);
    }
    if (check_payload(admission, keys, proof, boot_ms, admitted, result))
        return true;
    instruction_payload_free(&admitted->payload);
    return false;
}

enum tc_error admission_begin(struct admission *admission, struct admitted *admitted, struct tc_fault *fault)
{
    struct journal_high_water_marks high_water_marks = journal_high_water_marks(admission->journal);
    if (admitted->payload.epoch > high_water_marks.epoch)
        high_water_marks.epoch = admitted->payload.epoch;
    if (admitted->payload.issued_at_s > high_water_marks.issued_at_s ||
        high_water_marks.issued_at_s > admitted->proven_s)
        high_water_marks.issued_at_s = admitted->payload.issued_at_s;
    enum tc_error error = journal_write_high_water_marks(admission->journal, &high_water_marks, fault);
    return error == TC_OK ? journal_write(admission->journal, &admitted->entry, fault) : error;
}

void admission_end(struct admission *admission, struct admitted *admitted, const struct install_result *result,
                   int64_t now_ms)
{
    struct journal_entry *entry = &admitted->entry;
    struct tc_fault fault;
    entry->stage = JOURNAL_ENDED;
    entry->state = result->outcome == INSTALL_DONE       ? REPORT_COMPLETED
                   : result->outcome == INSTALL_DEFERRED ? REPORT_DEFERRED
                                                         : REPORT_FAILED;
    entry->reported = true;
    entry->at_ms = now_ms;
    (void)snprintf(entry->code, sizeof entry->code, "%s", result->code);
    (void)snprintf(entry->detail, sizeof entry->detail, "%s", result->detail);
    if (journal_write(admission->journal, entry, &fault) != TC_OK)
        LOG_ERROR("journal.write_failed", F_INT("instruction", entry->instruction), F_STR("fault", fault.text));
}
