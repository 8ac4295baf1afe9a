/* Coalescing a batch of reports: the furthest of each instruction stays. */
#include "orchestrator/updater/coalesce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct report_row report(int64_t instruction, int attempt, enum instruction_event event, int sequence)
{
    return (struct report_row){.instruction = instruction, .attempt = attempt, .event = event, .sequence = sequence};
}

static void the_furthest_report_of_each_instruction_is_kept(void **state)
{
    (void)state;
    const struct report_row reports[] = {
        report(7, 1, ON_ANSWERED, 0), report(8, 1, ON_ANSWERED, 0),  report(7, 1, ON_RECEIVED, 1),
        report(8, 1, ON_RECEIVED, 1), report(7, 1, ON_COMPLETED, 3), report(7, 1, ON_INSTALLING, 2),
    };
    size_t furthest[6], place[6];
    struct coalescer *coalescer = coalesce_open(6);
    assert_int_equal(coalesce_batch(coalescer, reports, 6, furthest, place), 2);
    assert_int_equal(furthest[0], 4);
    assert_int_equal(furthest[1], 3);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(reports[furthest[place[i]]].instruction, reports[i].instruction);
    coalesce_free(coalescer);
}

static void a_later_attempt_is_further_than_any_state_of_an_earlier_one(void **state)
{
    (void)state;
    const struct report_row failed = report(7, 1, ON_FAILED, 9), sent = report(7, 2, ON_ANSWERED, 0);
    assert_true(report_is_further(&sent, &failed));
    assert_false(report_is_further(&failed, &sent));
}

static void a_completed_is_further_than_anything_else_of_any_attempt(void **state)
{
    (void)state;
    const struct report_row completed = report(7, 1, ON_COMPLETED, 3);
    const struct report_row others[] = {report(7, 1, ON_FAILED, 9), report(7, 2, ON_ANSWERED, 0),
                                        report(7, 2, ON_FAILED, 9)};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(report_is_further(&completed, &others[i]));
        assert_false(report_is_further(&others[i], &completed));
    }
}

static void what_another_device_says_of_an_instruction_stands_apart(void **state)
{
    (void)state;
    struct report_row reports[] = {report(7, 1, ON_RECEIVED, 1), report(7, 9, ON_COMPLETED, 9),
                                   report(7, 1, ON_FAILED, 2)};
    memcpy(reports[0].device, "A1", sizeof "A1");
    memcpy(reports[1].device, "A2", sizeof "A2");
    memcpy(reports[2].device, "A1", sizeof "A1");
    size_t furthest[3], place[3];
    struct coalescer *coalescer = coalesce_open(3);
    assert_int_equal(coalesce_batch(coalescer, reports, 3, furthest, place), 2);
    assert_int_equal(furthest[place[0]], 2);
    assert_int_equal(furthest[place[1]], 1);
    assert_int_equal(place[2], place[0]);
    coalesce_free(coalescer);
}

static void of_two_reports_of_a_stage_the_later_in_sequence_is_kept(void **state)
{
    (void)state;
    const struct report_row early = report(7, 1, ON_INSTALLING, 2), late = report(7, 1, ON_INSTALLING, 3);
    assert_true(report_is_further(&late, &early));
    assert_false(report_is_further(&early, &late));
    assert_false(report_is_further(&early, &early));
}

static void a_full_batch_of_instructions_that_hash_alike_is_coalesced_rightly(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static struct report_row reports[2 * COUNT];
    static size_t furthest[2 * COUNT], place[2 * COUNT];
    for (int i = 0; i < COUNT; i++) {
        reports[i] = report((int64_t)i << 32, 1, ON_ANSWERED, 0);
        reports[COUNT + i] = report((int64_t)i << 32, 1, ON_RECEIVED, 1);
    }
    const size_t count = sizeof reports / sizeof *reports;
    struct coalescer *coalescer = coalesce_open(count);
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(coalesce_batch(coalescer, reports, count, furthest, place), COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(place[i], place[COUNT + i]);
            assert_int_equal(furthest[place[i]], COUNT + i);
        }
    }
    coalesce_free(coalescer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_furthest_report_of_each_instruction_is_kept),
        cmocka_unit_test(a_later_attempt_is_further_than_any_state_of_an_earlier_one),
        cmocka_unit_test(a_completed_is_further_than_anything_else_of_any_attempt),
        cmocka_unit_test(what_another_device_says_of_an_instruction_stands_apart),
        cmocka_unit_test(of_two_reports_of_a_stage_the_later_in_sequence_is_kept),
        cmocka_unit_test(a_full_batch_of_instructions_that_hash_alike_is_coalesced_rightly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
