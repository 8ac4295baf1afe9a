#include "orchestrator/wording/finding_words.h"
#include "orchestrator/wording/refusal_words.h"
#include "plan_check.h"

#include <stdlib.h>

static const struct refusal facts = {
    .event = ROLLOUT_ON_PAUSE,
    .operation = "pause",
    .rollout = 42,
    .version = 8,
    .seen_version = 7,
    .given = 1,
    .needed = 2,
    .other = 43,
    .devices = 1,
    .percent = 98.5,
    .actor = "anna",
    .who = "bert",
    .device = "A7",
    .group = "pilot",
    .name = "upgrade",
    .state = "completed",
    .at = "2026-12-01T00:00:00Z",
    .digest = "9f2c",
    .last_kind = "paused",
    .last_actor = "carl",
    .last_at = "2026-11-30T00:00:00Z",
    .artifact_version = "4.7.2",
    .why = "it eats cards",
};

static void every_refusal_has_words_and_all_their_facts(void **state)
{
    (void)state;
    for (int reason = REFUSAL_NONE + 1; reason < REFUSAL_COUNT; reason++) {
        struct refusal refusal = facts;
        struct tc_fault fault = {.code = TC_CONFLICT, .text = "database: refusal"};
        refusal.reason = (enum refusal_reason)reason;
        refusal_put_words(&refusal, &fault);
        assert_int_equal(fault.code, TC_CONFLICT);
        assert_non_null(strchr(fault.text, ' '));
        assert_null(strstr(fault.text, "database: "));
        assert_null(strpbrk(fault.text, "{}"));
    }
}

static void a_refusal_is_worded_with_its_facts(void **state)
{
    (void)state;
    static const struct {
        enum refusal_reason reason;
        const char *words;
    } rows[] = {
        {REFUSAL_STATE, "rollout 42 is completed: pause is not possible; allowed: running"},
        {REFUSAL_OLD_VERSION, "rollout 42 is completed at version 8, not at version 7; last event: paused, "
                              "by carl, at 2026-11-30T00:00:00Z"},
        {REFUSAL_RESUME_WAITS, "bert ordered the resume of rollout 42 already; 1 of 2 approvals were given: approve or "
                               "reject it"},
        {REFUSAL_OUT_OF_REACH,
         "without its silent and deferring devices group pilot cannot reach its gate of 98.5 % either: "
         "promote skips those, but not failed ones"},
        {REFUSAL_NAME_TAKEN, "this name is taken by rollout 43 with another plan"},
        {REFUSAL_IN_SERVICE, "device A7 is neither out of service nor retired: there is nothing to return"},
        {REFUSAL_NEEDED_KEY,
         "without the signing key upgrade 1 device could not be told any more: wait until every device "
         "trusts another key (tellercast key list), or revoke it with --last"},
        {REFUSAL_RETIRED_BEFORE, "device A7 is retired already"},
        {REFUSAL_VERSION_BLOCKED,
         "rollout 42 installs upgrade 4.7.2, which bert blocked at 2026-12-01T00:00:00Z: pause is "
         "not possible until it is unblocked; the reason: it eats cards"},
        {REFUSAL_UNBLOCK_NEEDS_APPROVER, "bert ordered to unblock upgrade 4.7.2: to confirm it needs role approver"},
        {REFUSAL_LIFT_NEEDS_APPROVER, "bert ordered to lift freeze 43: to confirm it needs role approver"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct refusal refusal = facts;
        struct tc_fault fault = {.code = TC_CONFLICT};
        refusal.reason = rows[i].reason;
        refusal_put_words(&refusal, &fault);
        assert_string_equal(fault.text, rows[i].words);
    }
}

static void a_refused_operation_on_a_rollout_without_events_names_no_last_event(void **state)
{
    (void)state;
    struct refusal refusal = facts;
    struct tc_fault fault = {.code = TC_CONFLICT};
    refusal.reason = REFUSAL_OLD_VERSION;
    refusal.last_kind[0] = '\0';
    refusal_put_words(&refusal, &fault);
    assert_string_equal(fault.text, "rollout 42 is completed at version 8, not at version 7");
}

static void a_fault_that_is_no_refusal_keeps_its_text(void **state)
{
    (void)state;
    const struct refusal refusal = {.reason = REFUSAL_NONE};
    struct tc_fault fault = {.code = TC_UNAVAILABLE, .text = "database: connection refused"};
    refusal_put_words(&refusal, &fault);
    assert_string_equal(fault.text, "database: connection refused");
}

static void findings_in_a_plan_and_in_the_fleet_behind_it_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        struct plan_finding finding;
        const char *words;
    } rows[] = {
        {{.kind = PLAN_BRANCH_UNKNOWN, .path = "spec.selector.branches[0]", .name = "B9"},
         "found \"B9\", allowed: a branch of the fleet"},
        {{.kind = PLAN_DEVICE_UNKNOWN, .path = "spec.selector.devices[0]", .name = "A9"},
         "found \"A9\", allowed: a device of the fleet"},
        {{.kind = PLAN_ROLLOUT_UNKNOWN, .path = "spec.supersedes[0]", .name = "old"},
         "found \"old\", allowed: a rollout that was submitted"},
        {{.kind = PLAN_END_HAS_PASSED, .path = "spec.schedule.endAt"}, "2020-01-02T00:00:00Z"},
        {{.kind = PLAN_SELECTS_NOTHING, .path = "spec.selector"}, "selects no device of the fleet"},
        {{.kind = PLAN_VERSION_BLOCKED,
          .path = "spec.artifact.version",
          .block = {.name = "atm-app",
                    .version = "1",
                    .by = "bert",
                    .at = "2026-12-01T00:00:00Z",
                    .reason = "it eats cards"}},
         "atm-app 1 is blocked, by bert at 2026-12-01T00:00:00Z; the reason: it eats cards"},
        {{.kind = PLAN_ZONE_UNKNOWN, .path = "spec.schedule.timeZone", .name = "Europe/Nowhere"},
         "the database server does not know the plan's zone \"Europe/Nowhere\""},
        {{.kind = PLAN_BRANCH_ZONE_UNKNOWN, .path = "spec.selector", .name = "B1", .zone = "X/Y", .devices = 3},
         "branch \"B1\" has the zone \"X/Y\", which the database server does not know (devices in it: 3)"},
        {{.kind = PLAN_DEVICE_ZONE_UNKNOWN, .path = "spec.selector", .name = "P1", .zone = "X/Y", .devices = 1},
         "device \"P1\" has the zone \"X/Y\", which the database server does not know (devices in it: 1)"},
    };
    struct plan *plan = parse_good(SPEC("schedule: {startAt: 2020-01-01T00:00:00Z, endAt: 2020-01-02T00:00:00Z}"));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct document_faults faults = {0}, obstacles = {0};
        struct plan_faults found = {plan, &faults, &obstacles};
        plan_faults_take(&found, &rows[i].finding);
        bool of_fleet = rows[i].finding.kind >= PLAN_BRANCH_ZONE_UNKNOWN;
        assert_int_equal(faults.total, of_fleet ? 0 : 1);
        assert_int_equal(obstacles.total, of_fleet ? 1 : 0);
        const struct document_fault *fault = of_fleet ? obstacles.items : faults.items;
        assert_string_equal(fault->path, rows[i].finding.path);
        assert_non_null(strstr(fault->detail, rows[i].words));
        document_faults_free(&faults);
        document_faults_free(&obstacles);
    }
    plan_free(plan);
}

