#include "base/file.h"
#include "plan_check.h"
#include "topics/token.h"
#include "topics/topic.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static void a_bare_plan_has_every_default_written_out(void **state)
{
    (void)state;
    struct plan *plan = parse_good(HEAD "spec: {action: run}\n");
    assert_string_equal(
        plan->canonical,
        "{\"apiVersion\":\"tellercast/v1\",\"kind\":\"Rollout\","
        "\"metadata\":{\"change\":\"\",\"description\":\"\",\"name\":\"x\",\"rollbackOf\":null},"
        "\"spec\":{\"abort\":[],\"action\":\"run\",\"approvals\":{\"required\":0},\"artifact\":null,"
        "\"disruptionBudget\":null,"
        "\"execution\":{\"answerTimeout\":600,\"backoff\":600,\"deferLimit\":10,\"dispatchTimeout\":900,"
        "\"installTimeout\":3600,\"receiveTimeout\":900,\"retries\":0,\"retryOn\":[\"timed_out\",\"failed\"]},"
        "\"groups\":[{\"approval\":\"automatic\",\"name\":\"all\",\"percentage\":100,\"soak\":0,\"success\":100}],"
        "\"parameters\":null,\"preempt\":false,\"priority\":50,"
        "\"rate\":{\"growAfter\":null,\"growth\":1,\"maximumPerMinute\":null,\"perMinute\":null},\"rollback\":null,"
        "\"schedule\":{\"blackouts\":[],\"calendars\":[],\"endAt\":null,\"endBehavior\":\"stop\",\"startAt\":null,"
        "\"timeZone\":\"device\",\"windows\":[]},"
        "\"selector\":{\"branches\":[],\"completedIn\":null,\"devices\":[],\"matchExpressions\":[],\"matchLabels\":{}},"
        "\"supersedes\":[]}}");
    assert_string_equal(plan->name, "x");
    plan_free(plan);
}

