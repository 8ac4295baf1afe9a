#include "clients/agent/handover_run.h"

#include "base/clock.h"
#include "base/log.h"
#include "clients/agent/action/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* The privileged half keeps the time of the action. It also copies the artifact first. */
enum { ANSWER_WAIT_MS = 100, NONCE_WAIT_MS = 1000, COPY_MS = 600000 };

struct handover_state {
    const struct install_request *request;
    int connection;
    bool is_stop_sent;
    int64_t deadline_ms;
};

/* Opened by the agent: the privileged half may not follow a path that the agent chooses. */
static enum tc_error open_artifact(const struct install_request *request, int *file, struct tc_fault *fault)
{
    *file = -1;
    if (request->artifact_file == NULL)
        return TC_OK;
    *file = open(request->artifact_file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (*file >= 0)
        return TC_OK;
    return tc_fault_set(fault, TC_UNAVAILABLE, "%s: %s", request->artifact_file, strerror(errno));
}

static enum tc_error send_request(struct handover_state *state, struct tc_fault *fault)
{
    const struct install_request *request = state->request;
    struct handover_request message = {
        .kind = request->token == NULL ? HANDOVER_VERSIONS : HANDOVER_RUN,
        .token = (char *)(uintptr_t)request->token,
        .proof = (char *)(uintptr_t)request->proof,
        .wants_log = request->token != NULL && request->on_log != NULL,
    };
    enum tc_error error = open_artifact(request, &message.artifact, fault);
    if (error == TC_OK)
        error = handover_connect(request->socket_path, &state->connection, fault);
    if (error == TC_OK)
        error = handover_send_request(state->connection, &message, fault);
    if (message.artifact >= 0)
        (void)close(message.artifact);
    return error;
}

static void stop_when_asked(struct handover_state *state)
{
    const struct handover_request stop = {.kind = HANDOVER_STOP, .artifact = -1};
    const struct install_request *request = state->request;
    if (state->is_stop_sent || request->stop == NULL || !atomic_load(request->stop))
        return;
    (void)handover_send_request(state->connection, &stop, NULL);
    state->is_stop_sent = true;
}

/* True at the result. */
static bool take_answer(const struct install_request *request, const struct handover_answer *answer,
                        struct install_result *result)
{
    switch (answer->kind) {
    case HANDOVER_PROGRESS: request->on_progress(request->context, answer->percent, answer->text); break;
    case HANDOVER_VERSION: request->on_version(request->context, answer->name, answer->text); break;
    case HANDOVER_LOG:
        if (request->on_log != NULL)
            request->on_log(request->context, answer->text, strlen(answer->text));
        break;
    case HANDOVER_RESULT: *result = answer->result; return true;
    case HANDOVER_GIVES_NONCE: break;
    }
    return false;
}

static void take_answers(struct handover_state *state, struct install_result *result)
{
    struct handover_answer answer;
    struct tc_fault fault;
    for (;;) {
        stop_when_asked(state);
        enum tc_error error = handover_receive_answer(state->connection, &answer, ANSWER_WAIT_MS, &fault);
        if (error == TC_OK && take_answer(state->request, &answer, result))
            return;
        if (error != TC_OK && error != TC_TIMEOUT) {
            install_result_set(result, INSTALL_FAILED, "interrupted",
                               "the privileged half ended while the installer was running");
            return;
        }
        if (clock_monotonic_ms() > state->deadline_ms) {
            install_result_set(result, INSTALL_FAILED, "installer_timeout", "the privileged half does not answer");
            return;
        }
    }
}

void handover_run(const struct install_request *request, struct install_result *result)
{
    struct tc_fault fault;
    struct handover_state state = {
        .request = request,
        .connection = -1,
        .deadline_ms = clock_monotonic_ms() + request->timeout_ms + request->grace_ms + COPY_MS,
    };
    if (send_request(&state, &fault) == TC_OK)
        take_answers(&state, result);
    else
        install_result_set(result, INSTALL_DEFERRED, "installer_unreachable", fault.text);
    if (state.connection >= 0)
        (void)close(state.connection);
}

/* Sends a request that is answered at once. */
static enum tc_error ask_at_once(const char *socket_path, const struct handover_request *request,
                                 struct handover_answer *answer, struct tc_fault *fault)
{
    int connection = -1;
    enum tc_error error = handover_connect(socket_path, &connection, fault);
    if (error == TC_OK)
        error = handover_send_request(connection, request, fault);
    if (error == TC_OK)
        error = handover_receive_answer(connection, answer, NONCE_WAIT_MS, fault);
    if (connection >= 0)
        (void)close(connection);
    return error;
}

bool handover_fetch_nonce(const char *socket_path, char nonce[static TC_ID_SIZE])
{
    const struct handover_request request = {.kind = HANDOVER_NONCE, .artifact = -1};
    struct handover_answer answer;
    struct tc_fault fault;
    enum tc_error error = ask_at_once(socket_path, &request, &answer, &fault);
    if (error == TC_OK && answer.kind == HANDOVER_GIVES_NONCE) {
        memcpy(nonce, answer.name, TC_ID_SIZE);
        return true;
    }
    LOG_LIMITED(LOG_LEVEL_WARNING, "", "installer.no_nonce", F_STR("path", socket_path),
                F_STR("fault", error == TC_OK ? "an answer of another kind" : fault.text));
    return false;
}

bool handover_give_keys(const char *socket_path, const char *token)
{
    const struct handover_request request = {.kind = HANDOVER_KEYS, .token = (char *)(uintptr_t)token, .artifact = -1};
    struct handover_answer answer;
    struct tc_fault fault;
    enum tc_error error = ask_at_once(socket_path, &request, &answer, &fault);
    if (error == TC_OK && answer.kind == HANDOVER_RESULT && answer.result.outcome == INSTALL_DONE)
        return true;
    LOG_LIMITED(LOG_LEVEL_WARNING, "", "installer.keys_not_taken", F_STR("path", socket_path),
                F_STR("fault", error == TC_OK ? answer.result.detail : fault.text));
    return false;
}
