#include "clients/agent/privileged/performer.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "clients/agent/action/handover.h"
#include "clients/agent/action/keyring.h"
#include "clients/agent/privileged/performer_state.h"
#include "clients/agent/privileged/staging.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A slow agent loses progress, versions and the end of a log rather than delay the action. */
enum { SLOW_AGENT_MS = 1000, SLOW_LOG_MS = 5000, STOP_GRACE_MS = 1000 };

/* The connection of a run. */
struct serving {
    int connection;
    bool is_open; /* the agent has not ended */
    bool is_stop_asked;
    bool wants_log;
};

void performer_stop(struct performer *performer)
{
    atomic_store(&performer->stop, true);
}

/* ---- an action -------------------------------------------------------------------------------- */

static void send_progress(void *context, int percent, const char *text)
{
    const struct serving *serving = context;
    struct handover_answer answer = {.kind = HANDOVER_PROGRESS, .percent = percent};
    (void)snprintf(answer.text, sizeof answer.text, "%s", text);
    if (serving->is_open)
        (void)handover_send_answer(serving->connection, &answer, 0);
}

static void send_version(void *context, const char *name, const char *version)
{
    const struct serving *serving = context;
    struct handover_answer answer = {.kind = HANDOVER_VERSION};
    (void)snprintf(answer.name, sizeof answer.name, "%s", name);
    (void)snprintf(answer.text, sizeof answer.text, "%s", version);
    if (serving->is_open)
        (void)handover_send_answer(serving->connection, &answer, SLOW_AGENT_MS);
}

static void send_log(void *context, const char *text, size_t length)
{
    const struct serving *serving = context;
    if (serving->is_open)
        handover_send_log(serving->connection, text, length, SLOW_LOG_MS);
}

/* An agent that ends leaves the action to finish; one that says `stop` does not. */
static bool is_stop_asked(void *context)
{
    struct serving *serving = context;
    struct pollfd polled = {.fd = serving->connection, .events = POLLIN};
    struct handover_request request;
    struct tc_fault fault;
    if (!serving->is_open || poll(&polled, 1, 0) <= 0)
        return serving->is_stop_asked;
    enum tc_error error = handover_receive_request(serving->connection, &request, &fault);
    serving->is_open = error != TC_UNAVAILABLE;
    serving->is_stop_asked = serving->is_stop_asked || (error == TC_OK && request.kind == HANDOVER_STOP);
    if (error == TC_OK)
        handover_request_free(&request);
    return serving->is_stop_asked;
}

static void run(struct performer *performer, struct serving *serving, struct install_request *request,
                struct install_result *result)
{
    const struct install_settings *settings = performer->settings;
    struct tc_fault fault;
    request->working_folder = performer->working_folder;
    request->lock_path = performer->lock_path;
    request->device = settings->device;
    request->parameters_file = performer->parameters_path;
    request->timeout_ms =
        install_collects(request) ? settings->actions.collect_timeout_ms : settings->actions.timeout_ms;
    request->grace_ms = settings->actions.grace_ms;
    request->stop_grace_ms = STOP_GRACE_MS;
    request->stop = &performer->stop;
    request->must_stop = is_stop_asked;
    request->on_progress = send_progress;
    request->on_version = send_version;
    request->on_log = serving->wants_log ? send_log : NULL;
    request->context = serving;
    request->mask = performer->mask;
    enum tc_error error = install_file_check(request->executable, &fault);
    if (error == TC_DENIED)
        install_result_set(result, INSTALL_FAILED, "installer_unsafe", fault.text);
    else
        install_run(request, result);
}

static void read_versions(struct performer *performer, struct serving *serving, struct install_result *result)
{
    struct install_request request = {.executable = action_settings_versions(&performer->settings->actions),
                                      .action = "versions"};
    if (request.executable[0] == '\0')
        install_result_set(result, INSTALL_FAILED, "unsupported_action", "no executable prints the versions");
    else
        run(performer, serving, &request, result);
}

