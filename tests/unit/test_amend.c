/* What tightens a rollout: a decision table, and that nothing may start by what tightens that might not start before.
 */
#include "orchestrator/rollout/amend.h"
#include "tests/unit/decision_table.h"

#include <stdlib.h>

#define NONE (-1)

struct rate_pair {
    const char *name;
    struct rate_rules before, after;
    int64_t completed;
    bool tightens;
};

static const struct rate_pair rates[] = {
    {"a lower rate", {.per_minute = 60}, {.per_minute = 30}, 0, true},
    {"the same rate", {.per_minute = 60}, {.per_minute = 60}, 0, true},
    {"a higher rate", {.per_minute = 60}, {.per_minute = 61}, 0, false},
    {"a rate where there was none", {.per_minute = 0}, {.per_minute = 1000000}, 0, true},
    {"no rate where there was one", {.per_minute = 60}, {.per_minute = 0}, 0, false},
    {"growth where there was none", {.per_minute = 60}, {.per_minute = 30, .growth = 2, .grow_after = 100}, 0, false},
    {"a steady rate below what a growing one has become",
     {.per_minute = 10, .growth = 2, .grow_after = 100},
     {.per_minute = 40},
     200,
     true},
    {"a steady rate above what a growing one is so far",
     {.per_minute = 10, .growth = 2, .grow_after = 100},
     {.per_minute = 40},
     199,
     false},
    {"slower growth",
     {.per_minute = 10, .growth = 2, .grow_after = 100},
     {.per_minute = 10, .growth = 1.5, .grow_after = 100},
     0,
     true},
    {"later growth",
     {.per_minute = 10, .growth = 2, .grow_after = 100},
     {.per_minute = 10, .growth = 2, .grow_after = 200},
     0,
     true},
    {"earlier growth",
     {.per_minute = 10, .growth = 2, .grow_after = 100},
     {.per_minute = 10, .growth = 2, .grow_after = 99},
     0,
     false},
    {"a cap",
     {.per_minute = 10, .growth = 2, .grow_after = 100},
     {.per_minute = 10, .growth = 2, .grow_after = 100, .maximum_per_minute = 1000},
     0,
     true},
    {"a higher cap",
     {.per_minute = 10, .growth = 2, .grow_after = 100, .maximum_per_minute = 1000},
     {.per_minute = 10, .growth = 2, .grow_after = 100, .maximum_per_minute = 1001},
     0,
     false},
    {"no cap any more",
     {.per_minute = 10, .growth = 2, .grow_after = 100, .maximum_per_minute = 1000},
     {.per_minute = 10, .growth = 2, .grow_after = 100},
     0,
     false},
    {"a lower rate that grows faster",
     {.per_minute = 60, .growth = 1.5, .grow_after = 100},
     {.per_minute = 30, .growth = 2, .grow_after = 100},
     0,
     false},
};

struct budget_pair {
    const char *name;
    struct branch_budget before, after;
    bool tightens;
};

#define COUNT(count)                                                                                                   \
    {                                                                                                                  \
        .most = (count), .most_percent = NONE, .single_allowed = true                                                  \
    }
#define PERCENT(percent)                                                                                               \
    {                                                                                                                  \
        .most = NONE, .most_percent = (percent), .single_allowed = true                                                \
    }
#define PERCENT_SPARING(percent)                                                                                       \
    {                                                                                                                  \
        .most = NONE, .most_percent = (percent), .single_allowed = false                                               \
    }
#define COUNT_SPARING(count)                                                                                           \
    {                                                                                                                  \
        .most = (count), .most_percent = NONE, .single_allowed = false                                                 \
    }

static const struct budget_pair budgets[] = {
    {"fewer machines", COUNT(3), COUNT(2), true},
    {"more machines", COUNT(2), COUNT(3), false},
    {"a budget where there was none", {.most = NONE, .most_percent = NONE, .single_allowed = true}, COUNT(100), true},
    {"no budget where there was one", COUNT(1), {.most = NONE, .most_percent = NONE, .single_allowed = true}, false},
    {"a smaller part", PERCENT(20), PERCENT(10), true},
    {"a larger part", PERCENT(10), PERCENT(20), false},
    {"one machine instead of a part that is at least one", PERCENT(10), COUNT(1), true},
    {"one machine instead of a part that may be none", PERCENT_SPARING(10), COUNT_SPARING(1), false},
    {"two machines instead of a part", PERCENT(50), COUNT(2), false},
    {"a part instead of a number", COUNT(1), PERCENT(1), false},
};

