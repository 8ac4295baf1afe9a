#include "tests/unit/http_stubs.h"

#include "orchestrator/store/acts.h"
#include "orchestrator/store/approval_list.h"
#include "orchestrator/store/block.h"
#include "orchestrator/store/branch_list.h"
#include "orchestrator/store/device_list.h"
#include "orchestrator/store/enrolment.h"
#include "orchestrator/store/evidence.h"
#include "orchestrator/store/failures.h"
#include "orchestrator/store/freeze.h"
#include "orchestrator/store/inventory.h"
#include "orchestrator/store/logs.h"
#include "orchestrator/store/operate.h"
#include "orchestrator/store/overview.h"
#include "orchestrator/store/read.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static max_align_t store_stub[4096]; /* more than a store has */
char http_fixture_last_read[HTTP_FIXTURE_TEXT_SIZE];
enum tc_error http_fixture_store_answers = TC_OK;
int64_t http_fixture_artifact_size;
bool http_fixture_artifact_is_blocked;
atomic_bool http_fixture_store_hangs;

struct store *store_pool_take(struct store_pool *pool)
{
    (void)pool;
    return (struct store *)(void *)store_stub;
}

void store_pool_give(struct store_pool *pool, struct store *store)
{
    (void)pool;
    TC_CHECK((const void *)store == store_stub);
}

static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;

enum tc_error http_fixture_give(struct buffer *json, struct tc_fault *fault, const char *format, ...)
{
    while (http_fixture_store_hangs)
        (void)sched_yield();
    (void)pthread_mutex_lock(&reading);
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see the va_start above */
    (void)vsnprintf(http_fixture_last_read, sizeof http_fixture_last_read, format, arguments);
    va_end(arguments);
    (void)pthread_mutex_unlock(&reading);
    if (http_fixture_store_answers != TC_OK)
        return tc_fault_set(fault, http_fixture_store_answers, "the store says no");
    buffer_put_text(json, "{\"from\":\"store\"}");
    return TC_OK;
}

#define READ(...) ((void)store, http_fixture_give(json, fault, __VA_ARGS__))

char http_fixture_last_patterns[HTTP_FIXTURE_TEXT_SIZE];

void http_fixture_note_patterns(const char *patterns)
{
    (void)pthread_mutex_lock(&reading);
    (void)snprintf(http_fixture_last_patterns, sizeof http_fixture_last_patterns, "%s",
                   patterns == NULL ? "everywhere" : patterns);
    (void)pthread_mutex_unlock(&reading);
}

enum tc_error read_rollouts(struct store *store, const char *patterns, const char *reference, int64_t after, int limit,
                            struct buffer *json, struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("rollouts %lld %d%s%s", (long long)after, limit, reference == NULL ? "" : " ",
                reference == NULL ? "" : reference);
}

enum tc_error read_rollout(struct store *store, const char *patterns, int64_t id, struct buffer *json,
                           struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("rollout %lld", (long long)id);
}

enum tc_error read_forecast(struct store *store, const char *patterns, int64_t rollout, struct buffer *json,
                            struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("forecast %lld", (long long)rollout);
}

enum tc_error read_instructions(struct store *store, const char *patterns, int64_t rollout, const char *state,
                                const char *group, int64_t after, int limit, struct buffer *json,
                                struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("instructions %lld [%s] [%s] %lld %d", (long long)rollout, state, group, (long long)after, limit);
}

enum tc_error failures_read(struct store *store, const char *patterns, int64_t rollout,
                            const struct failure_grouping *grouping, struct buffer *json, struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("failures %lld%s%s%s [%s]", (long long)rollout, grouping->by_code ? " code" : "",
                grouping->by_model ? " model" : "", grouping->by_version ? " version" : "",
                grouping->label == NULL ? "" : grouping->label);
}

enum tc_error failures_read_devices(struct store *store, const char *patterns, int64_t rollout, const json_t *filter,
                                    int64_t after, int limit, struct buffer *json, struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    char *text = json_dumps(filter, JSON_COMPACT | JSON_SORT_KEYS);
    enum tc_error error = READ("failed %lld %s %lld %d", (long long)rollout, text, (long long)after, limit);
    free(text);
    return error;
}

enum tc_error logs_put(struct store *store, const struct device_log *log, enum log_standing *standing,
                       struct tc_fault *fault)
{
    struct buffer json = {0};
    (void)store;
    *standing = LOG_KEPT;
    enum tc_error error = http_fixture_give(&json, fault, "log of %s %lld.%d: %s", log->device,
                                            (long long)log->instruction, (int)log->attempt, log->content);
    buffer_free(&json);
    return error;
}