static enum tc_error write_parameters(const struct performer *performer, const struct admitted *admitted,
                                      struct tc_fault *fault)
{
    char *parameters =
        admitted->payload.parameters == NULL ? strdup("{}") : json_dumps(admitted->payload.parameters, 0);
    TC_CHECK(parameters != NULL);
    enum tc_error error =
        file_replace(performer->parameters_path, parameters, strlen(parameters), S_IRUSR | S_IWUSR, fault);
    free(parameters);
    return error;
}

/* As the agent decides it: a rollback installs from nothing that was downloaded. */
static bool needs_artifact(const struct instruction_payload *payload)
{
    return payload->has_artifact && payload->artifact.url[0] != '\0' && payload->action != ACTION_ROLLBACK;
}

/* False with a result when the artifact is not what was signed. */
static bool stage(const struct performer *performer, const struct admitted *admitted, int artifact,
                  struct install_result *result)
{
    struct tc_fault fault;
    if (!needs_artifact(&admitted->payload))
        return true;
    enum tc_error error = artifact < 0 ? tc_fault_set(&fault, TC_INVALID, "the agent gave no artifact")
                                       : staging_copy(performer->staging, PERFORMER_ARTIFACT, artifact,
                                                      &admitted->payload.artifact, &fault);
    if (error == TC_OK)
        return true;
    const char *code = error == TC_CONFLICT || error == TC_INVALID ? "digest_mismatch"
                       : error == TC_NO_SPACE                      ? "disk_full"
                                                                   : "staging_failed";
    install_result_set(result, INSTALL_FAILED, code, fault.text);
    return false;
}

static void perform(struct performer *performer, struct serving *serving, struct admitted *admitted, int artifact,
                    struct install_result *result)
{
    const struct instruction_payload *payload = &admitted->payload;
    struct tc_fault fault;
    struct install_request request = {
        .executable = action_settings_executable(&performer->settings->actions, payload->action),
        .action = action_name(payload->action),
        .instruction = payload->instruction,
        .rollout = payload->rollout,
        .attempt = payload->attempt,
        .artifact_name = payload->has_artifact ? payload->artifact.name : NULL,
        .artifact_version = payload->has_artifact ? payload->artifact.version : NULL,
        .artifact_file = needs_artifact(payload) ? performer->artifact_path : NULL,
    };
    if (request.executable[0] == '\0') {
        install_result_set(result, INSTALL_REJECTED, "unsupported_action", request.action);
        return;
    }
    if (!stage(performer, admitted, artifact, result))
        return;
    enum tc_error error = write_parameters(performer, admitted, &fault);
    if (error == TC_OK)
        error = admission_begin(performer->admission, admitted, &fault);
    if (error == TC_OK) {
        LOG_INFO("instruction.begun", F_INT("instruction", payload->instruction), F_INT("attempt", payload->attempt),
                 F_STR("action", request.action), F_STR("artifact", payload->artifact.name),
                 F_STR("version", payload->artifact.version));
        run(performer, serving, &request, result);
        admission_end(performer->admission, admitted, result, clock_now_ms());
    } else {
        install_result_set(result, INSTALL_FAILED, "journal_failed", fault.text);
    }
    staging_remove(performer->staging, PERFORMER_ARTIFACT);
}

/* Reads the keys. On a fault `result` says it. */
static struct keyring *open_keys(const struct performer *performer, struct install_result *result)
{
    struct keyring *keyring = NULL;
    struct tc_fault fault;
    const char *path = performer->settings->trusted_keys;
    enum tc_error error = install_file_check(path, &fault);
    if (error == TC_OK)
        error = keyring_open(path, performer->learned_path, &keyring, &fault);
    if (error == TC_OK)
        return keyring;
    LOG_ERROR("trusted_keys.unusable", F_STR("fault", fault.text));
    install_result_set(result, INSTALL_FAILED, "trusted_keys", fault.text);
    return NULL;
}

