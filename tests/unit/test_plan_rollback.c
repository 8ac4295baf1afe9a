#include "config/plan_rollback.h"
#include "plan_check.h"

#include <stdlib.h>

#define ORIGIN                                                                                                         \
    "apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: app-4.7.2, change: CHG1}\nspec:\n  action: install\n"  \
    "  artifact: {name: app, version: 4.7.2, fromVersions: [4.7.0]}\n"

static struct plan *rollback_of(const char *text, int64_t approvals_required)
{
    struct plan *origin = parse_good(text);
    const struct plan_rollback rollback = {
        .canonical = origin->canonical, .origin = 42, .approvals_required = approvals_required};
    struct buffer document = {0};
    assert_int_equal(plan_rollback_write(&rollback, &document, NULL), TC_OK);
    struct plan *plan = parse_good(buffer_text(&document));
    buffer_free(&document);
    plan_free(origin);
    return plan;
}

static void assert_part(const struct plan *plan, const char *part, const char *expected)
{
    char *text = json_dumps(json_object_get(json_object_get(plan->tree, "spec"), part),
                            JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    assert_string_equal(text, expected);
    free(text);
}

static void a_rollback_after_one_that_has_ended_has_a_name_of_its_own(void **state)
{
    (void)state;
    struct plan *origin = parse_good(ORIGIN);
    static const char *const names[] = {"app-4.7.2.rollback", "app-4.7.2.rollback-2", "app-4.7.2.rollback-3"};
    for (int number = 1; number <= 3; number++) {
        const struct plan_rollback rollback = {.canonical = origin->canonical, .origin = 42, .number = number};
        struct buffer document = {0};
        assert_int_equal(plan_rollback_write(&rollback, &document, NULL), TC_OK);
        struct plan *plan = parse_good(buffer_text(&document));
        assert_string_equal(plan->name, names[number - 1]);
        plan_free(plan);
        buffer_free(&document);
    }
    plan_free(origin);
}

static void a_rollback_leaves_the_version_at_the_origins_nights_and_speed(void **state)
{
    (void)state;
    struct plan *plan = rollback_of(
        ORIGIN
        "  selector: {matchLabels: {site: branch}}\n"
        "  priority: 80\n  preempt: true\n  supersedes: [app-4.7.1]\n"
        "  schedule: {startAt: 2026-12-01T00:00:00Z, endAt: 2026-12-20T00:00:00Z, endBehavior: cancel,\n"
        "    timeZone: Europe/Berlin, windows: [{days: [sun, tue], start: '22:30', duration: 3h}],\n"
        "    blackouts: [{from: 2026-12-08, to: 2026-12-10, reason: pay}], calendars: [month-end]}\n"
        "  rate: {perMinute: 60, growth: 1.5, growAfter: 100}\n"
        "  disruptionBudget: {maxUnavailable: 12.5%, singleDevice: skip}\n"
        "  groups: [{name: pilot, percentage: 2, success: 97.5, soak: 48h, approval: manual}, {name: rest, percentage: "
        "100}]\n"
        "  abort: [{on: failed, count: 5, then: rollback}, {on: out_of_service, percentage: 2, minimum: 20, then: "
        "cancel, counts: final}]\n"
        "  execution: {installTimeout: 90m, retries: 2, backoff: 90s}\n  approvals: {required: 2}\n",
        1);
    assert_string_equal(plan->name, "app-4.7.2.rollback");
    const json_t *metadata = json_object_get(plan->tree, "metadata");
    assert_string_equal(json_string_value(json_object_get(metadata, "rollbackOf")), "app-4.7.2");
    assert_string_equal(json_string_value(json_object_get(metadata, "change")), "CHG1");
    assert_part(plan, "action", "\"rollback\"");
    assert_part(
        plan, "artifact",
        "{\"fromVersions\":[],\"name\":\"app\",\"sha256\":null,\"size\":null,\"url\":null,\"version\":\"4.7.2\"}");
    assert_part(plan, "selector",
                "{\"branches\":[],\"completedIn\":\"app-4.7.2\",\"devices\":[],\"matchExpressions\":[],"
                "\"matchLabels\":{},\"outOfService\":\"include\"}");
    assert_part(
        plan, "schedule",
        "{\"blackouts\":[{\"from\":\"2026-12-08\",\"reason\":\"pay\",\"to\":\"2026-12-10\"}],"
        "\"calendars\":[\"month-end\"],\"endAt\":null,\"endBehavior\":\"stop\",\"startAt\":null,"
        "\"timeZone\":\"Europe/Berlin\",\"windows\":[{\"days\":[7,2],\"duration\":10800,\"start\":\"22:30\"}]}");
    assert_part(plan, "rate", "{\"growAfter\":100,\"growth\":1.5,\"maximumPerMinute\":null,\"perMinute\":60}");
    assert_part(plan, "disruptionBudget",
                "{\"maxUnavailable\":{\"percentage\":12.5},\"per\":\"branch\",\"singleDevice\":\"skip\"}");
    assert_part(plan, "groups",
                "[{\"approval\":\"automatic\",\"name\":\"all\",\"percentage\":100,\"soak\":0,\"success\":97.5}]");
    assert_part(plan, "execution",
                "{\"answerTimeout\":600,\"backoff\":90,\"deferLimit\":10,\"dispatchTimeout\":900,"
                "\"installTimeout\":5400,\"receiveTimeout\":900,\"retries\":2,\"retryOn\":[\"timed_out\",\"failed\"]}");
    assert_part(plan, "priority", "80");
    assert_part(plan, "preempt", "true");
    assert_part(plan, "approvals", "{\"required\":1}");
    assert_part(plan, "abort",
                "[{\"count\":5,\"minimum\":1,\"on\":\"failed\",\"then\":\"pause\"},"
                "{\"counts\":\"final\",\"minimum\":20,\"on\":\"out_of_service\",\"percentage\":2,\"then\":\"pause\"}]");
    assert_part(plan, "rollback", "null");
    assert_part(plan, "supersedes", "[]");
    plan_free(plan);
}

static void a_rollback_has_a_gate_even_when_its_origin_had_none(void **state)
{
    (void)state;
    struct plan *plan = rollback_of(ORIGIN "  groups: [{name: all, percentage: 100, success: 0}]\n", 0);
    assert_part(plan, "groups",
                "[{\"approval\":\"automatic\",\"name\":\"all\",\"percentage\":100,\"soak\":0,\"success\":1}]");
    plan_free(plan);
}

static void a_rollback_of_a_bare_plan_is_as_bare(void **state)
{
    (void)state;
    struct plan *plan = rollback_of(ORIGIN, 0), *again = rollback_of(ORIGIN, 0);
    assert_string_equal(plan->digest, again->digest);
    assert_part(plan, "disruptionBudget", "null");
    assert_part(plan, "approvals", "{\"required\":0}");
    plan_free(again);
    plan_free(plan);
}

static void a_name_that_leaves_no_space_for_a_suffix_is_replaced_by_its_number(void **state)
{
    (void)state;
    static const struct {
        const char *name, *expected;
    } names[] = {
        {"a234567890123456789012345678901234567890123456789012345",
         "a234567890123456789012345678901234567890123456789012345.rollback"}, /* 64 */
        {"a2345678901234567890123456789012345678901234567890123456", "rollback-of-42"},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct buffer text = {0};
        buffer_format(&text,
                      "apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: %s}\n"
                      "spec: {action: install, artifact: {name: a, version: 1}}\n",
                      names[i].name);
        struct plan *plan = rollback_of(buffer_text(&text), 0);
        assert_string_equal(plan->name, names[i].expected);
        plan_free(plan);
        buffer_free(&text);
    }
}

/* Values that a later version wrote into a stored plan. */
static void a_number_of_a_later_version_is_refused_and_never_zero(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "\"abort\":[{\"on\":\"failed\",\"count\":1.5,\"then\":\"cancel\"}]",
        "\"abort\":[{\"on\":\"failed\",\"count\":\"many\",\"then\":\"cancel\"}]",
        "\"abort\":[7]",
        "\"schedule\":{\"windows\":[{\"days\":[8],\"start\":\"01:00\",\"duration\":10800}]}",
        "\"schedule\":{\"windows\":[{\"days\":[\"holiday\"],\"start\":\"01:00\",\"duration\":10800}]}",
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        char canonical[512];
        (void)snprintf(canonical, sizeof canonical,
                       "{\"metadata\":{\"name\":\"app\"},\"spec\":{\"action\":\"install\","
                       "\"artifact\":{\"name\":\"app\",\"version\":\"1\"},%s}}",
                       specs[i]);
        const struct plan_rollback rollback = {.canonical = canonical, .origin = 42};
        struct buffer document = {0};
        struct plan *plan = NULL;
        struct document_faults faults = {0};
        assert_int_equal(plan_rollback_write(&rollback, &document, NULL), TC_OK);
        assert_int_equal(parse(buffer_text(&document), &plan, &faults), TC_INVALID);
        document_faults_free(&faults);
        buffer_free(&document);
    }
}

