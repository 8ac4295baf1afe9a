#include "clients/agent/enrolment/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define BEGINS INT64_C(1796400000000)
#define ISSUED (BEGINS + 5 * MINUTE)
#define EXPIRES (ISSUED + 90 * DAY)
#define YEAR_1990 INT64_C(631152000000)
#define YEAR_2046 INT64_C(2398377600000)

static struct enrolment_facts facts_at(int64_t now_ms)
{
    return (struct enrolment_facts){.has_certificate = true,
                                    .begins_ms = BEGINS,
                                    .expires_ms = EXPIRES,
                                    .is_time_proven = true,
                                    .now_ms = now_ms,
                                    .clock_ms = HOUR};
}

static enum enrolment_step at(int64_t now_ms)
{
    struct enrolment_facts facts = facts_at(now_ms);
    return enrolment_decide(&facts);
}

static enum enrolment_step at_unproven(int64_t now_ms, int64_t since_start_ms)
{
    struct enrolment_facts facts = facts_at(now_ms);
    facts.is_time_proven = false;
    facts.clock_ms = facts.started_ms + since_start_ms;
    return enrolment_decide(&facts);
}

static void a_certificate_is_renewed_from_two_thirds_of_its_validity_to_five_sixths(void **state)
{
    (void)state;
    assert_int_equal(enrolment_renew_at_ms(BEGINS, EXPIRES, 0), ISSUED + 60 * DAY);
    assert_int_equal(enrolment_renew_at_ms(BEGINS, EXPIRES, ENROLMENT_SPREAD / 2), ISSUED + 67 * DAY + 12 * HOUR);
    assert_in_range(enrolment_renew_at_ms(BEGINS, EXPIRES, ENROLMENT_SPREAD - 1), ISSUED + 74 * DAY, ISSUED + 75 * DAY);
    assert_int_equal(at(ISSUED + 60 * DAY - 1), ENROLMENT_WAIT);
    assert_int_equal(at(ISSUED + 60 * DAY), ENROLMENT_BY_CERTIFICATE);
    assert_int_equal(at(EXPIRES - 1), ENROLMENT_BY_CERTIFICATE);
}

static void the_minutes_by_which_a_certificate_begins_early_do_not_count(void **state)
{
    (void)state;
    int64_t expires_ms = ISSUED + 30000;
    assert_int_equal(enrolment_renew_at_ms(BEGINS, expires_ms, 0), ISSUED + 20000);
}

static void without_a_certificate_a_code_is_needed_and_is_used_at_once(void **state)
{
    (void)state;
    struct enrolment_facts facts = {0};
    assert_int_equal(enrolment_decide(&facts), ENROLMENT_NEEDS_CODE);
    facts.has_code = true;
    assert_int_equal(enrolment_decide(&facts), ENROLMENT_BY_CODE);
}

static void an_expired_certificate_needs_a_code(void **state)
{
    (void)state;
    struct enrolment_facts facts = facts_at(EXPIRES);
    assert_int_equal(enrolment_decide(&facts), ENROLMENT_NEEDS_CODE);
    facts.has_code = true;
    assert_int_equal(enrolment_decide(&facts), ENROLMENT_BY_CODE);
}

static void a_code_is_used_although_the_certificate_is_valid(void **state)
{
    (void)state;
    struct enrolment_facts facts = facts_at(ISSUED);
    facts.has_code = true;
    assert_int_equal(enrolment_decide(&facts), ENROLMENT_BY_CODE);
}

static void a_machine_s_clock_within_the_validity_counts_until_answers_prove_the_time(void **state)
{
    (void)state;
    assert_int_equal(at_unproven(ISSUED + 59 * DAY, 0), ENROLMENT_WAIT);
    assert_int_equal(at_unproven(ISSUED + 60 * DAY, 0), ENROLMENT_BY_CERTIFICATE);
}

static void a_clock_that_is_decades_wrong_waits_for_proof_and_then_the_server_decides(void **state)
{
    (void)state;
    assert_int_equal(at_unproven(YEAR_1990, 25 * HOUR - 1), ENROLMENT_WAIT);
    assert_int_equal(at_unproven(YEAR_1990, 25 * HOUR), ENROLMENT_BY_CERTIFICATE);
    assert_int_equal(at_unproven(YEAR_2046, 25 * HOUR - 1), ENROLMENT_NEEDS_CODE);
    assert_int_equal(at_unproven(YEAR_2046, 25 * HOUR), ENROLMENT_BY_CERTIFICATE);
    assert_int_equal(at(YEAR_1990), ENROLMENT_WAIT);
    assert_int_equal(at(YEAR_2046), ENROLMENT_NEEDS_CODE);
}

static void a_clock_that_runs_ahead_does_not_renew_again_and_again(void **state)
{
    (void)state;
    struct enrolment_facts facts = facts_at(ISSUED + 80 * DAY);
    facts.is_time_proven = false;
    facts.is_taken = true;
    facts.taken_ms = HOUR;
    facts.clock_ms = HOUR + 45 * DAY - 1;
    assert_int_equal(enrolment_decide(&facts), ENROLMENT_WAIT);
    facts.clock_ms = HOUR + 45 * DAY;
    assert_int_equal(enrolment_decide(&facts), ENROLMENT_BY_CERTIFICATE);
}

static void tries_come_apart_up_to_a_maximum_and_half_of_the_delay_is_random(void **state)
{
    (void)state;
    assert_int_equal(enrolment_retry_ms(10000, HOUR, 1, 0), 5000);
    assert_int_equal(enrolment_retry_ms(10000, HOUR, 1, 5000), 10000);
    assert_int_equal(enrolment_retry_ms(10000, HOUR, 3, 0), 20000);
    assert_int_equal(enrolment_retry_ms(10000, HOUR, 4000000000U, 0), HOUR / 2);
    assert_in_range(enrolment_retry_ms(10000, HOUR, 60, UINT32_MAX), HOUR / 2, HOUR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_renewed_from_two_thirds_of_its_validity_to_five_sixths),
        cmocka_unit_test(the_minutes_by_which_a_certificate_begins_early_do_not_count),
        cmocka_unit_test(without_a_certificate_a_code_is_needed_and_is_used_at_once),
        cmocka_unit_test(an_expired_certificate_needs_a_code),
        cmocka_unit_test(a_code_is_used_although_the_certificate_is_valid),
        cmocka_unit_test(a_machine_s_clock_within_the_validity_counts_until_answers_prove_the_time),
        cmocka_unit_test(a_clock_that_is_decades_wrong_waits_for_proof_and_then_the_server_decides),
        cmocka_unit_test(a_clock_that_runs_ahead_does_not_renew_again_and_again),
        cmocka_unit_test(tries_come_apart_up_to_a_maximum_and_half_of_the_delay_is_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
