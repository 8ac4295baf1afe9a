/* Why instructions wait: a branch of two machines and its node, and a device without a branch. */
#include "orchestrator/rollout/why.h"
#include "tests/unit/decision_table.h"

#include <string.h>

#define UNLIMITED                                                                                                      \
    {                                                                                                                  \
        .most = -1, .most_percent = -1, .single_allowed = true                                                         \
    }
#define ONE_AT_A_TIME                                                                                                  \
    {                                                                                                                  \
        .most = 1, .most_percent = -1, .single_allowed = true                                                          \
    }

enum { ITEMS_MAX = 6, ACTIVITIES_MAX = 6 };

struct bench {
    struct why_rollout first, second;
    struct why_instruction items[ITEMS_MAX];
    struct why_activity activities[ACTIVITIES_MAX + ITEMS_MAX];
    struct why_place place;
};

static void set_up(struct bench *bench)
{
    *bench = (struct bench){
        .first = {.id = 1,
                  .name = "first",
                  .priority = 50,
                  .state = ROLLOUT_RUNNING,
                  .is_known = true,
                  .budget = ONE_AT_A_TIME,
                  .allowance = INT64_MAX,
                  .held_by = "",
                  .held_reason = ""},
        .place = {.branch = "B1", .machines = 2},
    };
    bench->second = bench->first;
    bench->second.id = 2;
    bench->place.instructions = bench->items;
    bench->place.activities = bench->activities;
}

/* Adds an instruction that is due, in an open group and window. */
static struct why_instruction *add(struct bench *bench, const struct why_rollout *rollout, const char *device)
{
    struct why_instruction *item = &bench->items[bench->place.instruction_count++];
    *item = (struct why_instruction){.id = (int64_t)bench->place.instruction_count,
                                     .rollout = rollout,
                                     .device = device,
                                     .is_node = strcmp(device, "B1") == 0,
                                     .is_shown = true,
                                     .state = CREATED,
                                     .substate = SCHEDULED,
                                     .attempt = 1,
                                     .code = "",
                                     .group_is_open = true,
                                     .group = {.name = "all", .state = GROUP_OPEN},
                                     .is_due = true,
                                     .window_is_open = true,
                                     .before = -1};
    return item;
}

static struct why_activity *use(struct bench *bench, const struct why_rollout *rollout, const char *device)
{
    struct why_activity *activity = &bench->activities[bench->place.activity_count++];
    *activity = (struct why_activity){.device = device, .rollout = rollout, .is_shown = true, .state = INSTALLING};
    return activity;
}

static void expect(const struct why_instruction *item, enum why_verdict verdict, enum why_code code)
{
    if (item->verdict != verdict || item->reason_count == 0 || item->reasons[0].code != code)
        fail_msg("%s: %s, %s", item->device, why_verdict_name(item->verdict),
                 item->reason_count == 0 ? "no reason" : why_code_name(item->reasons[0].code));
}

static void one_machine_starts_and_the_next_waits_for_the_budget_that_it_uses(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    struct why_instruction *a1 = add(&bench, &bench.first, "A1"), *a2 = add(&bench, &bench.first, "A2");
    why_explain(&bench.place);
    expect(a1, WHY_STARTS, WHY_DUE);
    expect(a2, WHY_WAITS, WHY_BRANCH_BUDGET);
    assert_string_equal(a2->reasons[0].activity->device, "A1");
    assert_int_equal(a2->reasons[0].limit, 1);
}

static void what_may_start_before_it_makes_it_uncertain(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.first.per_minute = 10;
    bench.first.allowance = 5;
    struct why_instruction *a1 = add(&bench, &bench.first, "A1"), *a2 = add(&bench, &bench.second, "A2");
    a1->before = 5;
    why_explain(&bench.place);
    expect(a1, WHY_IN_LINE, WHY_RATE);
    expect(a2, WHY_IN_LINE, WHY_BRANCH_BUDGET);
    a1->before = 4;
    bench.place.activity_count = 0;
    why_explain(&bench.place);
    expect(a1, WHY_STARTS, WHY_DUE);
    expect(a2, WHY_WAITS, WHY_BRANCH_BUDGET);
    bench.first.allowance = 0;
    bench.place.activity_count = 0;
    why_explain(&bench.place);
    expect(a1, WHY_WAITS, WHY_RATE);
    expect(a2, WHY_STARTS, WHY_DUE);
}

