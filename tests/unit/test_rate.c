/* The rate of a rollout as it grows: a decision table of edge cases. */
#include "orchestrator/rollout/rate.h"
#include "tests/unit/decision_table.h"

struct rate_case {
    const char *name;
    struct rate_rules rules;
    int64_t completed;
    int64_t rate;
};

static const struct rate_case cases[] = {
    {"no rate is no limit", {.growth = 2, .grow_after = 1, .maximum_per_minute = 5}, 100, 0},
    {"a rate that does not grow", {.per_minute = 60, .growth = 1}, 1000000, 60},
    {"growth without a step does not grow", {.per_minute = 60, .growth = 1.5}, 1000000, 60},
    {"a step without growth does not grow", {.per_minute = 60, .growth = 1, .grow_after = 1}, 1000000, 60},
    {"nothing completed yet", {.per_minute = 60, .growth = 1.5, .grow_after = 100}, 0, 60},
    {"one before the first step", {.per_minute = 60, .growth = 1.5, .grow_after = 100}, 99, 60},
    {"exactly at the first step", {.per_minute = 60, .growth = 1.5, .grow_after = 100}, 100, 90},
    {"the second step", {.per_minute = 60, .growth = 1.5, .grow_after = 100}, 200, 135},
    {"a rate is rounded down", {.per_minute = 5, .growth = 1.5, .grow_after = 10}, 10, 7},
    {"small steps grow by what they are, not by what was rounded",
     {.per_minute = 1, .growth = 1.5, .grow_after = 10},
     40,
     5},
    {"the cap", {.per_minute = 60, .growth = 10, .grow_after = 1, .maximum_per_minute = 1000}, 50, 1000},
    {"exactly the cap", {.per_minute = 10, .growth = 10, .grow_after = 1, .maximum_per_minute = 1000}, 2, 1000},
    {"a cap below the first rate holds from the beginning",
     {.per_minute = 60, .growth = 2, .grow_after = 10, .maximum_per_minute = 30},
     0,
     30},
    {"without a cap it ends where no fleet is", {.per_minute = 60, .growth = 10, .grow_after = 1}, 1000000, 1000000000},
};

static void the_rate_is_what_its_row_says(void **state)
{
    const struct rate_case *row = *state;
    assert_int_equal(rate_now(&row->rules, row->completed), row->rate);
}

static void a_growing_rate_never_falls(void **state)
{
    (void)state;
    const struct rate_rules rules = {.per_minute = 3, .growth = 1.1, .grow_after = 7, .maximum_per_minute = 500};
    int64_t before = 0;
    for (int64_t completed = 0; completed < 2000; completed++) {
        int64_t rate = rate_now(&rules, completed);
        assert_true(rate >= before && rate <= 500);
        before = rate;
    }
    assert_int_equal(before, 500);
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(cases) + 1] = {cmocka_unit_test(a_growing_rate_never_falls)};
    size_t count = 1;
    ADD_ROWS(tests, count, cases, the_rate_is_what_its_row_says);
    return _cmocka_run_group_tests("rates", tests, count, NULL, NULL);
}
