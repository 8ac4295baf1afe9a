/* The pure parts of the simulated fleet: behaviour, counters and timers. */
#include "base/file.h"
#include "document_check.h"
#include "tests/fleet/behaviour.h"
#include "tests/fleet/execution_log.h"
#include "tests/fleet/latency.h"
#include "tests/fleet/timer_queue.h"
#include "tests/fleet/version_set.h"

#include <stdio.h>

enum { DEVICES = 10000 };

static struct behaviours *parse(const char *text)
{
    struct behaviours *behaviours;
    struct document_faults faults = {0};
    enum tc_error error = behaviours_parse(text, strlen(text), &behaviours, &faults);
    struct buffer all = {0};
    document_faults_print(&faults, "behaviour", &all);
    if (error != TC_OK)
        print_error("%s", buffer_text(&all));
    buffer_free(&all);
    document_faults_free(&faults);
    assert_int_equal(error, TC_OK);
    return behaviours;
}

static void without_a_file_every_device_does_what_it_is_told_at_once(void **state)
{
    (void)state;
    struct behaviours *behaviours = parse("");
    const struct behaviour *behaviour = behaviours_find(behaviours, ROLE_ATM, "B1", "B1-A1");
    assert_int_equal(behaviour->receive.most_ms, 0);
    assert_int_equal(behaviour->install.most_ms, 0);
    assert_int_equal(behaviour->failure_parts, 0);
    assert_int_equal(behaviour->crash_parts, 0);
    assert_int_equal(behaviour->silence, SILENT_NEVER);
    assert_int_equal(behaviour->duplicates, 1);
    assert_int_equal(behaviour->lost_parts, 0);
    assert_int_equal(behaviour->late_parts, 0);
    assert_int_equal(behaviour->ask_qos, 0);
    assert_false(behaviour->forgetful);
    behaviours_free(behaviours);
}

static void every_key_of_a_rule_reaches_the_devices_that_fit(void **state)
{
    (void)state;
    struct behaviours *behaviours = parse("seed: 7\n"
                                          "rules:\n"
                                          "  - match: {role: atm, branch: 'B0*', device: '*-A1'}\n"
                                          "    receive: {min: 10ms, max: 50ms}\n"
                                          "    install: {min: 1s}\n"
                                          "    installReports: 3\n"
                                          "    failure: {rate: 12.5, code: disk_full}\n"
                                          "    outOfService: 2.5\n"
                                          "    crash: {rate: 5%, for: 4s}\n"
                                          "    reject: policy\n"
                                          "    defer: 2\n"
                                          "    version: 0.0.1\n"
                                          "    silent: afterReceived\n"
                                          "    offline: {after: 5s, for: 30s}\n"
                                          "    duplicates: 4\n"
                                          "    lostReplies: 20\n"
                                          "    lateReplies: {rate: 30, by: 600ms}\n"
                                          "    confirmAll: true\n"
                                          "    forgetful: true\n"
                                          "    askQos: 1\n"
                                          "    askOnConnect: never\n"
                                          "    askAgain: 700ms\n"
                                          "    resend: 900ms\n");
    const struct behaviour *behaviour = behaviours_find(behaviours, ROLE_ATM, "B01", "B01-A1");
    assert_int_equal(behaviour->receive.least_ms, 10);
    assert_int_equal(behaviour->receive.most_ms, 50);
    assert_int_equal(behaviour->install.least_ms, 1000);
    assert_int_equal(behaviour->install.most_ms, 1000);
    assert_int_equal(behaviour->install_reports, 3);
    assert_int_equal(behaviour->failure_parts, 125000);
    assert_string_equal(behaviour->failure_code, "disk_full");
    assert_int_equal(behaviour->out_of_service_parts, 25000);
    assert_int_equal(behaviour->crash_parts, 50000);
    assert_int_equal(behaviour->crash_for_ms, 4000);
    assert_string_equal(behaviour->reject_code, "policy");
    assert_int_equal(behaviour->defer_times, 2);
    assert_string_equal(behaviour->version, "0.0.1");
    assert_int_equal(behaviour->silence, SILENT_AFTER_RECEIVED);
    assert_int_equal(behaviour->offline_after_ms, 5000);
    assert_int_equal(behaviour->offline_for_ms, 30000);
    assert_int_equal(behaviour->duplicates, 4);
    assert_int_equal(behaviour->lost_parts, 200000);
    assert_int_equal(behaviour->late_parts, 300000);
    assert_int_equal(behaviour->late_by_ms, 600);
    assert_true(behaviour->confirm_all);
    assert_true(behaviour->forgetful);
    assert_int_equal(behaviour->ask_qos, 1);
    assert_int_equal(behaviour->ask_on_connect, ASK_NEVER);
    assert_int_equal(behaviour->ask_again_ms, 700);
    assert_int_equal(behaviour->resend_ms, 900);

    const struct behaviour *others[] = {
        behaviours_find(behaviours, ROLE_PULL, "B01", "B01-A1"),
        behaviours_find(behaviours, ROLE_ATM, "B11", "B11-A1"),
        behaviours_find(behaviours, ROLE_ATM, "B01", "B01-A2"),
        behaviours_find(behaviours, ROLE_PULL, NULL, "P1"),
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(others[i]->duplicates, 1);
    behaviours_free(behaviours);
}

static void the_first_rule_that_fits_holds(void **state)
{
    (void)state;
    struct behaviours *behaviours = parse("rules:\n"
                                          "  - {match: {device: A1}, duplicates: 2}\n"
                                          "  - {match: {device: 'A*'}, duplicates: 3}\n"
                                          "  - {match: {device: A1}, duplicates: 4}\n");
    assert_int_equal(behaviours_find(behaviours, ROLE_ATM, "B", "A1")->duplicates, 2);
    assert_int_equal(behaviours_find(behaviours, ROLE_ATM, "B", "A2")->duplicates, 3);
    assert_int_equal(behaviours_find(behaviours, ROLE_ATM, "B", "C")->duplicates, 1);
    behaviours_free(behaviours);
}

static size_t count_matched(const struct behaviours *behaviours)
{
    size_t matched = 0;
    for (int i = 0; i < DEVICES; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "A%d", i);
        matched += behaviours_find(behaviours, ROLE_ATM, "B", id)->duplicates == 2;
    }
    return matched;
}

