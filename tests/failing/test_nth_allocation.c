/* Makes the nth allocation fail, for every n until none is left, in each step of a rollout's lifecycle: allocations of
 * this program, of jansson, and inside libpq, hiredis and paho. The program ends at once by a check or reports the
 * failure; it never goes on with missing data. */
#include "tests/failing/failing.h"
#include "tests/failing/library_memory.h"
#include "tests/failing/rollout_lifecycle.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

enum { EXIT_USAGE = 2, ALLOCATIONS_MAX = 5000, TRIES_MAX = 20, NONE_LEFT = 7, WENT_ON, WENT_WRONG, LIBRARY_CRASHED };

static int databases = 1; /* allocations so far */

static int set_up(void **state)
{
    static struct rollout_lifecycle_servers servers;
    rollout_lifecycle_start_servers(&servers);
    *state = &servers;
    return 0;
}

static int tear_down(void **state)
{
    rollout_lifecycle_remove_servers(*state);
    return 0;
}

/* Returns whether the step ends when it is repeated with memory. Instructions in flight from earlier children block the
 * steps that claim; to other steps the unfinished work of children does not matter. */
static bool ends_well(struct rollout_lifecycle *lifecycle, const struct rollout_lifecycle_step *step)
{
    if (!step->stands_alone)
        return true;
    for (int i = 0; i < TRIES_MAX; i++) {
        step->turn(lifecycle);
        if (step->is_done(lifecycle))
            return true;
    }
    return false;
}

/* A library that ignores a failed allocation crashes, which also ends the program. */
static void end_of_crash(int number, siginfo_t *info, void *context)
{
    (void)info;
    const ucontext_t *at = context;
    if (library_memory_is_code((uintptr_t)at->uc_mcontext.gregs[REG_RIP]))
        _exit(LIBRARY_CRASHED);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* cmocka reports a crash as a failed test and would run the next test in the child. */
static void crash_for_good(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS};
    const struct sigaction end = {.sa_sigaction = end_of_crash, .sa_flags = SA_SIGINFO};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        (void)sigaction(crashes[i], &end, NULL);
}

/* Runs the lifecycle up to the step, on the data that earlier children left, and then the step with the nth allocation
 * failing. */
_Noreturn static void run_child(const struct rollout_lifecycle_servers *servers, enum failing kind, int step, int nth)
{
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    crash_for_good();
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(nowhere, STDERR_FILENO);
    struct rollout_lifecycle *lifecycle = rollout_lifecycle_open(servers);
    rollout_lifecycle_begin_rollout(
        lifecycle, rollout_lifecycle_steps[step].begins_anew ? step * ALLOCATIONS_MAX + nth : 0, step == 0);
    for (int i = 0; i < step; i++)
        rollout_lifecycle_steps[i].turn(lifecycle);
    failing_arm(kind, nth);
    rollout_lifecycle_steps[step].turn(lifecycle);
    if (!failing_disarm())
        _exit(NONE_LEFT);
    /* A library without memory at most breaks its connection. test_nth_call shows that the work is completed
     * afterwards. */
    _exit(kind == LIBRARY_MEMORY_IS_OUT || ends_well(lifecycle, &rollout_lifecycle_steps[step]) ? WENT_ON : WENT_WRONG);
}

static int end_of(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void fail_each_allocation(struct rollout_lifecycle_servers *servers, enum failing kind, int first_step)
{
    for (int step = first_step; step < rollout_lifecycle_step_count; step++) {
        int checked = 0, crashed = 0, survived = 0, nth = 1;
        if (step > 0)
            rollout_lifecycle_renew_database(servers, ++databases);
        for (;; nth++) {
            assert_true(nth < ALLOCATIONS_MAX);
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0)
                run_child(servers, kind, step, nth);
            int status = end_of(child);
            if (WIFEXITED(status) && WEXITSTATUS(status) == NONE_LEFT)
                break;
            bool ended_by_check = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
            bool has_crashed =
                kind == LIBRARY_MEMORY_IS_OUT && WIFEXITED(status) && WEXITSTATUS(status) == LIBRARY_CRASHED;
            bool went_on = WIFEXITED(status) && WEXITSTATUS(status) == WENT_ON;
            if (!ended_by_check && !has_crashed && !went_on)
                fail_msg("%s, allocation %d: status %d", rollout_lifecycle_steps[step].name, nth, status);
            checked += ended_by_check;
            crashed += has_crashed;
            survived += went_on;
        }
        print_message("%s: %d allocations, %d ended by a check, %d by a crash in the library, %d survived\n",
                      rollout_lifecycle_steps[step].name, nth - 1, checked, crashed, survived);
    }
}

static void whichever_allocation_fails_the_program_ends_by_a_check_or_goes_on_well(void **state)
{
    fail_each_allocation(*state, MEMORY_IS_OUT, 0);
}

/* Not in the first step, the import: without memory for the answer to a COPY, libpq 15 believes that the answer has not
 * arrived and waits for ever (getCopyStart in fe-protocol3.c). */
static void whichever_allocation_of_a_library_fails_the_program_ends_by_a_check_or_goes_on_well(void **state)
{
    fail_each_allocation(*state, LIBRARY_MEMORY_IS_OUT, 1);
}

/* test_nth_allocation ours|libraries: two parts that can run in parallel. */
int main(int count, char **words)
{
    const struct CMUnitTest ours[] = {
        cmocka_unit_test(whichever_allocation_fails_the_program_ends_by_a_check_or_goes_on_well),
    };
    const struct CMUnitTest libraries[] = {
        cmocka_unit_test(whichever_allocation_of_a_library_fails_the_program_ends_by_a_check_or_goes_on_well),
    };
    if (count == 2 && strcmp(words[1], "ours") == 0)
        return cmocka_run_group_tests(ours, set_up, tear_down);
    if (count == 2 && strcmp(words[1], "libraries") == 0)
        return cmocka_run_group_tests(libraries, set_up, tear_down);
    (void)fputs("test_nth_allocation ours|libraries\n", stderr);
    return EXIT_USAGE;
}