static void the_tightest_budget_at_work_in_the_branch_counts(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.second.budget = (struct branch_budget)UNLIMITED;
    use(&bench, &bench.first, "A1");
    struct why_instruction *a2 = add(&bench, &bench.second, "A2");
    why_explain(&bench.place);
    expect(a2, WHY_WAITS, WHY_BRANCH_BUDGET);
    bench.activities[0].is_down = true; /* what is out of service counts, and its rollout's budget does not */
    bench.place.activity_count = 1;
    why_explain(&bench.place);
    expect(a2, WHY_STARTS, WHY_DUE);
}

static void a_node_goes_alone_and_last(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.first.budget = (struct branch_budget)UNLIMITED;
    struct why_instruction *node = add(&bench, &bench.first, "B1"), *a1 = add(&bench, &bench.first, "A1");
    why_explain(&bench.place);
    expect(node, WHY_WAITS, WHY_NODE_LAST);
    expect(a1, WHY_STARTS, WHY_DUE);
    a1->is_due = false;
    bench.place.activity_count = 0;
    why_explain(&bench.place);
    expect(node, WHY_STARTS, WHY_DUE);
    a1->is_due = true;
    a1->rollout = &bench.second;
    bench.place.activity_count = 0;
    why_explain(&bench.place);
    expect(node, WHY_STARTS, WHY_DUE);
    expect(a1, WHY_WAITS, WHY_NODE_AT_WORK);
}

static void a_machine_that_was_given_up_is_not_in_its_own_way(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    use(&bench, &bench.first, "A1")->is_doubtful = true;
    struct why_instruction *a1 = add(&bench, &bench.first, "A1"), *a2 = add(&bench, &bench.second, "A2");
    why_explain(&bench.place);
    expect(a1, WHY_STARTS, WHY_DUE);
    expect(a2, WHY_WAITS, WHY_BRANCH_BUDGET);
}

static void machines_out_of_service_are_upgraded_one_at_a_time(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    use(&bench, &bench.first, "A1")->is_down = true;
    use(&bench, &bench.first, "A2")->is_down = true;
    struct why_instruction *a1 = add(&bench, &bench.first, "A1"), *a2 = add(&bench, &bench.first, "A2");
    why_explain(&bench.place);
    expect(a1, WHY_STARTS, WHY_DUE);
    expect(a2, WHY_WAITS, WHY_BRANCH_REPAIR);
}

static void a_branch_whose_budget_is_nothing_has_no_headroom(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.first.budget.single_allowed = false;
    bench.place.machines = 1;
    struct why_instruction *a1 = add(&bench, &bench.first, "A1");
    why_explain(&bench.place);
    expect(a1, WHY_WAITS, WHY_NO_HEADROOM);
}

static void a_device_waits_for_the_rollout_with_precedence(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.first.priority = 60;
    struct why_instruction *high = add(&bench, &bench.first, "A1"), *low = add(&bench, &bench.second, "A1");
    high->window_is_open = false;
    high->window_opens.ms = 1;
    why_explain(&bench.place);
    expect(high, WHY_WAITS, WHY_WINDOW_CLOSED);
    expect(low, WHY_STARTS, WHY_DUE); /* the other is postponed first */

    bench.first.allowance = 0; /* then it is not even looked at */
    bench.place.activity_count = 0;
    why_explain(&bench.place);
    expect(low, WHY_WAITS, WHY_HIGHER_PRIORITY);

    bench.first.allowance = 2;
    bench.place.activity_count = 0;
    why_explain(&bench.place);
    expect(low, WHY_IN_LINE, WHY_HIGHER_PRIORITY);

    high->group_is_open = false;
    bench.place.activity_count = 0;
    why_explain(&bench.place);
    expect(low, WHY_STARTS, WHY_DUE);

    bench.first.preempt = true;
    bench.place.activity_count = 0;
    why_explain(&bench.place);
    expect(low, WHY_WAITS, WHY_HIGHER_PRIORITY);
    assert_ptr_equal(low->reasons[0].other, high);
}

static void a_higher_rollout_that_is_frozen_stands_before_nothing(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.first.priority = 60;
    bench.first.preempt = true;
    struct why_instruction *high = add(&bench, &bench.first, "A1"), *low = add(&bench, &bench.second, "A1");
    high->is_frozen = true;
    high->frozen_by = "ana";
    why_explain(&bench.place);
    expect(high, WHY_WAITS, WHY_FROZEN);
    expect(low, WHY_STARTS, WHY_DUE);
}

