#include "orchestrator/store/enrolment.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"
#include "topics/revocation.h"

#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

const char *enrolment_standing_name(enum enrolment_standing standing)
{
    static const char *const names[ENROLMENT_STANDING_COUNT] = {
        [ENROLMENT_GOOD] = "good",
        [ENROLMENT_UNKNOWN_DEVICE] = "unknown_device",
        [ENROLMENT_UNKNOWN_CODE] = "unknown_code",
        [ENROLMENT_USED_CODE] = "used_code",
        [ENROLMENT_EXPIRED_CODE] = "expired_code",
        [ENROLMENT_REVOKED] = "revoked",
        [ENROLMENT_TOO_MANY] = "too_many_certificates",
    };
    return names[standing];
}

enum tc_error enrolment_read_now(struct store *store, int64_t *now_ms, struct tc_fault *fault)
{
    struct sql_read_clock_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_clock(store, &rows, fault);
    if (error == TC_OK)
        *now_ms = sql_read_clock_at(&rows, 0).now_ms;
    return error;
}

static enum tc_error check_code(struct store *store, const struct enrolment_claim *claim,
                                struct enrolment_answer *answer, struct tc_fault *fault)
{
    const struct sql_check_code_params params = {
        .device = claim->device, .code_hash = claim->code_hash, .key_hash = claim->key_hash};
    struct sql_check_code_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_check_code(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_check_code_row row = sql_check_code_at(&rows, 0);
    *answer = (struct enrolment_answer){.now_ms = row.now_ms, .revoked_s = row.revoked_s};
    answer->standing = !row.is_known    ? ENROLMENT_UNKNOWN_DEVICE
                       : !row.is_code   ? ENROLMENT_UNKNOWN_CODE
                       : row.is_used    ? ENROLMENT_USED_CODE
                       : row.is_expired ? ENROLMENT_EXPIRED_CODE
                                        : ENROLMENT_GOOD;
    return TC_OK;
}

static enum tc_error check_certificate(struct store *store, const struct enrolment_claim *claim,
                                       struct enrolment_answer *answer, struct tc_fault *fault)
{
    const struct sql_check_certificate_params params = {.device = claim->device, .serial = claim->serial};
    struct sql_check_certificate_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_check_certificate(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_check_certificate_row row = sql_check_certificate_at(&rows, 0);
    bool is_revoked = row.is_revoked || revocation_covers(row.revoked_s, claim->not_before_ms / MS_PER_SECOND);
    *answer = (struct enrolment_answer){.now_ms = row.now_ms, .revoked_s = row.revoked_s};
    answer->standing = !row.is_known                    ? ENROLMENT_UNKNOWN_DEVICE
                       : is_revoked                     ? ENROLMENT_REVOKED
                       : row.live >= ENROLMENT_LIVE_MAX ? ENROLMENT_TOO_MANY
                                                        : ENROLMENT_GOOD;
    return TC_OK;
}

enum tc_error enrolment_check(struct store *store, const struct enrolment_claim *claim, struct enrolment_answer *answer,
                              struct tc_fault *fault)
{
    return claim->code_hash != NULL ? check_code(store, claim, answer, fault)
                                    : check_certificate(store, claim, answer, fault);
}

/* Locks the device in a transaction. `is_known` false: it does not exist. */
static enum tc_error lock_device(struct store *store, const char *device, bool *is_known, struct tc_fault *fault)
{
    const struct sql_lock_device_params params = {.device = device};
    struct sql_lock_device_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_lock_device(store, &params, &rows, fault);
    *is_known = error == TC_OK && rows.count == 1;
    return error;
}

/* Begins a transaction in which the device is locked. */
static enum tc_error begin_with(struct store *store, const char *device, bool *is_known, struct tc_fault *fault)
{
    enum tc_error error = acts_begin(store, fault);
    return error == TC_OK ? lock_device(store, device, is_known, fault) : error;
}

/* The same for a change that the broker's guard must know. `version`: of the directory. */
static enum tc_error begin_raised(struct store *store, const char *device, int64_t *version, bool *is_known,
                                  struct tc_fault *fault)
{
    struct sql_raise_directory_rows rows ROWS_AUTO = {0};
    enum tc_error error = acts_begin(store, fault);
    if (error == TC_OK)
        error = sql_raise_directory(store, &rows, fault);
    if (error != TC_OK)
        return error;
    *version = sql_raise_directory_at(&rows, 0).version;
    return lock_device(store, device, is_known, fault);
}

static enum tc_error write(struct store *store, const struct enrolment_claim *claim, const char *serial,
                           int64_t not_after_ms, struct tc_fault *fault)
{
    const struct sql_use_code_params use = {.device = claim->device, .key_hash = claim->key_hash};
    const struct sql_record_certificate_params record = {
        .device = claim->device, .serial = serial, .not_after_ms = not_after_ms};
    enum tc_error error = claim->code_hash == NULL ? TC_OK : sql_use_code(store, &use, fault);
    return error == TC_OK ? sql_record_certificate(store, &record, fault) : error;
}

enum tc_error enrolment_record(struct store *store, const struct enrolment_claim *claim, const char *serial,
                               int64_t not_after_ms, enum enrolment_standing *standing, struct tc_fault *fault)
{
    bool is_known;
    struct enrolment_answer answer = {.standing = ENROLMENT_UNKNOWN_DEVICE};
    act_set_object(acts_get(store), "device", claim->device);
    act_set_details(acts_get(store), "serial", serial, "by", claim->code_hash == NULL ? "certificate" : "code");
    enum tc_error error = begin_with(store, claim->device, &is_known, fault);
    if (error == TC_OK && is_known)
        error = enrolment_check(store, claim, &answer, fault);
    *standing = answer.standing;
    if (error != TC_OK || answer.standing != ENROLMENT_GOOD)
        return store_rollback(store, error);
    return acts_end(store, write(store, claim, serial, not_after_ms, fault), fault);
}

static enum tc_error refuse_own_name(const char *actor, const char *device, struct refusal *refusal,
                                     struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    refusal_copy(refusal->device, sizeof refusal->device, device);
    return strcmp(actor, ACTOR_TELLERCAST) == 0 ? refusal_set(refusal, TC_DENIED, REFUSAL_OWN_NAME, fault) : TC_OK;
}

enum tc_error enrolment_give_code(struct store *store, const char *device, const char *code_hash, int64_t valid_s,
                                  const struct enrolment_actor *actor, char expires_at[static 32],
                                  struct refusal *refusal, struct tc_fault *fault)
{
    bool is_known = false;
    const struct sql_give_code_params params = {
        .device = device, .code_hash = code_hash, .valid_s = valid_s, .actor = actor->name};
    struct sql_give_code_rows rows ROWS_AUTO = {0};
    act_set_object(acts_get(store), "device", device);
    enum tc_error error = refuse_own_name(actor->name, device, refusal, fault);
    if (error != TC_OK)
        return error;
    error = begin_with(store, device, &is_known, fault);
    if (error == TC_OK)
        error = act_scope_check_device(store, actor->scope, device, refusal, fault);
    if (error == TC_OK)
        error = sql_give_code(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        error = refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_DEVICE, fault);
    if (error == TC_OK)
        copy_text(expires_at, 32, sql_give_code_at(&rows, 0).expires_at);
    return acts_end(store, error, fault);
}

static enum tc_error revoke(struct store *store, const struct sql_revoke_device_params *params, struct buffer *document,
                            struct tc_fault *fault)
{
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_revoke_device(store, params, &rows, fault);
    error = acts_end(store, error, fault);
    if (error == TC_OK)
        buffer_put_text(document, sql_document_at(&rows, 0).document);
    return error;
}

enum tc_error enrolment_revoke(struct store *store, const char *device, const struct enrolment_actor *actor,
                               const char *reason, struct buffer *document, struct refusal *refusal,
                               struct tc_fault *fault)
{
    struct sql_revoke_device_params params = {.device = device, .actor = actor->name, .reason = reason, .version = 0};
    bool is_known = false;
    act_set_object(acts_get(store), "device", device);
    act_set_reason(acts_get(store), reason);
    enum tc_error error = refuse_own_name(actor->name, device, refusal, fault);
    if (error != TC_OK)
        return error;
    error = begin_raised(store, device, &params.version, &is_known, fault);
    if (error == TC_OK)
        error = act_scope_check_device(store, actor->scope, device, refusal, fault);
    if (error == TC_OK && !is_known)
        error = refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_DEVICE, fault);
    if (error == TC_OK)
        error = revoke(store, &params, document, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error enrolment_read_revoked(struct store *store, struct enrolment_revoked **revoked, size_t *count,
                                     int64_t *now_ms, struct tc_fault *fault)
{
    struct sql_revoked_certificates_rows rows ROWS_AUTO = {0};
    enum tc_error error = enrolment_read_now(store, now_ms, fault);
    if (error == TC_OK)
        error = sql_revoked_certificates(store, &rows, fault);
    if (error != TC_OK)
        return error;
    *count = (size_t)rows.count;
    *revoked = calloc(*count + 1, sizeof **revoked);
    TC_CHECK(*revoked != NULL);
    for (int i = 0; i < rows.count; i++) {
        const struct sql_revoked_certificates_row row = sql_revoked_certificates_at(&rows, i);
        copy_text((*revoked)[i].serial, sizeof(*revoked)[i].serial, row.serial);
        (*revoked)[i].revoked_at_ms = row.revoked_ms;
    }
    return TC_OK;
}