static void a_percentage_takes_about_that_share_of_devices_and_the_same_ones_each_time(void **state)
{
    (void)state;
    const char *text = "seed: 3\nrules: [{match: {percentage: 10}, duplicates: 2}]\n";
    struct behaviours *once = parse(text), *again = parse(text);
    struct behaviours *other = parse("seed: 4\nrules: [{match: {percentage: 10}, duplicates: 2}]\n");
    assert_in_range(count_matched(once), DEVICES / 10 - 150, DEVICES / 10 + 150);
    size_t same = 0;
    for (int i = 0; i < DEVICES; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "A%d", i);
        int64_t duplicates = behaviours_find(once, ROLE_ATM, "B", id)->duplicates;
        assert_int_equal(duplicates, behaviours_find(again, ROLE_ATM, "B", id)->duplicates);
        same += duplicates == 2 && behaviours_find(other, ROLE_ATM, "B", id)->duplicates == 2;
    }
    assert_in_range(same, 0, DEVICES / 20);
    behaviours_free(once);
    behaviours_free(again);
    behaviours_free(other);
}

static void draws_keep_to_their_share_and_their_span_and_do_not_depend_on_each_other(void **state)
{
    (void)state;
    struct behaviours *behaviours = parse("seed: 5\n");
    const struct span span = {100, 199};
    size_t failures = 0, crashes = 0, both = 0, early = 0;
    for (int i = 1; i <= DEVICES; i++) {
        bool fails = behaviours_draw(behaviours, DRAW_FAILURE, "A1", i, 1, FULL_PARTS / 4);
        bool is_crash = behaviours_draw(behaviours, DRAW_CRASH, "A1", i, 1, FULL_PARTS / 4);
        int64_t delay_ms = behaviours_draw_ms(behaviours, DRAW_INSTALL, "A1", i, 1, &span);
        assert_in_range(delay_ms, 100, 199);
        failures += fails;
        crashes += is_crash;
        both += fails && is_crash;
        early += delay_ms < 150;
    }
    assert_in_range(failures, DEVICES / 4 - 200, DEVICES / 4 + 200);
    assert_in_range(crashes, DEVICES / 4 - 200, DEVICES / 4 + 200);
    assert_in_range(both, DEVICES / 16 - 150, DEVICES / 16 + 150);
    assert_in_range(early, DEVICES / 2 - 250, DEVICES / 2 + 250);
    assert_false(behaviours_draw(behaviours, DRAW_FAILURE, "A1", 1, 1, 0));
    assert_true(behaviours_draw(behaviours, DRAW_FAILURE, "A1", 1, 1, FULL_PARTS));
    behaviours_free(behaviours);
}

