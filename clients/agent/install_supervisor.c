#include "clients/agent/install_supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than a pipe holds, and not without end: what the installer left running may print for ever. */
enum { PIECE_SIZE = 4096, READS_AT_ONCE = 64, FIRST_NOT_STANDARD = 3 };
/* Where the supervisor has its files. It has no others: it must not keep the agent's lock, say, nor the other
 * end of its own pipe. */
enum { EMPTY_INPUT = 0, OUTPUT = 1, EMPTY_ERROR = 2, LOCK = 3, COMPLAINT = 4, FIRST_FREE = 5, FIRST_ABOVE = 16 };

static _Noreturn void complain_to(int file, bool lock_is_held)
{
    struct supervisor_complaint complaint = {.number = errno, .lock_is_held = lock_is_held};
    ssize_t written = write(file, &complaint, sizeof complaint);
    _exit(written == (ssize_t)sizeof complaint ? EXIT_FAILURE : EXIT_FAILURE + 1);
}

/* All are moved up first, so that putting one in its place closes no other. */
static void take_places(const struct supervisor_plan *plan)
{
    const int sources[] = {plan->empty_input, plan->output, plan->empty_input, plan->lock, plan->complaint};
    int moved[FIRST_FREE];
    for (int i = 0; i < FIRST_FREE; i++) {
        moved[i] = fcntl(sources[i], F_DUPFD, FIRST_ABOVE);
        if (moved[i] < 0)
            complain_to(plan->complaint, false);
    }
    for (int i = 0; i < FIRST_FREE; i++) {
        if (dup3(moved[i], i, i >= FIRST_NOT_STANDARD ? O_CLOEXEC : 0) < 0)
            complain_to(moved[COMPLAINT], false);
    }
    if (close_range(FIRST_FREE, ~0U, 0) != 0)
        complain_to(COMPLAINT, false);
}

static _Noreturn void become_installer(const struct supervisor_plan *plan, int output)
{
    static const int ignored[] = {SIGPIPE, SIGTERM, SIGINT, SIGHUP};
    sigset_t none;
    if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 || chdir(plan->working_folder) != 0)
        complain_to(COMPLAINT, false);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)signal(ignored[i], SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execve(plan->arguments[0], plan->arguments, plan->environment);
    complain_to(COMPLAINT, false);
}

/* A record lock belongs to this process alone and ends with it. */
static void take_lock(void)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(LOCK, F_SETLK, &whole) != 0)
        complain_to(COMPLAINT, errno == EACCES || errno == EAGAIN);
}

static void ignore_signals(void)
{
    /* A signal to the group is for the installer. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

/* Returns the output to go on with: -1 when nobody reads it any more. */
static int pass_on(const char *bytes, size_t length, int output)
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

/* Until the installer itself has ended; what it left running may still hold its output open. */
static void relay_until_end(int installer_end, int input, int output)
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
                output = pass_on(piece, (size_t)got, output);
        }
        if (got == 0)
            watched[1].fd = -1;
    }
}

static _Noreturn void end_like(int status)
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
    take_places(plan);
    take_lock();
    if (pipe2(ends, O_CLOEXEC) != 0)
        complain_to(COMPLAINT, false);
    pid_t installer = _Fork();
    if (installer < 0)
        complain_to(COMPLAINT, false);
    if (installer == 0)
        become_installer(plan, ends[1]);

    int installer_end = pidfd_open(installer, 0);
    (void)close(ends[1]);
    (void)close(COMPLAINT);
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 || installer_end < 0)
        (void)kill(-getpid(), SIGKILL);
    relay_until_end(installer_end, ends[0], OUTPUT);
    while (waitpid(installer, &status, 0) < 0 && errno == EINTR)
        ;
    end_like(status);
}
