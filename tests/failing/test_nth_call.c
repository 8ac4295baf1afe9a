/* The nth call of libpq, hiredis or paho fails, for every n until none is left, in each step of a rollout's life: the
 * part that meets it neither ends nor loses the work, and the same work given again goes through. */
#include "tests/failing/failing.h"
#include "tests/failing/life.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CALLS_MAX = 200 };

struct fixture {
    struct life_servers servers;
    struct life *life;
    int rollouts;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    life_start_servers(&fixture->servers);
    fixture->life = life_open(&fixture->servers);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    life_close(fixture->life);
    life_remove_servers(&fixture->servers);
    free(fixture);
    return 0;
}

static void take_step(struct life *life, const struct life_step *step)
{
    step->turn(life);
    WAIT_FOR(step->is_done(life) || (step->turn(life), false));
}

/* True when a call was left to fail. */
static bool live_with(struct fixture *fixture, int failing_step, enum failing kind, int nth)
{
    struct life *life = fixture->life;
    bool failed = false;
    life_begin_rollout(life, ++fixture->rollouts);
    for (int i = 0; i < life_step_count; i++) {
        if (i == failing_step) {
            failing_arm(kind, nth);
            life_steps[i].turn(life);
            failed = failing_disarm();
        }
        take_step(life, &life_steps[i]);
    }
    return failed;
}

static void fail_each_call(struct fixture *fixture, enum failing first, enum failing last)
{
    for (int step = 0; step < life_step_count; step++) {
        for (int kind = (int)first; kind <= (int)last; kind++) {
            int nth = 1;
            while (live_with(fixture, step, (enum failing)kind, nth))
                assert_true(++nth < CALLS_MAX);
            print_message("%s: %s at each of %d calls\n", life_steps[step].name, failing_names[kind], nth - 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whichever_call_of_the_cache_fails_the_rollout_ends_well),
        cmocka_unit_test(whichever_message_is_not_taken_by_the_broker_the_rollout_ends_well),
        cmocka_unit_test(whichever_call_of_the_database_fails_the_rollout_ends_well),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
