/* The nth allocation fails, ours or jansson's or one inside libpq, hiredis or paho, for every n until none is left, in
 * each step of a rollout's life: the program ends at once by a check, or says that it could not; it never goes on with
 * what is not there. */
#include "tests/failing/failing.h"
#include "tests/failing/life.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ALLOCATIONS_MAX = 5000, TRIES_MAX = 20, NONE_LEFT = 7, WENT_ON = 8, WENT_WRONG = 9 };

static int databases = 1; /* made so far */

static int set_up(void **state)
{
    static struct life_servers servers;
    life_start_servers(&servers);
    *state = &servers;
    return 0;
}

static int tear_down(void **state)
{
    life_remove_servers(*state);
    return 0;
}

/* Whether the step, taken again with memory, comes to its end. What earlier children have in flight stands in the way
 * of those that claim, and what they have begun does not matter to the others. */
static bool ends_well(struct life *life, const struct life_step *step)
{
    if (!step->stands_alone)
        return true;
    for (int i = 0; i < TRIES_MAX; i++) {
        step->turn(life);
        if (step->is_done(life))
            return true;
    }
    return false;
}

/* Comes to the step with what earlier children have left, and takes it with the nth allocation failing. */
_Noreturn static void run_child(const struct life_servers *servers, enum failing kind, int step, int nth)
{
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(nowhere, STDERR_FILENO);
    struct life *life = life_open(servers);
    life_begin_rollout(life, life_steps[step].begins_anew ? step * ALLOCATIONS_MAX + nth : 0);
    for (int i = 0; i < step; i++)
        life_steps[i].turn(life);
    failing_arm(kind, nth);
    life_steps[step].turn(life);
    if (!failing_disarm())
        _exit(NONE_LEFT);
    /* A library without memory leaves a connection broken, at most; that the work goes through later is seen where
     * calls fail. */
    _exit(kind == LIBRARY_MEMORY_IS_OUT || ends_well(life, &life_steps[step]) ? WENT_ON : WENT_WRONG);
}

static int end_of(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void fail_each_allocation(struct life_servers *servers, enum failing kind, int first_step)
{
    for (int step = first_step; step < life_step_count; step++) {
        int checked = 0, survived = 0, nth = 1;
        if (step > 0)
            life_renew_database(servers, ++databases);
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
            if (!ended_by_check && !(WIFEXITED(status) && WEXITSTATUS(status) == WENT_ON))
                fail_msg("%s, allocation %d: status %d", life_steps[step].name, nth, status);
            checked += ended_by_check;
            survived += !ended_by_check;
        }
        print_message("%s: %d allocations, %d ended by a check, %d survived\n", life_steps[step].name, nth - 1, checked,
                      survived);
    }
}

static void whichever_allocation_fails_the_program_ends_by_a_check_or_goes_on_well(void **state)
{
    fail_each_allocation(*state, MEMORY_IS_OUT, 0);
}

/* Not in the first step, the import: without memory for the answer to a COPY, libpq 15 takes it for not having arrived
 * yet, and waits for good (getCopyStart in fe-protocol3.c). */
static void whichever_allocation_of_a_library_fails_the_program_ends_by_a_check_or_goes_on_well(void **state)
{
    fail_each_allocation(*state, LIBRARY_MEMORY_IS_OUT, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whichever_allocation_of_a_library_fails_the_program_ends_by_a_check_or_goes_on_well),
        cmocka_unit_test(whichever_allocation_fails_the_program_ends_by_a_check_or_goes_on_well),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