enum tc_error logs_list(struct store *store, const char *patterns, const char *device, int64_t before, int limit,
                        struct buffer *json, struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("logs %s %lld %d", device, (long long)before, limit);
}

enum tc_error logs_read(struct store *store, const struct access_scope *scope, int64_t log, struct buffer *json,
                        struct refusal *refusal, struct tc_fault *fault)
{
    http_fixture_note_patterns(access_scope_patterns(scope));
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    return READ("log %lld", (long long)log);
}

enum tc_error device_list_read(struct store *store, const struct device_filter *filter, const char *after, int limit,
                               struct buffer *json, struct tc_fault *fault)
{
    http_fixture_note_patterns(filter->patterns);
    return READ("devices [%s] %d [%s] %s %s [%s]%s%s", after, limit, filter->part, filter->labels, filter->versions,
                filter->state, filter->has_presence ? " " : "",
                filter->has_presence ? presence_state_name(filter->presence) : "");
}

enum tc_error branch_list_read(struct store *store, const struct branch_filter *filter, const char *after, int limit,
                               struct buffer *json, struct tc_fault *fault)
{
    http_fixture_note_patterns(filter->patterns);
    return READ("branches [%s] %d [%s] %s %d %d", after, limit, filter->part, filter->labels, filter->is_at_budget,
                filter->has_no_machine);
}

enum tc_error branch_read(struct store *store, const char *patterns, const char *branch, struct buffer *json,
                          struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("branch %s", branch);
}

enum tc_error device_list_versions(struct store *store, const struct device_filter *filter, const char *after,
                                   struct buffer *json, struct tc_fault *fault)
{
    http_fixture_note_patterns(filter->patterns);
    return READ("versions [%s] [%s] %s", after, filter->part, filter->labels);
}

enum tc_error approval_list_read(struct store *store, const struct approver *approver, struct buffer *json,
                                 struct tc_fault *fault)
{
    http_fixture_note_patterns(approver->patterns);
    return READ("approvals %s %d", approver->person, approver->may_approve);
}

enum tc_error overview_read(struct store *store, const struct approver *approver, struct buffer *json,
                            struct tc_fault *fault)
{
    http_fixture_note_patterns(approver->patterns);
    return READ("overview %s", approver->person);
}

bool device_state_is_known(const char *state)
{
    return strcmp(state, "retired") == 0;
}

enum tc_error read_device(struct store *store, const char *patterns, const char *id, struct buffer *json,
                          struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("device %s", id);
}

enum tc_error read_artifacts(struct store *store, struct buffer *json, struct tc_fault *fault)
{
    return READ("artifacts");
}

enum tc_error read_affected(struct store *store, const char *patterns, const char *name, const char *version,
                            const char *after, int limit, struct buffer *json, struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("affected %s %s [%s] %d", name, version, after, limit);
}

enum tc_error block_version(struct store *store, const struct block_act *act, struct buffer *json,
                            struct refusal *refusal, struct tc_fault *fault)
{
    (void)store;
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    return http_fixture_give(json, fault, "block %s %s by %s: %s", act->name, act->version, act->actor, act->reason);
}

enum tc_error block_unblock(struct store *store, const struct block_act *act, struct buffer *json, bool *waits,
                            struct refusal *refusal, struct tc_fault *fault)
{
    (void)store;
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    *waits = !act->may_confirm;
    return http_fixture_give(json, fault, "unblock %s %s by %s: %s", act->name, act->version, act->actor, act->reason);
}

static const char *exception(const struct freeze_act *act)
{
    return act->excepts_rollbacks ? " except rollback" : "";
}

enum tc_error freeze_preview(struct store *store, const struct freeze_act *act, struct buffer *json,
                             struct refusal *refusal, struct tc_fault *fault)
{
    (void)store;
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    return http_fixture_give(json, fault, "preview freeze of %s%s by %s", act->match, exception(act), act->actor);
}

enum tc_error freeze_put(struct store *store, const struct freeze_act *act, struct buffer *json, bool *existing,
                         struct refusal *refusal, struct tc_fault *fault)
{
    (void)store;
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    *existing = false;
    return http_fixture_give(json, fault, "freeze %s%s by %s: %s", act->match, exception(act), act->actor, act->reason);
}

