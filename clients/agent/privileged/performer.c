#include "clients/agent/privileged/performer.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "clients/agent/action/handover.h"
#include "clients/agent/action/keyring.h"
#include "clients/agent/privileged/admission.h"
#include "clients/agent/privileged/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

/* A slow agent loses progress and versions rather than delay the action. */
enum { SLOW_AGENT_MS = 1000, STOP_GRACE_MS = 1000, FOLDER_MODE = 0700 };

static const char artifact_name[] = "artifact", parameters_name[] = "parameters.json";

struct performer {
    const struct install_settings *settings;
    char *learned_path; /* of the keys: see keyring.h */
    char *staging_path, *artifact_path, *parameters_path, *lock_path, *working_folder;
    int folder_lock, staging;
    struct proof_key key;
    struct admission *admission;
    atomic_bool stop;
    pthread_mutex_t mutex;
    bool is_busy; /* guarded by the mutex */
};

/* The connection of a run. */
struct serving {
    int connection;
    bool is_open; /* the agent has not ended */
    bool is_stop_asked;
};

static char *path_in(const char *folder, const char *name)
{
    struct buffer path = {0};
    buffer_format(&path, "%s/%s", folder, name);
    return path.bytes;
}

/* Executables run in another folder: each path is absolute. */
static enum tc_error make_folder(const char *path, char **absolute, struct tc_fault *fault)
{
    enum tc_error error = file_make_folders(path, FOLDER_MODE, fault);
    if (error != TC_OK)
        return error;
    *absolute = realpath(path, NULL);
    return *absolute != NULL ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, "%s: %s", path, strerror(errno));
}

/* The folder may belong to another user. */
static enum tc_error check_working_folder(const char *path, struct tc_fault *fault)
{
    int folder = file_open_folder(path);
    if (folder < 0)
        return tc_fault_set(fault, TC_DENIED,
                            "actions.folder: %s: must be a folder, without symbolic links in its path", path);
    (void)close(folder);
    return TC_OK;
}

static enum tc_error lock_state(struct performer *performer, const char *state_folder, struct tc_fault *fault)
{
    char *path = path_in(state_folder, "install.lock");
    enum tc_error error = TC_OK;
    performer->folder_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (performer->folder_lock < 0)
        error = tc_fault_set(fault, error_from_errno(errno), "%s: %s", path, strerror(errno));
    else if (flock(performer->folder_lock, LOCK_EX | LOCK_NB) != 0)
        error = tc_fault_set(fault, TC_CONFLICT, "%s: another tellercast-install uses this folder", state_folder);
    free(path);
    return error;
}

static enum tc_error open_state(struct performer *performer, struct tc_fault *fault)
{
    const struct install_settings *settings = performer->settings;
    char *state_folder = NULL;
    enum tc_error error = make_folder(settings->state_folder, &state_folder, fault);
    if (error != TC_OK)
        return error;
    performer->working_folder =
        settings->action_folder[0] == '\0' ? path_in(state_folder, "installed") : strdup(settings->action_folder);
    TC_CHECK(performer->working_folder != NULL);
    performer->staging_path = path_in(state_folder, "staging");
    performer->artifact_path = path_in(performer->staging_path, artifact_name);
    performer->parameters_path = path_in(performer->staging_path, parameters_name);
    performer->lock_path = path_in(state_folder, "installer.lock");
    performer->learned_path = path_in(state_folder, "learned-keys.json");
    error = file_make_folders(performer->working_folder, FOLDER_MODE, fault);
    if (error == TC_OK)
        error = check_working_folder(performer->working_folder, fault);
    if (error == TC_OK)
        error = lock_state(performer, state_folder, fault);
    if (error == TC_OK)
        error = staging_open(performer->staging_path, &performer->staging, fault);
    if (error == TC_OK) {
        char *journal = path_in(state_folder, "journal");
        error = admission_open(journal, settings->device, &performer->key, &performer->admission, fault);
        free(journal);
    }
    free(state_folder);
    return error;
}

