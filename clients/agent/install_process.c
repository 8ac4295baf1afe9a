#include "clients/agent/install_process.h"

#include "base/buffer.h"
#include "base/file.h"

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

/* What the child sees. Everything of ours stands above, so that putting one in place closes no other. */
enum { CHILD_LOCK = 3, CHILD_REST = 4, FIRST_OWN = 16 };
enum { ENVIRONMENT_COUNT = 10 };

struct child_plan {
    const struct install_request *request;
    char *environment[ENVIRONMENT_COUNT + 1];
    int empty_input, lock, output, complaint;
};

/* Where and why a child could not become the installer. */
struct complaint {
    int number;
    bool lock_is_held;
};

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

static _Noreturn void complain(const struct child_plan *plan, bool lock_is_held)
{
    struct complaint complaint = {.number = errno, .lock_is_held = lock_is_held};
    ssize_t written = write(plan->complaint, &complaint, sizeof complaint);
    _exit(written == (ssize_t)sizeof complaint ? EXIT_FAILURE : EXIT_FAILURE + 1);
}

static void put_in_place(const struct child_plan *plan, int file, int place)
{
    if (dup2(file, place) < 0)
        complain(plan, false);
}

/* Between fork and exec of a program with threads: async-signal-safe calls only. A record lock belongs to
 * the process, lives through exec, and is not inherited by what the installer starts. */
static _Noreturn void become_installer(const struct child_plan *plan)
{
    sigset_t none;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *arguments[] = {(char *)(uintptr_t)plan->request->executable, (char *)(uintptr_t)plan->request->action, NULL};

    (void)setpgid(0, 0);
    put_in_place(plan, plan->empty_input, STDIN_FILENO);
    put_in_place(plan, plan->output, STDOUT_FILENO);
    put_in_place(plan, plan->output, STDERR_FILENO);
    put_in_place(plan, plan->lock, CHILD_LOCK);
    (void)close(plan->lock); /* closing it after locking would unlock */
    if (fcntl(CHILD_LOCK, F_SETLK, &whole) != 0)
        complain(plan, errno == EACCES || errno == EAGAIN);
    if (close_range(CHILD_REST, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
        complain(plan, false);
    if (chdir(plan->request->working_folder) != 0)
        complain(plan, false);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execve(plan->request->executable, arguments, plan->environment);
    complain(plan, false);
}

/* A descriptor of ours, moved out of the child's places. Closes `file`. */
static int move_up(int file)
{
    if (file < 0)
        return file;
    int moved = fcntl(file, F_DUPFD_CLOEXEC, FIRST_OWN);
    (void)close(file);
    return moved;
}

static bool open_pipe(int *reading, int *writing)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *reading = move_up(ends[0]);
    *writing = move_up(ends[1]);
    return *reading >= 0 && *writing >= 0;
}

static void close_if_open(int *file)
{
    if (*file >= 0)
        (void)close(*file);
    *file = -1;
}

/* Waits until the child is the installer, or has said why not. */
static enum tc_error read_complaint(const struct install_request *request, int reading, struct tc_fault *fault)
{
    struct complaint complaint;
    ssize_t got;
    do
        got = read(reading, &complaint, sizeof complaint);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof complaint)
        return TC_OK;
    if (complaint.lock_is_held)
        return tc_fault_set(fault, TC_BUSY, "an installer that was started earlier has not ended yet");
    return tc_fault_set(fault, error_from_errno(complaint.number), "%s: %s", request->executable,
                        strerror(complaint.number));
}

static enum tc_error start(struct child_plan *plan, struct install_process *process, int complaint_reading,
                           struct tc_fault *fault)
{
    process->pid = fork();
    if (process->pid < 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "fork: %s", strerror(errno));
    if (process->pid == 0)
        become_installer(plan);
    (void)setpgid(process->pid, process->pid); /* whoever comes first: the group must be there before a signal */
    close_if_open(&plan->complaint);
    close_if_open(&plan->output);
    enum tc_error error = read_complaint(plan->request, complaint_reading, fault);
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
    struct child_plan plan = {.request = request, .empty_input = -1, .lock = -1, .output = -1, .complaint = -1};
    int complaint_reading = -1;
    *process = (struct install_process){.pid = -1, .exit_watch = -1, .output = -1};
    make_environment(request, plan.environment);
    plan.empty_input = move_up(open("/dev/null", O_RDONLY | O_CLOEXEC));
    plan.lock = move_up(open(request->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));

    enum tc_error error;
    if (plan.empty_input < 0 || plan.lock < 0 || !open_pipe(&process->output, &plan.output) ||
        !open_pipe(&complaint_reading, &plan.complaint) || fcntl(process->output, F_SETFL, O_NONBLOCK) != 0)
        error = tc_fault_set(fault, TC_UNAVAILABLE, "%s: prepare: %s", request->executable, strerror(errno));
    else
        error = start(&plan, process, complaint_reading, fault);

    close_if_open(&plan.empty_input);
    close_if_open(&plan.lock);
    close_if_open(&plan.output);
    close_if_open(&plan.complaint);
    close_if_open(&complaint_reading);
    if (error != TC_OK)
        close_if_open(&process->output);
    for (int i = 0; i < ENVIRONMENT_COUNT; i++)
        free(plan.environment[i]);
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