static void a_device_without_a_branch_has_no_budget(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.place.branch = "";
    struct why_instruction *one = add(&bench, &bench.first, "L1"), *other = add(&bench, &bench.second, "L1");
    why_explain(&bench.place);
    expect(one, WHY_STARTS, WHY_DUE);
    expect(other, WHY_WAITS, WHY_DEVICE_BUSY);
}

struct waiting_case {
    const char *name;
    enum rollout_state rollout;
    bool is_blocked, is_unknown, is_frozen, is_excluded, is_paused;
    enum group_state group;
    enum group_state waits_for;
    enum instruction_substate substate;
    bool is_early, was_deferred;
    int64_t attempt;
    bool is_closed, has_window;
    enum why_code code;
};

#define RUNS .rollout = ROLLOUT_RUNNING
#define IN_OPEN RUNS, .group = GROUP_OPEN

static const struct waiting_case waiting_cases[] = {
    {"is planned", .rollout = ROLLOUT_ACCEPTED, .code = WHY_ROLLOUT_PLANNING},
    {"awaits approval", .rollout = ROLLOUT_AWAITING_APPROVAL, .code = WHY_ROLLOUT_AWAITING_APPROVAL},
    {"is paused", .rollout = ROLLOUT_PAUSED, .group = GROUP_OPEN, .code = WHY_ROLLOUT_PAUSED},
    {"is cancelled", .rollout = ROLLOUT_CANCELLING, .group = GROUP_OPEN, .code = WHY_ROLLOUT_ENDING},
    {"has ended", .rollout = ROLLOUT_HALTED, .group = GROUP_OPEN, .code = WHY_ROLLOUT_ENDED},
    {"is of a newer version", IN_OPEN, .is_unknown = true, .code = WHY_NEWER_VERSION},
    {"is blocked", IN_OPEN, .is_blocked = true, .code = WHY_VERSION_BLOCKED},
    {"is frozen", IN_OPEN, .is_frozen = true, .code = WHY_FROZEN},
    {"is frozen and early", IN_OPEN, .is_frozen = true, .is_early = true, .code = WHY_FROZEN},
    {"is in a group that a freeze touches", RUNS, .group = GROUP_WAITING, .is_frozen = true, .code = WHY_FROZEN},
    {"is excluded", IN_OPEN, .is_excluded = true, .code = WHY_EXCLUDED},
    {"is in a group that is paused", IN_OPEN, .is_paused = true, .code = WHY_GROUP_PAUSED},
    {"is in a paused group that waits", RUNS, .group = GROUP_WAITING, .is_paused = true, .code = WHY_GROUP_PAUSED},
    {"waits for a group", RUNS, .group = GROUP_WAITING, .waits_for = GROUP_OPEN, .code = WHY_GROUP_WAITING},
    {"waits for a soak", RUNS, .group = GROUP_WAITING, .waits_for = GROUP_SOAKING, .code = WHY_GROUP_SOAKING},
    {"waits for an approver", RUNS, .group = GROUP_WAITING, .waits_for = GROUP_AWAITING_APPROVAL,
     .code = WHY_GROUP_AWAITING_APPROVAL},
    {"waits in vain", RUNS, .group = GROUP_WAITING, .waits_for = GROUP_NOT_REACHED, .code = WHY_GROUP_NOT_REACHED},
    {"is in a group that is lost", RUNS, .group = GROUP_NOT_REACHED, .code = WHY_GROUP_NOT_REACHED},
    {"has no window", IN_OPEN, .substate = NO_WINDOW, .code = WHY_NO_WINDOW},
    {"has none after this one", IN_OPEN, .is_closed = true, .code = WHY_NO_WINDOW},
    {"was deferred just now", IN_OPEN, .substate = DEFERRED, .code = WHY_DEFERRED},
    {"was deferred", IN_OPEN, .is_early = true, .was_deferred = true, .attempt = 2, .code = WHY_DEFERRED},
    {"failed before", IN_OPEN, .is_early = true, .attempt = 2, .code = WHY_BACKOFF},
    {"is early", IN_OPEN, .is_early = true, .code = WHY_SCHEDULED},
    {"was done in a lost time", IN_OPEN, .substate = ADMITTED, .code = WHY_AWAITING_REPORT},
    {"is outside of its window", IN_OPEN, .is_closed = true, .has_window = true, .code = WHY_WINDOW_CLOSED},
};

