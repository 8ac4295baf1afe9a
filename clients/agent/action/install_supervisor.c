#include "clients/agent/action/install_supervisor.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than a pipe holds, but bounded: processes that the installer left running may print endlessly. */
enum { PIECE_SIZE = 4096, READS_AT_ONCE = 64, FIRST_NOT_STANDARD = 3 };
/* The file descriptors of the supervisor. It has no others: it must not hold, for example, the agent's lock or the
 * other end of its own pipe. */
enum { EMPTY_INPUT = 0, OUTPUT = 1, EMPTY_ERROR = 2, LOCK = 3, ERROR_PIPE = 4, FIRST_FREE = 5, FIRST_ABOVE = 16 };

static _Noreturn void exit_with_error(int file, bool lock_is_held)
{
    struct supervisor_error start_error = {.number = errno, .lock_is_held = lock_is_held};
    ssize_t written = write(file, &start_error, sizeof start_error);
    _exit(written == (ssize_t)sizeof start_error ? EXIT_FAILURE : EXIT_FAILURE + 1);
}

/* Moves all up first, so that placing one closes no other. */
static void arrange_files(const struct supervisor_plan *plan)
{
    const int sources[] = {plan->empty_input, plan->output, plan->empty_input, plan->lock, plan->start_error};
    int moved[FIRST_FREE];
    for (int i = 0; i < FIRST_FREE; i++) {
        moved[i] = fcntl(sources[i], F_DUPFD, FIRST_ABOVE);
        if (moved[i] < 0)
            exit_with_error(plan->start_error, false);
    }
    for (int i = 0; i < FIRST_FREE; i++) {
        if (dup3(moved[i], i, i >= FIRST_NOT_STANDARD ? O_CLOEXEC : 0) < 0)
            exit_with_error(moved[ERROR_PIPE], false);
    }
    if (close_range(FIRST_FREE, ~0U, 0) != 0)
        exit_with_error(ERROR_PIPE, false);
}

/* The folder may belong to another user, who could put a link in its place. */
static bool enter_folder(const char *path)
{
    int folder = file_open_folder(path);
    return folder >= 0 && fchdir(folder) == 0;
}

static _Noreturn void exec_installer(const struct supervisor_plan *plan, int output)
{
    static const int ignored[] = {SIGPIPE, SIGTERM, SIGINT, SIGHUP};
    sigset_t none;
    if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 || !enter_folder(plan->working_folder))
        exit_with_error(ERROR_PIPE, false);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)signal(ignored[i], SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execve(plan->arguments[0], plan->arguments, plan->environment);
    exit_with_error(ERROR_PIPE, false);
}

/* A record lock belongs to this process alone and ends with it. */
static void take_lock(void)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(LOCK, F_SETLK, &whole) != 0)
        exit_with_error(ERROR_PIPE, errno == EACCES || errno == EAGAIN);
}

static void ignore_signals(void)
{
    /* A signal to the group is for the installer. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

/* Returns the output to use from now on: -1 when it has no reader any more. */
static int forward(const char *bytes, size_t length, int output)
{
    while (output >= 0 && length > 0) {
        ssize_t written = write(output, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        bytes += written;
        length -= (size_t)written;
    }
    return output;
}

/* Forwards until the installer itself ends; processes that it left running may hold its output open. */
static void forward_until_end(int installer_end, int input, int output)
{
    char piece[PIECE_SIZE];
    struct pollfd watched[] = {{.fd = installer_end, .events = POLLIN}, {.fd = input, .events = POLLIN}};
    for (bool has_ended = false; !has_ended;) {
        (void)poll(watched, 2, -1);
        has_ended = watched[0].revents != 0;
        ssize_t got = (ssize_t)sizeof piece;
        for (int i = 0; i < READS_AT_ONCE && got == (ssize_t)sizeof piece; i++) {
            got = read(input, piece, sizeof piece);
            if (got > 0)
                output = forward(piece, (size_t)got, output);
        }
        if (got == 0)
            watched[1].fd = -1;
    }
}

static _Noreturn void exit_like(int status)
{
    const struct rlimit no_core = {0, 0};
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(WTERMSIG(status), SIG_DFL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)kill(getpid(), WTERMSIG(status));
    _exit(EXIT_FAILURE);
}

_Noreturn void supervisor_run(const struct supervisor_plan *plan)
{
    int ends[2];
    int status = EXIT_FAILURE << 8;
    (void)setpgid(0, 0);
    ignore_signals();
    arrange_files(plan);
    take_lock();
    if (pipe2(ends, O_CLOEXEC) != 0)
        exit_with_error(ERROR_PIPE, false);
    pid_t installer = _Fork();
    if (installer < 0)
        exit_with_error(ERROR_PIPE, false);
    if (installer == 0)
        exec_installer(plan, ends[1]);

    int installer_end = pidfd_open(installer, 0);
    (void)close(ends[1]);
    (void)close(ERROR_PIPE);
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 || installer_end < 0)
        (void)kill(-getpid(), SIGKILL);
    forward_until_end(installer_end, ends[0], OUTPUT);
    while (waitpid(installer, &status, 0) < 0 && errno == EINTR)
        ;
    exit_like(status);
}