static void a_fault_in_a_behaviour_file_is_reported_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *detail;
    } cases[] = {
        {"rules:\n  - {^instal: {min: 1s}}\n", "rules[0].instal", "did you mean install?"},
        {"rules:\n  - {install: {min: ^1x}}\n", "rules[0].install.min", "a duration"},
        {"rules:\n  - {install: {min: ^25h}}\n", "rules[0].install.min", "0 to 86400000 ms"},
        {"rules:\n  - {install: ^{min: 2s, max: 1s}}\n", "rules[0].install", "max is less than its min"},
        {"rules:\n  - {silent: ^sometimes}\n", "rules[0].silent", "one of never"},
        {"rules:\n  - {duplicates: ^0}\n", "rules[0].duplicates", "1 to 100"},
        {"rules:\n  - {match: {percentage: ^101}}\n", "rules[0].match.percentage", "100"},
        {"rules:\n  - {match: {role: ^teller}}\n", "rules[0].match.role", "one of any"},
        {"rules:\n  - {offline: ^{after: 1s}}\n", "rules[0].offline.for", "is required"},
        {"seed: ^x\n", "seed", "found \"x\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct marked_text marked = marked_text(cases[i].text);
        struct document_faults faults = {0};
        struct behaviours *behaviours;
        assert_int_equal(behaviours_parse(buffer_text(&marked.text), marked.text.length, &behaviours, &faults),
                         TC_INVALID);
        assert_null(behaviours);
        assert_one_fault(&faults, &marked, cases[i].path, cases[i].detail);
        document_faults_free(&faults);
        buffer_free(&marked.text);
    }
}

static void the_example_of_a_behaviour_file_is_right(void **state)
{
    (void)state;
    struct buffer text = {0};
    assert_int_equal(file_read("tests/fleet/behaviours/ordinary.yaml", 65536, &text, NULL), TC_OK);
    behaviours_free(parse(buffer_text(&text)));
    buffer_free(&text);
}

static void an_attempt_that_runs_twice_is_a_double_execution(void **state)
{
    (void)state;
    struct execution_log log = {0};
    struct execution *execution = execution_log_add(&log, 77, 1);
    assert_false(execution_log_begin(&log, execution).is_double);
    struct execution_verdict verdict = execution_log_begin(&log, execution);
    assert_true(verdict.is_double);
    assert_false(verdict.is_after_completed);
    assert_int_equal(execution->times, 2);
    execution_log_free(&log);
}

static void a_new_attempt_after_a_completed_one_is_told_from_one_after_a_failure(void **state)
{
    (void)state;
    struct execution_log log = {0};
    struct execution *first = execution_log_add(&log, 77, 1);
    (void)execution_log_begin(&log, first);
    first->stage = EXECUTION_ENDED;
    first->state = REPORT_FAILED;
    struct execution *second = execution_log_add(&log, 77, 2);
    struct execution_verdict verdict = execution_log_begin(&log, second);
    assert_false(verdict.is_double);
    assert_false(verdict.is_after_completed);
    second->stage = EXECUTION_ENDED;
    second->state = REPORT_COMPLETED;
    verdict = execution_log_begin(&log, execution_log_add(&log, 77, 3));
    assert_false(verdict.is_double);
    assert_true(verdict.is_after_completed);
    assert_false(execution_log_begin(&log, execution_log_add(&log, 78, 1)).is_after_completed);
    execution_log_free(&log);
}

static void an_execution_is_found_by_instruction_and_attempt(void **state)
{
    (void)state;
    struct execution_log log = {0};
    struct execution *newer = execution_log_add(&log, 77, 2);
    struct execution *older = execution_log_add(&log, 77, 1);
    struct execution *other = execution_log_add(&log, 78, 1);
    assert_ptr_equal(execution_log_find(&log, 77, 1), older);
    assert_ptr_equal(execution_log_find(&log, 78, 1), other);
    assert_null(execution_log_find(&log, 78, 2));
    assert_ptr_equal(execution_log_find_latest(&log, 77), newer);
    assert_null(execution_log_find_latest(&log, 79));

    older->stage = newer->stage = EXECUTION_ENDED;
    older->state = newer->state = REPORT_DEFERRED;
    other->state = REPORT_DEFERRED; /* but it has reported nothing */
    assert_int_equal(execution_log_count(&log, 77, REPORT_DEFERRED), 2);
    assert_int_equal(execution_log_count(&log, 78, REPORT_DEFERRED), 0);
    execution_log_free(&log);
}

static uint64_t digest_of_two(int64_t first, int64_t second, unsigned times)
{
    struct execution_log log = {0};
    struct execution *execution = execution_log_add(&log, first, 1);
    (void)execution_log_begin(&log, execution);
    (void)execution_log_add(&log, second, 1);
    for (unsigned i = 1; i < times; i++)
        (void)execution_log_begin(&log, execution);
    uint64_t digest = execution_log_digest(&log, "A1");
    execution_log_free(&log);
    return digest;
}