static void a_gate_of_a_later_version_is_as_high_as_can_be(void **state)
{
    (void)state;
    static const char canonical[] = "{\"metadata\":{\"name\":\"app\"},\"spec\":{\"action\":\"install\",\"artifact\":"
                                    "{\"name\":\"app\",\"version\":\"1\"},\"groups\":[{\"name\":\"all\",\"success\":"
                                    "\"most\"}]}}";
    const struct plan_rollback rollback = {.canonical = canonical, .origin = 42};
    struct buffer document = {0};
    assert_int_equal(plan_rollback_write(&rollback, &document, NULL), TC_OK);
    struct plan *plan = parse_good(buffer_text(&document));
    assert_part(plan, "groups",
                "[{\"approval\":\"automatic\",\"name\":\"all\",\"percentage\":100,\"soak\":0,\"success\":100}]");
    plan_free(plan);
    buffer_free(&document);
}

static void a_name_that_begins_as_an_option_has_a_rollback_that_does_not(void **state)
{
    (void)state;
    struct plan *origin = parse_good(ORIGIN);
    assert_int_equal(json_object_set_new(json_object_get(origin->tree, "metadata"), "name", json_string("-x")), 0);
    char *canonical = json_dumps(origin->tree, JSON_COMPACT);
    const struct plan_rollback rollback = {.canonical = canonical, .origin = 42};
    struct buffer document = {0};
    assert_int_equal(plan_rollback_write(&rollback, &document, NULL), TC_OK);
    struct plan *plan = parse_good(buffer_text(&document));
    assert_string_equal(plan->name, "rollback-of-42");
    plan_free(plan);
    buffer_free(&document);
    free(canonical);
    plan_free(origin);
}