enum tc_error freeze_lift(struct store *store, const struct freeze_act *act, struct buffer *json, bool *waits,
                          struct refusal *refusal, struct tc_fault *fault)
{
    (void)store;
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    *waits = !act->may_confirm;
    return http_fixture_give(json, fault, "lift freeze %lld by %s: %s", (long long)act->freeze, act->actor,
                             act->reason);
}

enum tc_error freeze_read(struct store *store, const char *patterns, int64_t freeze, struct buffer *json,
                          struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("freeze %lld", (long long)freeze);
}

enum tc_error freeze_preview_lift(struct store *store, const char *patterns, int64_t freeze, struct buffer *json,
                                  struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("lift of freeze %lld", (long long)freeze);
}

enum tc_error freeze_list(struct store *store, const char *patterns, const char *state, int64_t after, int limit,
                          struct buffer *json, struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    return READ("freezes [%s] %lld %d", state, (long long)after, limit);
}

bool freeze_state_is_known(const char *state)
{
    return strcmp(state, "in_force") == 0 || strcmp(state, "lifted") == 0;
}

enum tc_error acts_list(struct store *store, const struct act_filter *filter, int64_t after, int limit,
                        struct buffer *json, struct tc_fault *fault)
{
    char verbs[256] = "";
    for (size_t i = 0, length = 0; i < filter->verb_count; i++)
        length += (size_t)snprintf(verbs + length, sizeof verbs - length, "%s%s", i == 0 ? "" : " ", filter->verbs[i]);
    return READ("acts [%s] [%s] [%s] [%s] %lld %lld %lld %d", filter->person, verbs, filter->object_kind,
                filter->object, (long long)filter->since_ms, (long long)filter->until_ms, (long long)after, limit);
}

enum tc_error operate_return_device(struct store *store, const struct device_operation *operation, struct buffer *done,
                                    struct refusal *refusal, struct tc_fault *fault)
{
    http_fixture_note_patterns(access_scope_patterns(operation->scope));
    (void)store;
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    return http_fixture_give(done, fault, "return %s by %s: %s", operation->device, operation->actor,
                             operation->reason);
}

enum tc_error operate_retire_device(struct store *store, const struct device_operation *operation, struct buffer *done,
                                    struct refusal *refusal, struct tc_fault *fault)
{
    (void)store;
    http_fixture_note_patterns(access_scope_patterns(operation->scope));
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    return http_fixture_give(done, fault, "retire %s by %s: %s", operation->device, operation->actor,
                             operation->reason);
}

enum tc_error operate(struct store *store, const struct operation_request *operation_request, struct operated *operated,
                      struct tc_fault *fault)
{
    struct buffer unused = {0};
    http_fixture_note_patterns(access_scope_patterns(operation_request->scope));
    *operated = (struct operated){
        .operation = operation_request->operation, .rollout = operation_request->rollout, .version = 8};
    (void)snprintf(operated->name, sizeof operated->name, "upgrade");
    (void)snprintf(operated->state, sizeof operated->state, "paused");
    (void)store;
    enum tc_error error = http_fixture_give(
        &unused, fault, "%s %lld by %s [%s] [%s] %lld: %s", operation_name(operation_request->operation),
        (long long)operation_request->rollout, operation_request->actor, operation_request->digest,
        operation_request->group, (long long)operation_request->version, operation_request->reason);
    buffer_free(&unused);
    return error;
}

enum { PER_MINUTE = 60 };
const struct preview_config http_fixture_preview = {.default_per_minute = PER_MINUTE};

enum tc_error preview_make(const struct preview_config *config, struct store *store, const struct access_scope *scope,
                           const char *person, const void *document, size_t length, struct buffer *json,
                           struct document_faults *faults, struct refusal *refusal, struct tc_fault *fault)
{
    TC_CHECK(*person != '\0');
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    http_fixture_note_patterns(access_scope_patterns(scope));
    (void)faults;
    TC_CHECK(config == &http_fixture_preview);
    return READ("preview %.*s", (int)length, (const char *)document);
}

enum tc_error evidence_report(struct store *store, const struct access_scope *scope, int64_t rollout,
                              int64_t per_minute, struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    http_fixture_note_patterns(access_scope_patterns(scope));
    return READ("report %lld at %lld", (long long)rollout, (long long)per_minute);
}

enum tc_error evidence_drift(struct store *store, const struct access_scope *scope, int64_t rollout,
                             struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    http_fixture_note_patterns(access_scope_patterns(scope));
    return READ("drift %lld", (long long)rollout);
}

