/* How many devices of a branch may be down at once: a decision table of edge cases. */
#include "orchestrator/rollout/budget.h"
#include "tests/unit/decision_table.h"

#define NONE (-1)

struct budget_case {
    const char *name;
    int64_t machines;
    int64_t most;
    double most_percent;
    bool single_allowed;
    int64_t headroom;
};

static const struct budget_case cases[] = {
    {"no budget is no limit", 5, NONE, NONE, true, INT64_MAX},
    {"no budget is no limit where a single machine may not go down", 1, NONE, NONE, false, INT64_MAX},
    {"a number", 5, 2, NONE, true, 2},
    {"a number beyond the branch's machines stays", 2, 9, NONE, true, 9},
    {"a single machine may go down when that is allowed", 1, 1, NONE, true, 1},
    {"a single machine stays when it is not", 1, 1, NONE, false, 0},
    {"a branch without machines has nothing that may go down either", 0, 1, NONE, false, 0},
    {"a branch without machines has a node, which may go down when single ones may", 0, 1, NONE, true, 1},
    {"two machines are not a single one", 2, 1, NONE, false, 1},
    {"a percentage that comes out even", 20, NONE, 10, true, 2},
    {"a percentage is rounded down", 19, NONE, 10, true, 1},
    {"a percentage that gives less than one machine gives one", 9, NONE, 10, true, 1},
    {"a percentage that gives less than one machine gives none where single ones stay", 9, NONE, 10, false, 0},
    {"exactly one machine by percentage", 10, NONE, 10, false, 1},
    {"a single machine by percentage", 1, NONE, 100, true, 1},
    {"a single machine by percentage where it stays", 1, NONE, 100, false, 0},
    {"half of three is one", 3, NONE, 50, false, 1},
    {"all of them", 3, NONE, 100, false, 3},
};

static void the_branch_has_the_headroom_that_its_row_says(void **state)
{
    const struct budget_case *row = *state;
    const struct branch_budget budget = {
        .most = row->most, .most_percent = row->most_percent, .single_allowed = row->single_allowed};
    assert_int_equal(budget_branch_headroom(&budget, row->machines), row->headroom);
}

static void a_percentage_never_takes_more_than_its_part_or_one_machine(void **state)
{
    (void)state;
    for (int64_t machines = 2; machines <= 200; machines++) {
        for (int percent = 1; percent <= 100; percent++) {
            struct branch_budget budget = {.most = NONE, .most_percent = percent, .single_allowed = false};
            int64_t part = machines * percent / 100;
            assert_int_equal(budget_branch_headroom(&budget, machines), part);
            budget.single_allowed = true;
            assert_int_equal(budget_branch_headroom(&budget, machines), part == 0 ? 1 : part);
        }
    }
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(cases) + 1] = {
        cmocka_unit_test(a_percentage_never_takes_more_than_its_part_or_one_machine),
    };
    size_t count = 1;
    ADD_ROWS(tests, count, cases, the_branch_has_the_headroom_that_its_row_says);
    return _cmocka_run_group_tests("budgets", tests, count, NULL, NULL);
}