static void each_value_has_one_canonical_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *key, *canonical;
    } good[] = {
        {SPEC("rate: {perMinute: 60}"), "rate",
         "{\"growAfter\":null,\"growth\":1,\"maximumPerMinute\":null,\"perMinute\":60}"},
        {SPEC("rate: {}"), "rate", "{\"growAfter\":null,\"growth\":1,\"maximumPerMinute\":null,\"perMinute\":null}"},
        {SPEC("disruptionBudget: {maxUnavailable: 2}"), "disruptionBudget",
         "{\"maxUnavailable\":2,\"per\":\"branch\",\"singleDevice\":\"allow\"}"},
        {SPEC("disruptionBudget: {maxUnavailable: 25%, singleDevice: skip}"), "disruptionBudget",
         "{\"maxUnavailable\":{\"percentage\":25},\"per\":\"branch\",\"singleDevice\":\"skip\"}"},
        {SPEC("rate: {perMinute: 60, growth: 1.50, growAfter: 100, maximumPerMinute: 1000}"), "rate",
         "{\"growAfter\":100,\"growth\":1.5,\"maximumPerMinute\":1000,\"perMinute\":60}"},
        {SPEC("abort: [{on: failed, percentage: 2%, minimum: 20, then: pause}, {on: timed_out, count: 5, then: "
              "cancel}]"),
         "abort",
         "[{\"minimum\":20,\"on\":\"failed\",\"percentage\":2,\"then\":\"pause\"},"
         "{\"count\":5,\"minimum\":1,\"on\":\"timed_out\",\"then\":\"cancel\"}]"},
        {INSTALL("artifact: {name: a, version: 1}\n  rollback: {on: [failed, timed_out]}"), "rollback",
         "{\"on\":[\"failed\",\"timed_out\"],\"to\":\"previous\"}"},
        {INSTALL("artifact: {name: a, version: 4.70, fromVersions: [4.6, '4.7']}"), "artifact",
         "{\"fromVersions\":[\"4.6\",\"4.7\"],\"name\":\"a\",\"sha256\":null,\"size\":null,\"url\":null,"
         "\"version\":\"4.70\"}"},
        {INSTALL("artifact: {name: a, version: 1, url: http://h/x, size: 64KiB, sha256: " SHA256 "}"), "artifact",
         "{\"fromVersions\":[],\"name\":\"a\",\"sha256\":\"" SHA256 "\",\"size\":65536,\"url\":\"http://h/x\","
         "\"version\":\"1\"}"},
        {SPEC("schedule: {startAt: '2026-12-01t01:00:00.50+01:00', timeZone: Asia/Kolkata, windows: "
              "[{days: [sun, mon], start: '01:00', duration: 3h}, {start: 22:30, duration: 61m}], blackouts: "
              "[{from: 2026-12-08, to: 2026-12-10T12:00:00+01:00, reason: pay}]}"),
         "schedule",
         "{\"blackouts\":[{\"from\":\"2026-12-08\",\"reason\":\"pay\",\"to\":\"2026-12-10T11:00:00Z\"}],"
         "\"calendars\":[],\"endAt\":null,\"endBehavior\":\"stop\",\"startAt\":\"2026-12-01T00:00:00.500Z\","
         "\"timeZone\":\"Asia/Kolkata\",\"windows\":[{\"days\":[7,1],\"duration\":10800,\"start\":\"01:00\"},"
         "{\"days\":[1,2,3,4,5,6,7],\"duration\":3660,\"start\":\"22:30\"}]}"},
        {SPEC("schedule: {blackouts: [{from: 2026-12-08, to: 2026-12-08}, {from: 2026-12-08T20:00:00Z, to: "
              "2026-12-08}]}"),
         "schedule",
         "{\"blackouts\":[{\"from\":\"2026-12-08\",\"reason\":\"\",\"to\":\"2026-12-08\"},"
         "{\"from\":\"2026-12-08T20:00:00Z\",\"reason\":\"\",\"to\":\"2026-12-08\"}],\"calendars\":[],\"endAt\":null,"
         "\"endBehavior\":\"stop\",\"startAt\":null,\"timeZone\":\"device\",\"windows\":[]}"},
        {SPEC("groups: [{name: lab, devices: [A1], soak: 48h}, {name: one, branches: [B1], success: 99.5%}, "
              "{name: p, percentage: 2.3, success: 0, approval: manual}, {name: q, percentage: '2.30%'}, "
              "{name: c, count: 7}]"),
         "groups",
         "[{\"approval\":\"automatic\",\"devices\":[\"A1\"],\"name\":\"lab\",\"soak\":172800,\"success\":100},"
         "{\"approval\":\"automatic\",\"branches\":[\"B1\"],\"name\":\"one\",\"soak\":0,\"success\":99.5},"
         "{\"approval\":\"manual\",\"name\":\"p\",\"percentage\":2.3,\"soak\":0,\"success\":0},"
         "{\"approval\":\"automatic\",\"name\":\"q\",\"percentage\":2.3,\"soak\":0,\"success\":100},"
         "{\"approval\":\"automatic\",\"count\":7,\"name\":\"c\",\"soak\":0,\"success\":100}]"},
        {SPEC("parameters: {b: [1, -2.5, 1e3, true, null, 'no', 4.7.2, 2026-12-01], a: {c: \"\"}, d: []}"),
         "parameters", "{\"a\":{\"c\":\"\"},\"b\":[1,-2.5,1000.0,true,null,\"no\",\"4.7.2\",\"2026-12-01\"],\"d\":[]}"},
        {SPEC("selector: {matchLabels: {model: selfserv-80, level: 7, online: true}, matchExpressions: "
              "[{key: site, operator: NotIn, values: [x, '']}, {key: y, operator: DoesNotExist}]}"),
         "selector",
         "{\"branches\":[],\"completedIn\":null,\"devices\":[],\"matchExpressions\":[{\"key\":\"site\",\"operator\":"
         "\"NotIn\","
         "\"values\":[\"x\",\"\"]},{\"key\":\"y\",\"operator\":\"DoesNotExist\",\"values\":[]}],"
         "\"matchLabels\":{\"level\":\"7\",\"model\":\"selfserv-80\",\"online\":\"true\"}}"},
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct plan *plan = parse_good(good[i].text);
        const json_t *value = json_object_get(json_object_get(plan->tree, "spec"), good[i].key);
        char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
        assert_string_equal(text, good[i].canonical);
        assert_non_null(strstr(plan->canonical, good[i].canonical));
        free(text);
        plan_free(plan);
    }
}