static void an_order_to_collect_uses_no_machine_and_keeps_its_device_busy(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    use(&bench, &bench.second, "A1");
    struct why_instruction *collect = add(&bench, &bench.first, "A2");
    collect->is_collect = true;
    struct why_instruction *a2 = add(&bench, &bench.second, "A2");
    why_explain(&bench.place);
    expect(collect, WHY_STARTS, WHY_DUE);
    expect(a2, WHY_WAITS, WHY_DEVICE_BUSY);

    set_up(&bench);
    use(&bench, &bench.first, "B1")->is_collect = true;
    struct why_instruction *a1 = add(&bench, &bench.second, "A1"), *b1 = add(&bench, &bench.second, "B1");
    why_explain(&bench.place);
    expect(a1, WHY_STARTS, WHY_DUE);
    expect(b1, WHY_WAITS, WHY_DEVICE_BUSY);
}

static void each_waiting_instruction_has_its_first_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof waiting_cases / sizeof *waiting_cases; i++) {
        const struct waiting_case *row = &waiting_cases[i];
        struct bench bench;
        set_up(&bench);
        bench.first.state = row->rollout;
        bench.first.is_blocked = row->is_blocked;
        bench.first.is_known = !row->is_unknown;
        struct why_instruction *item = add(&bench, &bench.first, row->name);
        item->group.state = row->group;
        item->group.paused_by = row->is_paused ? "ana" : NULL;
        item->group_is_open = row->group == GROUP_OPEN && !row->is_paused;
        item->waits_for = (struct why_group){.name = "pilot", .state = row->waits_for};
        item->is_frozen = row->is_frozen;
        item->frozen_by = row->is_frozen ? "ana" : NULL;
        item->excluded_by = row->is_excluded ? "ana" : NULL;
        item->substate = row->substate;
        item->is_due = !row->is_early;
        item->was_deferred = row->was_deferred;
        item->attempt = row->attempt;
        item->window_is_open = !row->is_closed;
        item->window_opens.ms = row->has_window ? 1 : 0;
        why_explain(&bench.place);
        expect(item, WHY_WAITS, row->code);
    }
}

static void the_promotion_of_a_lost_group_that_waits_for_approvals_is_said_after_it(void **state)
{
    (void)state;
    static const struct {
        enum rollout_state rollout;
        const char *promoted;
        enum why_code codes[3];
        size_t count;
    } rows[] = {
        {ROLLOUT_RUNNING, "pilot", {WHY_GROUP_NOT_REACHED, WHY_PROMOTION_AWAITING_APPROVAL}, 2},
        {ROLLOUT_RUNNING, "other", {WHY_GROUP_NOT_REACHED}, 1},
        {ROLLOUT_RUNNING, NULL, {WHY_GROUP_NOT_REACHED}, 1},
        {ROLLOUT_HALTED, "pilot", {WHY_ROLLOUT_ENDED, WHY_PROMOTION_AWAITING_APPROVAL, WHY_GROUP_NOT_REACHED}, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench bench;
        set_up(&bench);
        bench.first.state = rows[i].rollout;
        bench.first.promoted = rows[i].promoted;
        bench.first.promotion_given = 1;
        bench.first.promotion_needed = 2;
        struct why_instruction item = {.rollout = &bench.first, .group.state = GROUP_WAITING};
        item.waits_for = (struct why_group){.name = "pilot", .state = GROUP_NOT_REACHED};
        why_explain_rollout(&item);
        why_explain_group(&item);
        assert_int_equal(item.reason_count, rows[i].count);
        for (size_t at = 0; at < rows[i].count; at++) {
            assert_int_equal(item.reasons[at].code, rows[i].codes[at]);
            if (rows[i].codes[at] == WHY_PROMOTION_AWAITING_APPROVAL)
                assert_true(item.reasons[at].count == 1 && item.reasons[at].limit == 2);
        }
    }
}

static void what_was_started_has_its_stage(void **state)
{
    (void)state;
    static const struct {
        enum instruction_state state;
        enum instruction_substate substate;
        enum why_verdict verdict;
        enum why_code code;
    } stages[] = {
        {DISPATCHED, ACTIVE, WHY_AT_WORK, WHY_ORDERED},      {DISPATCHED, WITHDRAWING, WHY_AT_WORK, WHY_WITHDRAWN},
        {SENT, ACTIVE, WHY_AT_WORK, WHY_ANSWERED},           {RECEIVED, ACTIVE, WHY_AT_WORK, WHY_PREPARING},
        {RECEIVED, WITHDRAWING, WHY_AT_WORK, WHY_WITHDRAWN}, {INSTALLING, ACTIVE, WHY_AT_WORK, WHY_INSTALLING},
        {FAILED, UNDECIDED, WHY_ENDED, WHY_DECIDING},        {TIMED_OUT, UNDECIDED, WHY_ENDED, WHY_DECIDING},
    };
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        struct bench bench;
        set_up(&bench);
        struct why_instruction *item = add(&bench, &bench.first, "A1");
        item->state = stages[i].state;
        item->substate = stages[i].substate;
        why_explain(&bench.place);
        expect(item, stages[i].verdict, stages[i].code);
    }
}