static void what_was_no_installation_cannot_be_rolled_back(void **state)
{
    (void)state;
    static const char *const plans[] = {SPEC("priority: 1"), HEAD "spec: {action: rollback}\n",
                                        HEAD "spec: {action: configure, parameters: {a: 1}}\n"};
    for (size_t i = 0; i <= COUNT_OF(plans); i++) {
        struct plan *origin = i < COUNT_OF(plans) ? parse_good(plans[i]) : NULL;
        const struct plan_rollback rollback = {.canonical = origin == NULL ? "{" : origin->canonical, .origin = 7};
        struct buffer document = {0};
        struct tc_fault fault;
        assert_int_equal(plan_rollback_write(&rollback, &document, &fault), TC_INVALID);
        assert_non_null(strstr(fault.text, "rollout 7"));
        buffer_free(&document);
        plan_free(origin);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rollback_leaves_the_version_at_the_origins_nights_and_speed),
        cmocka_unit_test(a_rollback_after_one_that_has_ended_has_a_name_of_its_own),
        cmocka_unit_test(a_rollback_has_a_gate_even_when_its_origin_had_none),
        cmocka_unit_test(a_rollback_of_a_bare_plan_is_as_bare),
        cmocka_unit_test(a_name_that_leaves_no_space_for_a_suffix_is_replaced_by_its_number),
        cmocka_unit_test(a_number_of_a_later_version_is_refused_and_never_zero),
        cmocka_unit_test(a_gate_of_a_later_version_is_as_high_as_can_be),
        cmocka_unit_test(a_name_that_begins_as_an_option_has_a_rollback_that_does_not),
        cmocka_unit_test(what_was_no_installation_cannot_be_rolled_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