static void the_digest_is_of_the_meaning_not_of_the_writing(void **state)
{
    (void)state;
    static const char *const same[] = {
        HEAD "spec: {action: run, execution: {installTimeout: 2h}, rate: {perMinute: 5}}\n",
        "# a comment\nspec:\n  rate: {perMinute: 5}\n  execution:\n    installTimeout: \"120m\"\n    retries: 0\n"
        "  action: 'run'\nkind: Rollout\nmetadata:\n  name: x\n  change: ''\napiVersion: tellercast/v1\n",
        "{\"apiVersion\":\"tellercast/v1\",\"kind\":\"Rollout\",\"metadata\":{\"name\":\"x\"},"
        "\"spec\":{\"action\":\"run\",\"rate\":{\"perMinute\":5},\"execution\":{\"installTimeout\":\"7200s\"}}}",
    };
    static const char other[] = HEAD "spec: {action: run, execution: {installTimeout: 2h}, rate: {perMinute: 6}}\n";
    struct plan *first = parse_good(same[0]);
    assert_int_equal(strlen(first->digest), 64);
    for (size_t i = 1; i < COUNT_OF(same); i++) {
        struct plan *plan = parse_good(same[i]);
        assert_string_equal(plan->digest, first->digest);
        plan_free(plan);
    }
    struct plan *changed = parse_good(other);
    assert_string_not_equal(changed->digest, first->digest);
    plan_free(changed);
    plan_free(first);
}

static void a_fault_found_later_stands_where_the_key_stood(void **state)
{
    (void)state;
    struct plan *plan = parse_good(SPEC("selector:\n    branches: [B1, B2]"));
    struct document_faults faults = {0};
    plan_fault_add(plan, &faults, "spec.selector.branches[1]", "there is no branch %s", "B2");
    plan_fault_add(plan, &faults, "spec.schedule.timeZone", "there is no such zone");
    assert_int_equal(faults.items[0].line, 7);
    assert_int_equal(faults.items[0].column, 20);
    assert_string_equal(faults.items[0].path, "spec.selector.branches[1]");
    assert_int_equal(faults.items[1].line, 5); /* left out: where spec begins */
    document_faults_free(&faults);
    plan_free(plan);
}

static void every_action_of_the_wire_can_be_ordered(void **state)
{
    (void)state;
    for (int i = ACTION_INSTALL; i <= ACTION_RUN; i++) {
        struct buffer text = {0};
        const char *action = action_name((enum action)i);
        buffer_format(&text, HEAD "spec: {action: %s, parameters: {}%s}\n", action,
                      action_needs_artifact((enum action)i) ? ", artifact: {name: a, version: 1}" : "");
        plan_free(parse_good(buffer_text(&text)));
        buffer_free(&text);
    }
}

static const struct accepted_plan {
    const char *file, *digest;
} accepted_plans[] = {
    {"banknote-blacklist.yaml", "d54c077717463f4cd1539efc4e5c3a8584435bd52fd6c67130369ceef9b5b4ec"},
    {"collect-journals.yaml", "c051fbd0376f5966c820d7b622ea2ed4b736c61d16201cc9efd1bd7bb13ed273"},
    {"emergency-patch.yaml", "afee8b1e998328b091650b366ac0df24aba9ff0c7d48c10582d6163ec3e1037d"},
    {"escapes.json", "69d9f4393220ed09c7878a8826f96e3d4fc08fd8af4c918ca5971473c3ec9d97"},
    {"offsite-only.yaml", "452ace27da2d63815a3f593227a1998d6e049096be857886244dc079f77f4f7d"},
    {"parameter-change.yaml", "7a76befb3fcdfcae2977f183c72e708242bd4662ded1d5bc92963d4eb1cbd637"},
    {"pilot-then-nation.yaml", "6a3dd55cd6b427c6f746eeab6a39e3d9b69b4462a4891bada98036dcc40be188"},
    {"plan-configure.yaml", "b168d76ae921fb82511f0034a45eba54eddec72355a498563e1e567102da810c"},
    {"plan-offsite.yaml", "714855019a180a84b0774791374dd5ef81d590499533e0da946ebca835509ad6"},
    {"plan-pilot-then-nation.yaml", "34d5a2e5eb31afa80a622f174c7806e3e1a306963a44d5f6d4e1a60553bf932d"},
    {"rollback.yaml", "54b046d18ee5a0dde52606b02160457579fa51621185850e7d9ab4357ee126f4"},
    {"whole-language.yaml", "b0adbd60cc3fc02c41f5232017e52e3ef5c3f85c5aa050c435ed204a1417aafe"},
};