static void a_rate_tightens_when_its_row_says_so(void **state)
{
    const struct rate_pair *row = *state;
    assert_int_equal(amend_rate_tightens(&row->before, &row->after, row->completed), row->tightens);
}

static void a_budget_tightens_when_its_row_says_so(void **state)
{
    const struct budget_pair *row = *state;
    assert_int_equal(amend_budget_tightens(&row->before, &row->after), row->tightens);
}

static void an_end_tightens_unless_it_is_later(void **state)
{
    (void)state;
    assert_true(amend_end_tightens(1000, 1000));
    assert_true(amend_end_tightens(1000, 999));
    assert_true(amend_end_tightens(INT64_MAX, 1000));
    assert_false(amend_end_tightens(1000, 1001));
    assert_false(amend_end_tightens(1000, INT64_MAX));
}

/* ---- random pairs ---- */

enum { PAIRS = 200000, COUNTS = 40, LARGEST_BRANCH = 250 };

static int64_t any(int64_t most)
{
    return random() % (most + 1); /* NOLINT(cert-msc30-c,cert-msc50-cpp): repeatable */
}

static struct rate_rules any_rate(void)
{
    static const double growths[] = {1, 1.1, 1.5, 2, 10};
    return (struct rate_rules){.per_minute = any(6) * any(6),
                               .growth = growths[any(4)],
                               .grow_after = any(3) * 10,
                               .maximum_per_minute = any(2) * any(40)};
}

static void no_rate_that_tightens_ever_lets_more_start(void **state)
{
    (void)state;
    int64_t tightening = 0;
    srandom(37); /* NOLINT(cert-msc51-cpp) */
    for (int i = 0; i < PAIRS; i++) {
        const struct rate_rules before = any_rate(), after = any_rate();
        int64_t completed = any(100);
        if (!amend_rate_tightens(&before, &after, completed))
            continue;
        tightening++;
        for (int64_t later = completed; later < completed + COUNTS; later++) {
            int64_t old = rate_now(&before, later), new = rate_now(&after, later);
            assert_true(old == 0 || (new != 0 && new <= old));
        }
    }
    assert_true(tightening > PAIRS / 10);
}

static struct branch_budget any_budget(bool single_allowed)
{
    int64_t way = any(8);
    return (struct branch_budget){.most = way == 0 || way > 4 ? NONE : 1 + any(4),
                                  .most_percent = way > 4 ? (double)any(1000) / 10 : NONE,
                                  .single_allowed = single_allowed};
}

static void no_budget_that_tightens_gives_any_branch_more_headroom(void **state)
{
    (void)state;
    int64_t tightening = 0;
    srandom(38); /* NOLINT(cert-msc51-cpp) */
    for (int i = 0; i < PAIRS / 10; i++) {
        bool single_allowed = any(1) == 1;
        const struct branch_budget before = any_budget(single_allowed), after = any_budget(single_allowed);
        if (!amend_budget_tightens(&before, &after))
            continue;
        tightening++;
        for (int64_t machines = 0; machines <= LARGEST_BRANCH; machines++)
            assert_true(budget_branch_headroom(&after, machines) <= budget_branch_headroom(&before, machines));
    }
    assert_true(tightening > PAIRS / 100);
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(rates) + COUNT_OF(budgets) + 3] = {
        cmocka_unit_test(an_end_tightens_unless_it_is_later),
        cmocka_unit_test(no_rate_that_tightens_ever_lets_more_start),
        cmocka_unit_test(no_budget_that_tightens_gives_any_branch_more_headroom),
    };
    size_t count = 3;
    ADD_ROWS(tests, count, rates, a_rate_tightens_when_its_row_says_so);
    ADD_ROWS(tests, count, budgets, a_budget_tightens_when_its_row_says_so);
    return _cmocka_run_group_tests("amendments", tests, count, NULL, NULL);
}
