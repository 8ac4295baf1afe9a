/* Makes the nth call of libpq, hiredis or paho fail, for every n until none is left, in each step of a rollout's
 * lifecycle. The part that made the call neither ends nor loses the work, and the same work succeeds when it is
 * repeated. The same in requests to steer a rollout, in what the conductor does for them, and in the webhook that gets
 * their events. */
#include "tests/failing/failing.h"
#include "tests/failing/rollout_lifecycle.h"
#include "tests/failing/steering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EXIT_USAGE = 2, CALLS_MAX = 200 };

struct fixture {
    struct rollout_lifecycle_servers servers;
    struct rollout_lifecycle *lifecycle;
    int rollouts;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    rollout_lifecycle_start_servers(&fixture->servers);
    fixture->lifecycle = rollout_lifecycle_open(&fixture->servers);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    rollout_lifecycle_close(fixture->lifecycle);
    rollout_lifecycle_remove_servers(&fixture->servers);
    free(fixture);
    return 0;
}

static void take_step(struct rollout_lifecycle *lifecycle, const struct rollout_lifecycle_step *step)
{
    step->turn(lifecycle);
    WAIT_FOR(step->is_done(lifecycle) || (step->turn(lifecycle), false));
}

/* Returns true when there was a call to fail. */
static bool live_with(struct fixture *fixture, int failing_step, enum failing kind, int nth)
{
    struct rollout_lifecycle *lifecycle = fixture->lifecycle;
    bool failed = false;
    rollout_lifecycle_begin_rollout(lifecycle, ++fixture->rollouts, failing_step == 0);
    for (int i = 0; i < rollout_lifecycle_step_count; i++) {
        if (i == failing_step) {
            failing_arm(kind, nth);
            rollout_lifecycle_steps[i].turn(lifecycle);
            failed = failing_disarm();
        }
        take_step(lifecycle, &rollout_lifecycle_steps[i]);
    }
    return failed;
}

static void fail_each_call(struct fixture *fixture, enum failing first, enum failing last)
{
    for (int step = 0; step < rollout_lifecycle_step_count; step++) {
        for (int kind = (int)first; kind <= (int)last; kind++) {
            int nth = 1;
            while (live_with(fixture, step, (enum failing)kind, nth))
                assert_true(++nth < CALLS_MAX);
            print_message("%s: %s at each of %d calls\n", rollout_lifecycle_steps[step].name, failing_names[kind],
                          nth - 1);
        }
    }
}

static void whichever_call_of_the_database_fails_the_rollout_ends_well(void **state)
{
    fail_each_call(*state, DATABASE_GOES_BEFORE, DATABASE_HAS_NO_RESULT);
}

static void whichever_call_of_the_cache_fails_the_rollout_ends_well(void **state)
{
    fail_each_call(*state, CACHE_GOES_BEFORE, CACHE_REFUSES);
}

static void whichever_message_is_not_taken_by_the_broker_the_rollout_ends_well(void **state)
{
    fail_each_call(*state, BROKER_REFUSES, BROKER_REFUSES);
}

static void whichever_call_of_the_database_fails_a_request_to_steer_has_its_effect_once(void **state)
{
    struct fixture *fixture = *state;
    struct steering *steering = steering_open(fixture->lifecycle, fixture->rollouts);
    for (int i = 0; i < steering_case_count; i++) {
        for (int kind = 0; kind < FAILING_KINDS; kind++) {
            int nth = 1;
            if ((steering_cases[i].ways & 1u << kind) == 0)
                continue;
            while (steering_fail(steering, &steering_cases[i], (enum failing)kind, nth))
                assert_true(++nth < CALLS_MAX);
            print_message("%s: %s at each of %d calls\n", steering_cases[i].name, failing_names[kind], nth - 1);
        }
    }
    steering_close(steering);
}

/* test_nth_call rollout|steering: two parts that can run in parallel. */
int main(int count, char **words)
{
    const struct CMUnitTest rollout[] = {
        cmocka_unit_test(whichever_call_of_the_cache_fails_the_rollout_ends_well),
        cmocka_unit_test(whichever_message_is_not_taken_by_the_broker_the_rollout_ends_well),
        cmocka_unit_test(whichever_call_of_the_database_fails_the_rollout_ends_well),
    };
    const struct CMUnitTest steering[] = {
        cmocka_unit_test(whichever_call_of_the_database_fails_a_request_to_steer_has_its_effect_once),
    };
    if (count == 2 && strcmp(words[1], "rollout") == 0)
        return cmocka_run_group_tests(rollout, set_up, tear_down);
    if (count == 2 && strcmp(words[1], "steering") == 0)
        return cmocka_run_group_tests(steering, set_up, tear_down);
    (void)fputs("test_nth_call rollout|steering\n", stderr);
    return EXIT_USAGE;
}