/* The folder holds plans from the time when the digests above were taken, with the first version of the language. An
 * approval is bound to a digest, so none may ever change. */
static void an_accepted_plan_keeps_its_digest_in_each_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(accepted_plans); i++) {
        struct buffer path = {0}, content = {0};
        buffer_format(&path, "tests/unit/accepted_plans/%s", accepted_plans[i].file);
        assert_int_equal(file_read(buffer_text(&path), PLAN_SIZE_MAX, &content, NULL), TC_OK);
        struct plan *plan = parse_good(buffer_text(&content));
        assert_string_equal(plan->digest, accepted_plans[i].digest);
        plan_free(plan);
        buffer_free(&content);
        buffer_free(&path);
    }
}

#define OPENS(text) SPEC("groups: [{name: a, percentage: 100" text "}]")
#define COUNTS(text) SPEC("abort: [{on: failed, count: 5, then: pause" text "}]")
#define OUT_OF_SERVICE(text) SPEC("selector: {completedIn: y" text "}")

static void a_key_added_later_is_written_only_when_it_is_not_at_its_default(void **state)
{
    (void)state;
    static const struct {
        const char *key, *bare, *with_default, *with_other, *other;
    } rows[] = {
        {"opens", OPENS(""), OPENS(", opens: settled"), OPENS(", opens: reached"), "\"opens\":\"reached\""},
        {"counts", COUNTS(""), COUNTS(", counts: attempts"), COUNTS(", counts: final"), "\"counts\":\"final\""},
        {"outOfService", OUT_OF_SERVICE(""), OUT_OF_SERVICE(", outOfService: exclude"),
         OUT_OF_SERVICE(", outOfService: include"), "\"outOfService\":\"include\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plan *bare = parse_good(rows[i].bare);
        struct plan *same = parse_good(rows[i].with_default);
        struct plan *other = parse_good(rows[i].with_other);
        assert_null(strstr(bare->canonical, rows[i].key));
        assert_string_equal(same->canonical, bare->canonical);
        assert_string_equal(same->digest, bare->digest);
        assert_non_null(strstr(other->canonical, rows[i].other));
        assert_string_not_equal(other->digest, bare->digest);
        plan_free(other);
        plan_free(same);
        plan_free(bare);
    }
}

static void the_examples_are_right(void **state)
{
    (void)state;
    static const char folder[] = "config/examples/plans";
    DIR *examples = opendir(folder);
    assert_non_null(examples);
    size_t count = 0;
    for (const struct dirent *entry = readdir(examples); entry != NULL; entry = readdir(examples)) {
        if (entry->d_name[0] == '.')
            continue;
        char path[sizeof folder + sizeof entry->d_name];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct buffer content = {0};
        assert_int_equal(file_read(path, PLAN_SIZE_MAX, &content, NULL), TC_OK);
        plan_free(parse_good(buffer_text(&content)));
        buffer_free(&content);
        count++;
    }
    (void)closedir(examples);
    assert_true(count >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_plan_has_every_default_written_out),
        cmocka_unit_test(each_value_has_one_canonical_form),
        cmocka_unit_test(the_digest_is_of_the_meaning_not_of_the_writing),
        cmocka_unit_test(a_fault_found_later_stands_where_the_key_stood),
        cmocka_unit_test(every_action_of_the_wire_can_be_ordered),
        cmocka_unit_test(an_accepted_plan_keeps_its_digest_in_each_version),
        cmocka_unit_test(a_key_added_later_is_written_only_when_it_is_not_at_its_default),
        cmocka_unit_test(the_examples_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