static void findings_in_a_fleet_are_listed_by_line_and_all_are_counted(void **state)
{
    (void)state;
    static const struct fleet_finding found[] = {
        {.kind = FLEET_ZONE_UNKNOWN, .line = 3, .path = "zone", .name = "Europe/Nowhere"},
        {.kind = FLEET_BRANCH_TWICE, .line = 4, .first_line = 2, .path = "id", .name = "B1"},
        {.kind = FLEET_DEVICE_TWICE, .line = 5, .first_line = 1, .path = "id", .name = "A1"},
        {.kind = FLEET_ID_OF_BRANCH, .line = 6, .path = "id", .name = "B1"},
        {.kind = FLEET_BRANCH_UNKNOWN, .line = 7, .path = "branch", .name = "B9"},
        {.kind = FLEET_IN_FLIGHT, .line = 8, .path = "role", .name = "A2"},
        {.kind = FLEET_RETIRED, .line = 9, .path = "id", .name = "A3"},
    };
    static const char *const words[] = {
        "found \"Europe/Nowhere\", allowed: an IANA time zone, as \"Europe/Berlin\"",
        "there is a branch \"B1\" already, in line 2",
        "there is a device \"A1\" already, in line 1",
        "only a branch's node may have the branch's ID",
        "found \"B9\", allowed: a branch of this file or of the fleet",
        "device \"A2\" has an instruction in flight and cannot change its branch or role now",
        "device \"A3\" is retired; to use its ID again: tellercast device return A3 --reason TEXT",
    };
    struct fleet_findings findings = {.count = sizeof found / sizeof *found, .total = 300};
    findings.items = malloc(sizeof found);
    assert_non_null(findings.items);
    memcpy(findings.items, found, sizeof found);
    struct document_faults faults = {0};
    fleet_findings_add(&findings, &faults);
    assert_int_equal(faults.total, 300);
    assert_int_equal(faults.count, sizeof found / sizeof *found);
    for (size_t i = 0; i < faults.count; i++) {
        assert_int_equal(faults.items[i].line, found[i].line);
        assert_string_equal(faults.items[i].path, found[i].path);
        assert_string_equal(faults.items[i].detail, words[i]);
    }
    document_faults_free(&faults);
}

static void warnings_are_sentences_in_a_json_array(void **state)
{
    (void)state;
    static const struct fleet_warning warnings[FLEET_WARNING_COUNT] = {
        [FLEET_WARNS_OF_USER_NAMES] = {1, "operator"},
        [FLEET_WARNS_OF_NO_ZONE] = {12, "P1"},
    };
    struct buffer json = {0};
    fleet_warnings_write(warnings, &json);
    assert_string_equal(buffer_text(&json), "[\"1 named like a user of the broker, such as operator: anyone with its "
                                            "password can act as that user\",\"12 without branch and zone, such as P1: "
                                            "its windows are in UTC\"]");
    buffer_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_has_words_and_all_their_facts),
        cmocka_unit_test(a_refusal_is_worded_with_its_facts),
        cmocka_unit_test(a_refused_operation_on_a_rollout_without_events_names_no_last_event),
        cmocka_unit_test(a_fault_that_is_no_refusal_keeps_its_text),
        cmocka_unit_test(findings_in_a_plan_and_in_the_fleet_behind_it_are_told_apart),
        cmocka_unit_test(findings_in_a_fleet_are_listed_by_line_and_all_are_counted),
        cmocka_unit_test(warnings_are_sentences_in_a_json_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
