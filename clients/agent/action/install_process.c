#include "clients/agent/action/install_process.h"

#include "base/buffer.h"
#include "base/file.h"
#include "clients/agent/action/install_supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENVIRONMENT_COUNT = 10 };

static char *variable(const char *name, const char *value)
{
    struct buffer text = {0};
    buffer_format(&text, "%s=%s", name, value == NULL ? "" : value);
    return text.bytes;
}

static char *number_variable(const char *name, int64_t value)
{
    struct buffer text = {0};
    buffer_format(&text, "%s=%" PRId64, name, value);
    return text.bytes;
}

static void make_environment(const struct install_request *request, char *environment[ENVIRONMENT_COUNT + 1])
{
    int count = 0;
    environment[count++] = variable("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    environment[count++] = variable("LANG", "C.UTF-8");
    environment[count++] = variable("TELLERCAST_DEVICE", request->device);
    environment[count++] = number_variable("TELLERCAST_INSTRUCTION", request->instruction);
    environment[count++] = number_variable("TELLERCAST_ATTEMPT", request->attempt);
    environment[count++] = number_variable("TELLERCAST_ROLLOUT", request->rollout);
    environment[count++] = variable("TELLERCAST_ARTIFACT_NAME", request->artifact_name);
    environment[count++] = variable("TELLERCAST_ARTIFACT_VERSION", request->artifact_version);
    environment[count++] = variable("TELLERCAST_ARTIFACT_FILE", request->artifact_file);
    environment[count++] = variable("TELLERCAST_PARAMETERS", request->parameters_file);
    TC_CHECK(count == ENVIRONMENT_COUNT);
    environment[count] = NULL;
}

static bool open_pipe(int *reading, int *writing)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *reading = ends[0];
    *writing = ends[1];
    return true;
}

static void close_if_open(int *file)
{
    if (*file >= 0)
        (void)close(*file);
    *file = -1;
}

/* Waits until the installer runs, or the supervisor has reported an error. */
static enum tc_error read_start_error(const struct install_request *request, int reading, struct tc_fault *fault)
{
    struct supervisor_error start_error;
    ssize_t got;
    do
        got = read(reading, &start_error, sizeof start_error);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof start_error)
        return TC_OK;
    if (start_error.lock_is_held)
        return tc_fault_set(fault, TC_BUSY, "an earlier installer is still running");
    return tc_fault_set(fault, error_from_errno(start_error.number), "%s: %s", request->executable,
                        strerror(start_error.number));
}

static enum tc_error start(const struct install_request *request, struct supervisor_plan *plan,
                           struct install_process *process, int error_reading, struct tc_fault *fault)
{
    process->pid = fork();
    if (process->pid < 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "fork: %s", strerror(errno));
    if (process->pid == 0)
        supervisor_run(plan);
    (void)setpgid(process->pid, process->pid); /* in parent and child: the group must exist before a signal */
    close_if_open(&plan->start_error);
    close_if_open(&plan->output);
    enum tc_error error = read_start_error(request, error_reading, fault);
    process->exit_watch = pidfd_open(process->pid, 0);
    if (error == TC_OK && process->exit_watch < 0) {
        error = tc_fault_set(fault, TC_UNAVAILABLE, "pidfd_open: %s", strerror(errno));
        install_process_signal(process, SIGKILL);
    }
    if (error != TC_OK)
        (void)install_process_finish(process);
    return error;
}

enum tc_error install_process_start(const struct install_request *request, struct install_process *process,
                                    struct tc_fault *fault)
{
    char *environment[ENVIRONMENT_COUNT + 1];
    char *arguments[] = {(char *)(uintptr_t)request->executable, (char *)(uintptr_t)request->action, NULL};
    struct supervisor_plan plan = {.arguments = arguments,
                                   .environment = environment,
                                   .working_folder = request->working_folder,
                                   .output = -1,
                                   .start_error = -1};
    int error_reading = -1;
    *process = (struct install_process){.pid = -1, .exit_watch = -1, .output = -1};
    make_environment(request, environment);
    plan.empty_input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    plan.lock = open(request->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    enum tc_error error;
    if (plan.empty_input < 0 || plan.lock < 0 || !open_pipe(&process->output, &plan.output) ||
        !open_pipe(&error_reading, &plan.start_error) || fcntl(process->output, F_SETFL, O_NONBLOCK) != 0)
        error = tc_fault_set(fault, TC_UNAVAILABLE, "%s: prepare: %s", request->executable, strerror(errno));
    else
        error = start(request, &plan, process, error_reading, fault);

    close_if_open(&plan.empty_input);
    close_if_open(&plan.lock);
    close_if_open(&plan.output);
    close_if_open(&plan.start_error);
    close_if_open(&error_reading);
    if (error != TC_OK)
        close_if_open(&process->output);
    for (int i = 0; i < ENVIRONMENT_COUNT; i++)
        free(environment[i]);
    return error;
}

void install_process_signal(const struct install_process *process, int signal_number)
{
    (void)kill(-process->pid, signal_number);
    (void)kill(process->pid, signal_number); /* it may have left its group */
}

int install_process_finish(struct install_process *process)
{
    int status = 0;
    while (waitpid(process->pid, &status, 0) < 0) {
        if (errno != EINTR) {
            status = EXIT_FAILURE << 8;
            break;
        }
    }
    close_if_open(&process->exit_watch);
    close_if_open(&process->output);
    return status;
}