enum tc_error performer_open(const struct install_settings *settings, struct performer **performer,
                             struct tc_fault *fault)
{
    struct performer *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->settings = settings;
    opened->folder_lock = -1;
    opened->staging = -1;
    (void)pthread_mutex_init(&opened->mutex, NULL);
    enum tc_error error = proof_key_make(&opened->key, fault);
    if (error == TC_OK)
        error = open_state(opened, fault);
    if (error != TC_OK) {
        performer_close(opened);
        opened = NULL;
    }
    *performer = opened;
    return error;
}

void performer_close(struct performer *performer)
{
    if (performer == NULL)
        return;
    admission_close(performer->admission);
    if (performer->staging >= 0)
        (void)close(performer->staging);
    if (performer->folder_lock >= 0)
        (void)close(performer->folder_lock);
    (void)pthread_mutex_destroy(&performer->mutex);
    free(performer->staging_path);
    free(performer->learned_path);
    free(performer->artifact_path);
    free(performer->parameters_path);
    free(performer->lock_path);
    free(performer->working_folder);
    free(performer);
}

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
        handover_send_answer(serving->connection, &answer, 0);
}

static void send_version(void *context, const char *name, const char *version)
{
    const struct serving *serving = context;
    struct handover_answer answer = {.kind = HANDOVER_VERSION};
    (void)snprintf(answer.name, sizeof answer.name, "%s", name);
    (void)snprintf(answer.text, sizeof answer.text, "%s", version);
    if (serving->is_open)
        handover_send_answer(serving->connection, &answer, SLOW_AGENT_MS);
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
    request->timeout_ms = settings->action_timeout_ms;
    request->grace_ms = settings->action_grace_ms;
    request->stop_grace_ms = STOP_GRACE_MS;
    request->stop = &performer->stop;
    request->must_stop = is_stop_asked;
    request->on_progress = send_progress;
    request->on_version = send_version;
    request->context = serving;
    enum tc_error error = install_file_check(request->executable, &fault);
    if (error == TC_DENIED)
        install_result_set(result, INSTALL_FAILED, "installer_unsafe", fault.text);
    else
        install_run(request, result);
}

static void read_versions(struct performer *performer, struct serving *serving, struct install_result *result)
{
    struct install_request request = {.executable = install_settings_versions(performer->settings),
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
    enum tc_error error =
        artifact < 0 ? tc_fault_set(&fault, TC_INVALID, "the agent gave no artifact")
                     : staging_copy(performer->staging, artifact_name, artifact, &admitted->payload.artifact, &fault);
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
        .executable = install_settings_executable(performer->settings, payload->action),
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
    staging_remove(performer->staging, artifact_name);
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
        handover_send_answer(serving->connection, &answer, SLOW_AGENT_MS);
}

static void serve_keys(struct performer *performer, int connection, const struct handover_request *request)
{
    struct handover_answer answer = {.kind = HANDOVER_RESULT};
    learn_keys(performer, request->token, &answer.result);
    handover_send_answer(connection, &answer, SLOW_AGENT_MS);
}

static void serve_nonce(const struct performer *performer, int connection)
{
    struct handover_answer answer = {.kind = HANDOVER_GIVES_NONCE};
    proof_nonce_make(&performer->key, clock_boot_ms(), answer.name);
    handover_send_answer(connection, &answer, SLOW_AGENT_MS);
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
    switch (request.kind) {
    case HANDOVER_NONCE: serve_nonce(performer, connection); break;
    case HANDOVER_RUN:
    case HANDOVER_VERSIONS: serve_action(performer, &serving, &request); break;
    case HANDOVER_KEYS: serve_keys(performer, connection, &request); break;
    case HANDOVER_STOP: break;
    }
    handover_request_free(&request);
}