static void what_was_started_says_who_is_offline_and_until_it_installs_who_is_held(void **state)
{
    (void)state;
    static const struct why_time noon = {.ms = 43200000, .text = "12:00 UTC"};
    static const struct {
        enum instruction_state at;
        const char *device;
        bool device_is_offline, node_is_offline, device_is_held;
        size_t reasons;
        enum why_code first, last;
    } rows[] = {
        {DISPATCHED, "A1", false, false, false, 1, WHY_ORDERED, WHY_ORDERED},
        {DISPATCHED, "A1", false, true, false, 2, WHY_ORDERED, WHY_NODE_OFFLINE},
        {DISPATCHED, "A1", true, true, false, 3, WHY_ORDERED, WHY_DEVICE_OFFLINE},
        {SENT, "A1", true, true, false, 2, WHY_ANSWERED, WHY_DEVICE_OFFLINE},
        {INSTALLING, "B1", true, true, false, 2, WHY_INSTALLING, WHY_NODE_OFFLINE},
        {CREATED, "A1", true, true, false, 1, WHY_DUE, WHY_DUE},
        {CREATED, "A1", false, false, true, 2, WHY_DUE, WHY_DEVICE_HELD},
        {RECEIVED, "A1", true, false, true, 3, WHY_PREPARING, WHY_DEVICE_HELD},
        {INSTALLING, "A1", false, false, true, 1, WHY_INSTALLING, WHY_INSTALLING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench bench;
        set_up(&bench);
        struct why_instruction *item = add(&bench, &bench.first, rows[i].device);
        item->state = rows[i].at;
        item->device_offline = rows[i].device_is_offline ? noon : (struct why_time){0};
        item->device_held_until = rows[i].device_is_held ? noon : (struct why_time){0};
        item->node_offline = rows[i].node_is_offline ? noon : (struct why_time){0};
        why_explain(&bench.place);
        assert_int_equal(item->reason_count, rows[i].reasons);
        assert_int_equal(item->reasons[0].code, rows[i].first);
        assert_int_equal(item->reasons[item->reason_count - 1].code, rows[i].last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_machine_starts_and_the_next_waits_for_the_budget_that_it_uses),
        cmocka_unit_test(what_may_start_before_it_makes_it_uncertain),
        cmocka_unit_test(the_tightest_budget_at_work_in_the_branch_counts),
        cmocka_unit_test(a_node_goes_alone_and_last),
        cmocka_unit_test(a_machine_that_was_given_up_is_not_in_its_own_way),
        cmocka_unit_test(machines_out_of_service_are_upgraded_one_at_a_time),
        cmocka_unit_test(a_branch_whose_budget_is_nothing_has_no_headroom),
        cmocka_unit_test(a_device_waits_for_the_rollout_with_precedence),
        cmocka_unit_test(a_higher_rollout_that_is_frozen_stands_before_nothing),
        cmocka_unit_test(a_device_without_a_branch_has_no_budget),
        cmocka_unit_test(an_order_to_collect_uses_no_machine_and_keeps_its_device_busy),
        cmocka_unit_test(each_waiting_instruction_has_its_first_reason),
        cmocka_unit_test(the_promotion_of_a_lost_group_that_waits_for_approvals_is_said_after_it),
        cmocka_unit_test(what_was_started_has_its_stage),
        cmocka_unit_test(what_was_started_says_who_is_offline_and_until_it_installs_who_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