static void perform_signed(struct performer *performer, struct serving *serving, const struct handover_request *request,
                           struct install_result *result)
{
    struct admitted admitted;
    struct keyring *keyring = open_keys(performer, result);
    if (keyring == NULL)
        return;
    if (admission_check(performer->admission, keyring_trusted(keyring), request->token, request->proof, clock_boot_ms(),
                        &admitted, result)) {
        perform(performer, serving, &admitted, request->artifact, result);
        instruction_payload_free(&admitted.payload);
    } else {
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "instruction.refused", F_STR("code", result->code),
                    F_STR("detail", result->detail));
    }
    keyring_close(keyring);
}

/* Learns keys from a key set: one at a time. */
static void learn_keys(struct performer *performer, const char *token, struct install_result *result)
{
    struct tc_fault fault;
    bool changed = false;
    (void)pthread_mutex_lock(&performer->mutex);
    struct keyring *keyring = open_keys(performer, result);
    enum tc_error error = keyring == NULL ? TC_OK : keyring_learn(keyring, token, strlen(token), &changed, &fault);
    if (keyring != NULL && error == TC_OK && keyring_is_written(keyring))
        install_result_set(result, INSTALL_DONE, "", "");
    else if (keyring != NULL)
        install_result_set(result, INSTALL_REJECTED, "keys",
                           error == TC_OK ? "what was learned cannot be written" : fault.text);
    keyring_close(keyring);
    (void)pthread_mutex_unlock(&performer->mutex);
    if (changed)
        LOG_INFO("keys.learned", F_STR("outcome", result->outcome == INSTALL_DONE ? "written" : "not written"));
}

/* ---- requests --------------------------------------------------------------------------------- */

static bool begin(struct performer *performer)
{
    (void)pthread_mutex_lock(&performer->mutex);
    bool is_free = !performer->is_busy && !atomic_load(&performer->stop);
    if (is_free)
        performer->is_busy = true;
    (void)pthread_mutex_unlock(&performer->mutex);
    return is_free;
}

static void end(struct performer *performer)
{
    (void)pthread_mutex_lock(&performer->mutex);
    performer->is_busy = false;
    (void)pthread_mutex_unlock(&performer->mutex);
}

static void serve_action(struct performer *performer, struct serving *serving, const struct handover_request *request)
{
    struct handover_answer answer = {.kind = HANDOVER_RESULT};
    if (!begin(performer)) {
        install_result_set(&answer.result, INSTALL_DEFERRED, "installer_busy", "another action is under way");
    } else {
        if (request->kind == HANDOVER_VERSIONS)
            read_versions(performer, serving, &answer.result);
        else
            perform_signed(performer, serving, request, &answer.result);
        end(performer);
    }
    if (serving->is_open)
        (void)handover_send_answer(serving->connection, &answer, SLOW_AGENT_MS);
}

static void serve_keys(struct performer *performer, int connection, const struct handover_request *request)
{
    struct handover_answer answer = {.kind = HANDOVER_RESULT};
    learn_keys(performer, request->token, &answer.result);
    (void)handover_send_answer(connection, &answer, SLOW_AGENT_MS);
}

static void serve_nonce(const struct performer *performer, int connection)
{
    struct handover_answer answer = {.kind = HANDOVER_GIVES_NONCE};
    proof_nonce_make(&performer->key, clock_boot_ms(), answer.name);
    (void)handover_send_answer(connection, &answer, SLOW_AGENT_MS);
}

void performer_serve(struct performer *performer, int connection)
{
    struct handover_request request;
    struct serving serving = {.connection = connection, .is_open = true};
    struct tc_fault fault;
    if (handover_receive_request(connection, &request, &fault) != TC_OK) {
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "request.malformed", F_STR("fault", fault.text));
        return;
    }
    serving.wants_log = request.kind == HANDOVER_RUN && request.wants_log;
    switch (request.kind) {
    case HANDOVER_NONCE: serve_nonce(performer, connection); break;
    case HANDOVER_RUN:
    case HANDOVER_VERSIONS: serve_action(performer, &serving, &request); break;
    case HANDOVER_KEYS: serve_keys(performer, connection, &request); break;
    case HANDOVER_STOP: break;
    }
    handover_request_free(&request);
}
