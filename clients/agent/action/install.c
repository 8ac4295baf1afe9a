#include "clients/agent/action/install.h"

#include "base/clock.h"
#include "base/file.h"
#include "clients/agent/action/install_output.h"
#include "clients/agent/action/install_process.h"
#include "topics/message.h"
#include "topics/token.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    /* As in sysexits.h. */
    EXIT_NO_PREVIOUS = 66,    /* EX_NOINPUT */
    EXIT_OUT_OF_SERVICE = 69, /* EX_UNAVAILABLE */
    EXIT_TRY_LATER = 75,      /* EX_TEMPFAIL */
    POLL_PERIOD_MS = 100,
    READ_SIZE = 4096,
    READS_AT_ONCE = 64, /* endless output must not delay the timeout check */
};

enum ending { ENDED_ITSELF, ENDED_BY_TIMEOUT, ENDED_BY_STOP };

struct run {
    const struct install_request *request;
    struct install_process process;
    struct install_output output;
    enum ending ending;
    int64_t deadline_ms; /* when the next signal is sent */
    bool is_terminated;  /* SIGTERM was sent */
};

bool install_collects(const struct install_request *request)
{
    return strcmp(request->action, action_name(ACTION_COLLECT)) == 0;
}

void install_result_set(struct install_result *result, enum install_outcome outcome, const char *code,
                        const char *detail)
{
    *result = (struct install_result){.outcome = outcome};
    (void)snprintf(result->code, sizeof result->code, "%s", code);
    (void)snprintf(result->detail, sizeof result->detail, "%s", detail);
}

static void read_output(struct run *run)
{
    char piece[READ_SIZE];
    for (int i = 0; i < READS_AT_ONCE; i++) {
        ssize_t got = read(run->process.output, piece, sizeof piece);
        if (got <= 0)
            return;
        install_output_take(&run->output, piece, (size_t)got);
    }
}

static bool must_stop(const struct run *run)
{
    const struct install_request *request = run->request;
    return (request->stop != NULL && atomic_load(request->stop)) ||
           (request->must_stop != NULL && request->must_stop(request->context));
}

static void stop_when_overdue(struct run *run, int64_t now_ms)
{
    if (!run->is_terminated && must_stop(run)) {
        run->ending = ENDED_BY_STOP;
        run->deadline_ms = now_ms;
    }
    if (now_ms < run->deadline_ms)
        return;
    if (run->is_terminated) {
        install_process_signal(&run->process, SIGKILL);
        run->deadline_ms = INT64_MAX;
        return;
    }
    if (run->ending == ENDED_ITSELF)
        run->ending = ENDED_BY_TIMEOUT;
    install_process_signal(&run->process, SIGTERM);
    run->is_terminated = true;
    run->deadline_ms = now_ms + (run->ending == ENDED_BY_STOP ? run->request->stop_grace_ms : run->request->grace_ms);
}

/* Waits for the end of the installer's own process. Processes that it left running may hold its output open. */
static void watch(struct run *run)
{
    struct pollfd watched[] = {{.fd = run->process.exit_watch, .events = POLLIN},
                               {.fd = run->process.output, .events = POLLIN}};
    for (;;) {
        (void)poll(watched, 2, POLL_PERIOD_MS);
        if ((watched[1].revents & POLLIN) != 0)
            read_output(run);
        else if ((watched[1].revents & (POLLHUP | POLLERR)) != 0)
            watched[1].fd = -1; /* it closed its output and goes on: there is nothing more to read */
        if ((watched[0].revents & (POLLIN | POLLERR)) != 0)
            break;
        stop_when_overdue(run, clock_monotonic_ms());
    }
    read_output(run);
    install_output_end(&run->output);
}

/* It ended by itself with a failure or a deferral. */
static void classify_exit(const struct run *run, int status, const char *detail, struct install_result *result)
{
    char code[REPORT_CODE_MAX + 1];
    const char *installer_code = run->output.code;
    (void)snprintf(code, sizeof code, "installer_exit_%d", status);
    switch (status) {
    case EXIT_TRY_LATER:
        install_result_set(result, INSTALL_DEFERRED, installer_code[0] == '\0' ? "installer_deferred" : installer_code,
                           detail);
        break;
    case EXIT_NO_PREVIOUS: install_result_set(result, INSTALL_FAILED, "no_previous", detail); break;
    case EXIT_OUT_OF_SERVICE: install_result_set(result, INSTALL_FAILED, CODE_OUT_OF_SERVICE, detail); break;
    default:
        install_result_set(result, INSTALL_FAILED, installer_code[0] == '\0' ? code : installer_code, detail);
        break;
    }
}

static void classify_end(const struct run *run, int status, struct install_result *result)
{
    char code[REPORT_CODE_MAX + 1];
    char detail[REPORT_DETAIL_MAX + 1];
    install_output_describe(&run->output, detail, sizeof detail);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        install_result_set(result, INSTALL_DONE, "", "");
    } else if (run->ending == ENDED_BY_TIMEOUT) {
        install_result_set(result, INSTALL_FAILED, "installer_timeout", detail);
    } else if (run->ending == ENDED_BY_STOP) {
        install_result_set(result, INSTALL_FAILED, "agent_stopped", detail);
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(code, sizeof code, "installer_signal_%d", WTERMSIG(status));
        install_result_set(result, INSTALL_FAILED, code, detail);
    } else {
        classify_exit(run, WEXITSTATUS(status), detail, result);
    }
}

static void give_log(const struct run *run)
{
    const struct install_request *request = run->request;
    struct buffer text = {0};
    if (request->on_log == NULL)
        return;
    install_log_put(&run->output.log, request->mask, &text);
    if (text.length > 0)
        request->on_log(request->context, text.bytes, text.length);
    buffer_free(&text);
}

void install_run(const struct install_request *request, struct install_result *result)
{
    struct run run = {
        .request = request,
        .output = {.is_content = install_collects(request),
                   .mask = request->mask,
                   .on_progress = request->on_progress,
                   .on_version = request->on_version,
                   .context = request->context},
        .deadline_ms = clock_monotonic_ms() + request->timeout_ms,
    };
    struct tc_fault fault;
    enum tc_error error = install_process_start(request, &run.process, &fault);
    if (error == TC_BUSY) {
        install_result_set(result, INSTALL_DEFERRED, "installer_busy", fault.text);
        return;
    }
    if (error != TC_OK) {
        install_result_set(result, INSTALL_FAILED, "installer_missing", fault.text);
        return;
    }
    watch(&run);
    classify_end(&run, install_process_finish(&run.process), result);
    (void)snprintf(result->said, sizeof result->said, "%s", run.output.code);
    give_log(&run);
    install_output_free(&run.output);
}