static bool count_branch(void *context, const struct fleet_branch *branch)
{
    (void)branch;
    ((struct fleet_imported *)context)->branches_added++;
    return true;
}

static bool count_device(void *context, const struct fleet_device *device)
{
    (void)device;
    ((struct fleet_imported *)context)->devices_added++;
    return true;
}

enum tc_error inventory_import(struct store *store, const struct fleet_file *file, int scratch,
                               const struct access_scope *scope, struct fleet_imported *imported,
                               struct document_faults *faults, struct fleet_findings *findings, struct tc_fault *fault)
{
    (void)store, (void)scratch;
    http_fixture_note_patterns(access_scope_patterns(scope));
    *findings = (struct fleet_findings){0};
    *imported = (struct fleet_imported){0};
    const struct fleet_sink sink = {imported, count_branch, count_device, NULL};
    return fleet_file_read(file, &sink, faults, fault);
}

enum tc_error artifact_add(struct store *store, const struct artifact *artifact, const char *author,
                           struct artifact_added *added, struct tc_fault *fault)
{
    (void)store;
    buffer_put_text(&added->same_as, "[]");
    (void)snprintf(http_fixture_last_read, sizeof http_fixture_last_read, "add %s %s %lld by %s", artifact->name,
                   artifact->version, (long long)artifact->size_bytes, author);
    return http_fixture_store_answers == TC_OK ? TC_OK
                                               : tc_fault_set(fault, http_fixture_store_answers, "the store says no");
}

enum tc_error artifact_find_file(struct store *store, const char *sha256, int64_t *size_bytes, bool *is_blocked,
                                 struct tc_fault *fault)
{
    (void)store, (void)sha256;
    *is_blocked = http_fixture_artifact_is_blocked;
    *size_bytes = http_fixture_artifact_size;
    if (http_fixture_store_answers == TC_OK && http_fixture_artifact_size == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "the store knows no artifact");
    return http_fixture_store_answers == TC_OK ? TC_OK
                                               : tc_fault_set(fault, http_fixture_store_answers, "the store says no");
}

/* ---- enrolment ---- */

const char *enrolment_standing_name(enum enrolment_standing standing)
{
    return standing == ENROLMENT_GOOD ? "good" : "bad";
}

enum tc_error enrolment_read_now(struct store *store, int64_t *now_ms, struct tc_fault *fault)
{
    (void)store, (void)fault;
    *now_ms = 0;
    return TC_OK;
}

enum tc_error enrolment_check(struct store *store, const struct enrolment_claim *claim, struct enrolment_answer *answer,
                              struct tc_fault *fault)
{
    (void)claim;
    *answer = (struct enrolment_answer){.standing = ENROLMENT_UNKNOWN_CODE};
    return enrolment_read_now(store, &answer->now_ms, fault);
}

enum tc_error enrolment_record(struct store *store, const struct enrolment_claim *claim, const char *serial,
                               int64_t not_after_ms, enum enrolment_standing *standing, struct tc_fault *fault)
{
    (void)serial, (void)not_after_ms;
    struct enrolment_answer answer;
    enum tc_error error = enrolment_check(store, claim, &answer, fault);
    *standing = answer.standing;
    return error;
}

enum tc_error enrolment_give_code(struct store *store, const char *device, const char *code_hash, int64_t valid_s,
                                  const struct enrolment_actor *actor, char expires_at[static 32],
                                  struct refusal *refusal, struct tc_fault *fault)
{
    struct buffer ignored = {0};
    (void)store, (void)code_hash;
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    (void)snprintf(expires_at, 32, "2026-12-01T00:00:00Z");
    enum tc_error error =
        http_fixture_give(&ignored, fault, "code %s %lld by %s", device, (long long)valid_s, actor->name);
    http_fixture_note_patterns(access_scope_patterns(actor->scope));
    buffer_free(&ignored);
    return error;
}

enum tc_error enrolment_revoke(struct store *store, const char *device, const struct enrolment_actor *actor,
                               const char *reason, struct buffer *document, struct refusal *refusal,
                               struct tc_fault *fault)
{
    (void)store;
    http_fixture_note_patterns(access_scope_patterns(actor->scope));
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    return http_fixture_give(document, fault, "revoke %s by %s: %s", device, actor->name, reason);
}

enum tc_error enrolment_read_revoked(struct store *store, struct enrolment_revoked **revoked, size_t *count,
                                     int64_t *now_ms, struct tc_fault *fault)
{
    *revoked = NULL;
    *count = 0;
    return enrolment_read_now(store, now_ms, fault);
}