static void the_digest_of_executions_tells_different_runs_apart(void **state)
{
    (void)state;
    assert_true(digest_of_two(1, 2, 1) == digest_of_two(1, 2, 1));
    assert_true(digest_of_two(1, 2, 1) != digest_of_two(1, 2, 2));
    assert_true(digest_of_two(1, 2, 1) != digest_of_two(1, 3, 1));
}

static void timers_come_in_the_order_of_their_times(void **state)
{
    (void)state;
    struct timer_queue queue = {0};
    struct timer_entry entry;
    uint64_t random = 1;
    assert_int_equal(timer_queue_next_ms(&queue), INT64_MAX);
    for (uint32_t i = 0; i < DEVICES; i++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        timer_queue_put(&queue, &(struct timer_entry){(int64_t)(random >> 50), i, 0});
    }
    assert_false(timer_queue_take(&queue, timer_queue_next_ms(&queue) - 1, &entry));
    int64_t before_ms = 0;
    size_t taken = 0;
    for (; timer_queue_take(&queue, INT64_MAX - 1, &entry); taken++) {
        assert_true(entry.due_ms >= before_ms);
        before_ms = entry.due_ms;
    }
    assert_int_equal(taken, DEVICES);
    timer_queue_free(&queue);
}

static void equal_versions_are_kept_once_and_an_installation_leads_to_the_next_set(void **state)
{
    (void)state;
    struct version_sets sets = {0};
    const struct version_set *old = version_sets_read(&sets, "{\"b\":\"2\",\"atm-app\":\"4.7.0\"}");
    assert_ptr_equal(version_sets_read(&sets, "{ \"atm-app\": \"4.7.0\", \"b\": \"2\" }"), old);
    assert_string_equal(old->text, "{\"atm-app\":\"4.7.0\",\"b\":\"2\"}");
    assert_ptr_equal(version_sets_install(&sets, old, "atm-app", "4.7.0"), old);
    const struct version_set *newer = version_sets_install(&sets, old, "atm-app", "4.7.2");
    assert_string_equal(newer->text, "{\"atm-app\":\"4.7.2\",\"b\":\"2\"}");
    assert_ptr_equal(version_sets_install(&sets, old, "atm-app", "4.7.2"), newer);
    assert_non_null(strstr(buffer_text(&newer->ask), "\"atm-app\":\"4.7.2\""));
    assert_null(version_sets_read(&sets, "[]"));
    version_sets_free(&sets);
}

static void a_latency_is_exact_to_three_percent(void **state)
{
    (void)state;
    static struct latency latency, sum;
    for (int64_t us = 1; us <= 100000; us++)
        latency_add(&latency, us);
    latency_merge(&sum, &latency);
    latency_merge(&sum, &latency);
    assert_int_equal(sum.count, 200000);
    assert_int_equal(sum.most_us, 100000);
    assert_in_range(latency_at(&sum, 0.5), 50000, 51600);
    assert_in_range(latency_at(&sum, 0.99), 99000, 100000);
    assert_int_equal(latency_at(&sum, 0.0001), 10);
    assert_int_equal(latency_at(&sum, 1), 100000);
    latency_add(&sum, INT64_MAX);
    assert_int_equal(latency_at(&sum, 1), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_every_device_does_what_it_is_told_at_once),
        cmocka_unit_test(every_key_of_a_rule_reaches_the_devices_that_fit),
        cmocka_unit_test(the_first_rule_that_fits_holds),
        cmocka_unit_test(a_percentage_takes_about_that_share_of_devices_and_the_same_ones_each_time),
        cmocka_unit_test(draws_keep_to_their_share_and_their_span_and_do_not_depend_on_each_other),
        cmocka_unit_test(a_fault_in_a_behaviour_file_is_reported_with_its_place),
        cmocka_unit_test(the_example_of_a_behaviour_file_is_right),
        cmocka_unit_test(an_attempt_that_runs_twice_is_a_double_execution),
        cmocka_unit_test(a_new_attempt_after_a_completed_one_is_told_from_one_after_a_failure),
        cmocka_unit_test(an_execution_is_found_by_instruction_and_attempt),
        cmocka_unit_test(the_digest_of_executions_tells_different_runs_apart),
        cmocka_unit_test(timers_come_in_the_order_of_their_times),
        cmocka_unit_test(equal_versions_are_kept_once_and_an_installation_leads_to_the_next_set),
        cmocka_unit_test(a_latency_is_exact_to_three_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
