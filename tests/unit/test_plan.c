#include "base/file.h"
#include "config/plan_language.h"
#include "plan_check.h"
#include "topics/topic.h"

#include <stdio.h>
#include <stdlib.h>

struct bad_plan {
    const char *text, *path, *detail;
};

static const struct bad_plan bad_plans[] = {
    /* the whole */
    {"^just a text\n", "", "a map of keys"},
    {"^[1]\n", "", "a map of keys"},
    {"^kind: Rollout\nmetadata: {name: x}\nspec: {action: run}\n", "apiVersion", "required"},
    {"apiVersion: ^tellercast/v2\nkind: Rollout\nmetadata: {name: x}\nspec: {action: run}\n", "apiVersion",
     "allowed: tellercast/v1"},
    {"apiVersion: tellercast/v1\nkind: ^Fleet\nmetadata: {name: x}\nspec: {action: run}\n", "kind", "allowed: Rollout"},
    {"^apiVersion: tellercast/v1\nkind: Rollout\nspec: {action: run}\n", "metadata", "required"},
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: ^x\nspec: {action: run}\n", "metadata", "a map"},
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: x}\nspec:^\n", "spec", "found nothing"},
    {SPEC("^selektor: {}"), "spec.selektor", "did you mean selector?"},
    {SPEC("^labels: {}"), "spec.labels", "unknown key"},
    {SPEC("^action: run"), "spec.action", "duplicate key"},
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: x}\n^Spec: {}\nspec: {action: run}\n", "Spec",
     "did you mean spec?"},

    /* metadata */
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: ^a b}\nspec: {action: run}\n", "metadata.name",
     "found \"a b\""},
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: ^42}\nspec: {action: run}\n", "metadata.name",
     "a number is the ID"},
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: ^{change: C1}\nspec: {action: run}\n", "metadata.name",
     "required"},
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: x, change: ^[C1]}\nspec: {action: run}\n",
     "metadata.change", "found a list"},
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: x, description: ^\"\\e\"}\nspec: {action: run}\n",
     "metadata.description", "without control characters"},
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: x, rollbackOf: ^{}}\nspec: {action: rollback}\n",
     "metadata.rollbackOf", "a name"},
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: x, rollbackOf: ^x}\nspec: {action: rollback}\n",
     "metadata.rollbackOf", "another rollout"},
    {"apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: x, rollbackOf: ^y}\nspec: {action: run}\n",
     "metadata.rollbackOf", "needs action rollback"},

    /* action, artifact, parameters */
    {HEAD "spec: {action: ^upgrade}\n", "spec.action", "one of install|rollback|configure|collect|run"},
    {HEAD "spec: ^{parameters: {}}\n", "spec.action", "required"},
    {HEAD "spec: ^{action: install}\n", "spec.artifact", "needs an artifact"},
    {HEAD "spec: ^{action: configure}\n", "spec.parameters", "needs parameters"},
    {SPEC("artifact: ^{name: a, version: 1}"), "spec.artifact", "takes no artifact"},
    {INSTALL("artifact: ^[a]"), "spec.artifact", "a map"},
    {INSTALL("artifact: {name: ^a/b, version: 1}"), "spec.artifact.name", "a name"},
    {INSTALL("artifact: {name: a, version: ^1 2}"), "spec.artifact.version", "a name"},
    {INSTALL("artifact: ^{name: a}"), "spec.artifact.version", "required"},
    {INSTALL("artifact: {name: a, version: 1, url: ^ftp://a/b, sha256: " SHA256 ", size: 1}"), "spec.artifact.url",
     "http:// or https://"},
    {INSTALL("artifact: {name: a, version: 1, url: http://a/b, sha256: ^abc, size: 1}"), "spec.artifact.sha256",
     "64 hexadecimal digits"},
    {INSTALL("artifact: {name: a, version: 1, url: http://a/b, sha256: " SHA256 ", size: ^412MB}"),
     "spec.artifact.size", "412MiB"},
    {INSTALL("artifact: {name: a, version: 1, url: http://a/b, sha256: " SHA256 ", size: ^0}"), "spec.artifact.size",
     "1 to 1TiB"},
    {INSTALL("artifact: ^{name: a, version: 1, url: http://a/b, sha256: " SHA256 "}"), "spec.artifact.size",
     "together, or none"},
    {INSTALL("artifact: ^{name: a, version: 1, size: 1, sha256: " SHA256 "}"), "spec.artifact.url",
     "together, or none"},
    {INSTALL("artifact: {name: a, version: 1, fromVersions: ^1.0}"), "spec.artifact.fromVersions", "a list"},
    {INSTALL("artifact: {name: a, version: 1, fromVersions: [1.0, ^1 0]}"), "spec.artifact.fromVersions[1]", "a name"},
    {INSTALL("artifact: {name: a, version: 1, fromVersions: [1.0, ^1.0]}"), "spec.artifact.fromVersions[1]",
     "already, as number 1"},
    {SPEC("parameters: ^[1]"), "spec.parameters", "a map"},
    {SPEC("parameters: {a: ^010}"), "spec.parameters.a", "JSON number"},
    {SPEC("parameters: {a: [0, ^0x1F]}"), "spec.parameters.a[1]", "JSON number"},
    {SPEC("parameters: {a: ^1_000}"), "spec.parameters.a", "JSON number"},
    {SPEC("parameters: {a: ^.5}"), "spec.parameters.a", "JSON number"},
    {SPEC("parameters: {a: ^yes}"), "spec.parameters.a", "text in quotes"},
    {SPEC("parameters: {a: ^True}"), "spec.parameters.a", "text in quotes"},
    {SPEC("parameters: {a: ^.nan}"), "spec.parameters.a", "text in quotes"},
    {SPEC("parameters: {a: ^0o17}"), "spec.parameters.a", "text in quotes"},
    {SPEC("parameters: {a: ^~}"), "spec.parameters.a", "null, or a text in quotes"},
    {SPEC("parameters: {a: ^1.2345678901234567}"), "spec.parameters.a", "at most 15 digits"},
    {SPEC("parameters: {a: ^1e999}"), "spec.parameters.a", "at most 15 digits"},

    /* selector */
    {SPEC("selector: ^all"), "spec.selector", "a map"},
    {SPEC("selector: {completedIn: ^[y]}"), "spec.selector.completedIn", "a name"},
    {SPEC("selector: {completedIn: ^x}"), "spec.selector.completedIn", "another rollout"},
    {SPEC("selector: {completedIn: y, outOfService: ^only}"), "spec.selector.outOfService", "exclude|include"},
    {SPEC("selector: {outOfService: ^include}"), "spec.selector.outOfService", "include needs completedIn"},
    {SPEC("selector: {branches: ^B1}"), "spec.selector.branches", "a list"},
    {SPEC("selector: {branches: [B1, ^B 2]}"), "spec.selector.branches[1]", "an ID"},
    {SPEC("selector: {branches: [B1, B2, ^B1]}"), "spec.selector.branches[2]", "already, as number 1"},
    {SPEC("selector: {devices: ^A1}"), "spec.selector.devices", "a list"},
    {SPEC("selector: {devices: [^A/1]}"), "spec.selector.devices[0]", "an ID"},
    {SPEC("selector: {matchLabels: ^[a]}"), "spec.selector.matchLabels", "a map"},
    {SPEC("selector: {matchLabels: {^\"a b\": c}}"), "spec.selector.matchLabels.a b", "the key must be a name"},
    {SPEC("selector: {matchLabels: {a: ^{}}}"), "spec.selector.matchLabels.a", "found a map"},
    {SPEC("selector: {matchExpressions: ^{}}"), "spec.selector.matchExpressions", "a list"},
    {SPEC("selector: {matchExpressions: [{key: ^'', operator: Exists}]}"), "spec.selector.matchExpressions[0].key",
     "a name"},
    {SPEC("selector: {matchExpressions: [{key: a, operator: ^Equals}]}"), "spec.selector.matchExpressions[0].operator",
     "In|NotIn"},
    {SPEC("selector: {matchExpressions: [^{key: a, operator: In}]}"), "spec.selector.matchExpressions[0].values",
     "at least one"},
    {SPEC("selector: {matchExpressions: [{key: a, operator: Exists, values: ^[b]}]}"),
     "spec.selector.matchExpressions[0].values", "takes no values"},
    {SPEC("selector: {matchExpressions: [{key: a, operator: In, values: [^[b]]}]}"),
     "spec.selector.matchExpressions[0].values[0]", "found a list"},

    /* schedule */
    {SPEC("schedule: ^now"), "spec.schedule", "a map"},
    {SPEC("schedule: {startAt: ^2026-12-01}"), "spec.schedule.startAt", "a time with its offset"},
    {SPEC("schedule: {startAt: ^2026-02-30T00:00:00Z}"), "spec.schedule.startAt", "a time"},
    {SPEC("schedule: {endAt: ^tomorrow}"), "spec.schedule.endAt", "a time"},
    {SPEC("schedule: {startAt: 2026-12-01T00:00:00Z, endAt: ^2026-12-01T01:00:00+01:00}"), "spec.schedule.endAt",
     "after startAt"},
    {SPEC("schedule: {timeZone: ^+02:00}"), "spec.schedule.timeZone", "device, or an IANA time zone"},
    {SPEC("schedule: {endBehavior: ^drop}"), "spec.schedule.endBehavior", "stop|cancel"},
    {SPEC("schedule: {endBehavior: ^cancel}"), "spec.schedule.endBehavior", "needs endAt"},
    {SPEC("schedule: {calendars: ^all}"), "spec.schedule.calendars", "a list"},
    {SPEC("schedule: {calendars: [month-end, ^month-end]}"), "spec.schedule.calendars[1]", "already"},
    {SPEC("schedule: {windows: ^{}}"), "spec.schedule.windows", "a list"},
    {SPEC("schedule: {windows: [{days: ^[], start: '01:00', duration: 3h}]}"), "spec.schedule.windows[0].days",
     "1 to 7 members"},
    {SPEC("schedule: {windows: [{days: [tue, ^Wed], start: '01:00', duration: 3h}]}"),
     "spec.schedule.windows[0].days[1]", "mon, tue"},
    {SPEC("schedule: {windows: [{days: [tue, ^tue], start: '01:00', duration: 3h}]}"),
     "spec.schedule.windows[0].days[1]", "already"},
    {SPEC("schedule: {windows: [{start: ^1:00, duration: 3h}]}"), "spec.schedule.windows[0].start", "time of the day"},
    {SPEC("schedule: {windows: [{start: ^'24:00', duration: 3h}]}"), "spec.schedule.windows[0].start",
     "time of the day"},
    {SPEC("schedule: {windows: [{start: '01:00', duration: ^3}]}"), "spec.schedule.windows[0].duration", "1m to 1d"},
    {SPEC("schedule: {windows: [{start: '01:00', duration: ^25h}]}"), "spec.schedule.windows[0].duration", "1m to 1d"},
    {SPEC("schedule: {windows: [^{start: '01:00'}]}"), "spec.schedule.windows[0].duration", "required"},
    {SPEC("schedule: {windows: [{start: '01:00', duration: ^1h}]}"), "spec.schedule.windows[0].duration",
     "longer than execution.installTimeout, 1h"},
    {SPEC("schedule: {blackouts: ^[1, 2"), "", "not YAML"},
    {SPEC("schedule: {blackouts: ^soon}"), "spec.schedule.blackouts", "a list"},
    {SPEC("schedule: {blackouts: [{from: ^2026-13-01, to: 2026-12-10}]}"), "spec.schedule.blackouts[0].from", "a date"},
    {SPEC("schedule: {blackouts: [{from: 2026-12-08, to: ^12-10}]}"), "spec.schedule.blackouts[0].to", "a date"},
    {SPEC("schedule: {blackouts: [{from: 2026-12-08, to: ^2026-12-07}]}"), "spec.schedule.blackouts[0].to",
     "not before from"},
    {SPEC("schedule: {blackouts: [{from: 2026-12-09T12:00:00Z, to: ^2026-12-07}]}"), "spec.schedule.blackouts[0].to",
     "not before from"},
    {SPEC("schedule: {blackouts: [{from: 2026-12-08, to: 2026-12-10, reason: ^[x]}]}"),
     "spec.schedule.blackouts[0].reason", "a text"},

    /* rate and budget */
    {SPEC("rate: ^60"), "spec.rate", "a map"},
    {SPEC("rate: {perMinute: ^0}"), "spec.rate.perMinute", "1 to 1000000"},
    {SPEC("rate: {perMinute: ^1e3}"), "spec.rate.perMinute", "an integer"},
    {SPEC("rate: {perMinute: ^7.5}"), "spec.rate.perMinute", "an integer"},
    {SPEC("schedule: {timeZone: ^true}"), "spec.schedule.timeZone", "an IANA time zone"},
    {SPEC("rate: {perMinute: ^'60'}"), "spec.rate.perMinute", "an integer"},
    {SPEC("rate: {perMinute: 1, growth: ^0.5, growAfter: 10}"), "spec.rate.growth", "1 to 10"},
    {SPEC("rate: {growth: ^2, growAfter: 10}"), "spec.rate.growth", "needs perMinute"},
    {SPEC("rate: {perMinute: 1, growth: ^2}"), "spec.rate.growth", "needs growAfter"},
    {SPEC("rate: {perMinute: 1, growth: 2, growAfter: ^0}"), "spec.rate.growAfter", "1 to 1000000"},
    {SPEC("rate: {perMinute: 1, growAfter: ^10}"), "spec.rate.growAfter", "needs a growth over 1"},
    {SPEC("rate: {perMinute: 1, growth: 2, growAfter: 10, maximumPerMinute: ^x}"), "spec.rate.maximumPerMinute",
     "an integer"},
    {SPEC("rate: {perMinute: 1, maximumPerMinute: ^10}"), "spec.rate.maximumPerMinute", "needs a growth over 1"},
    {SPEC("rate: {perMinute: 20, growth: 2, growAfter: 10, maximumPerMinute: ^19}"), "spec.rate.maximumPerMinute",
     "at least perMinute, which is 20"},
    {SPEC("disruptionBudget: ^1"), "spec.disruptionBudget", "a map"},
    {SPEC("disruptionBudget: ^{per: branch}"), "spec.disruptionBudget.maxUnavailable", "required"},
    {SPEC("disruptionBudget: {per: ^region, maxUnavailable: 1}"), "spec.disruptionBudget.per", "allowed: branch"},
    {SPEC("disruptionBudget: {maxUnavailable: ^0}"), "spec.disruptionBudget.maxUnavailable", "1 to"},
    {SPEC("disruptionBudget: {maxUnavailable: ^''}"), "spec.disruptionBudget.maxUnavailable", "1 to"},
    {SPEC("disruptionBudget: {maxUnavailable: ^0%}"), "spec.disruptionBudget.maxUnavailable", "25%"},
    {SPEC("disruptionBudget: {maxUnavailable: 1, singleDevice: ^refuse}"), "spec.disruptionBudget.singleDevice",
     "allow|skip"},

    /* priority and other rollouts */
    {SPEC("priority: ^101"), "spec.priority", "0 to 100"},
    {SPEC("preempt: ^yes"), "spec.preempt", "true or false"},
    {SPEC("preempt: ^true"), "spec.preempt", "a priority over 50"},
    {SPEC("supersedes: ^y"), "spec.supersedes", "a list"},
    {SPEC("supersedes: [y, ^x]"), "spec.supersedes[1]", "another rollout"},

    /* groups */
    {SPEC("groups: ^{}"), "spec.groups", "a list"},
    {SPEC("groups: ^[]"), "spec.groups", "1 to 500 members"},
    {SPEC("groups: [^lab]"), "spec.groups[0]", "a map"},
    {SPEC("groups: [{name: ^, count: 1}]"), "spec.groups[0].name", "found nothing"},
    {SPEC("groups: [^{name: a}]"), "spec.groups[0]", "exactly one"},
    {SPEC("groups: [^{name: a, count: 1, percentage: 2}]"), "spec.groups[0]", "exactly one"},
    {SPEC("groups: [{name: a, count: 1}, {name: ^a, count: 2}]"), "spec.groups[1].name", "already"},
    {SPEC("groups: [{name: a, count: ^0}]"), "spec.groups[0].count", "an integer"},
    {SPEC("groups: [{name: a, devices: ^[]}]"), "spec.groups[0].devices", "1 to"},
    {SPEC("groups: [{name: a, branches: ^B1}]"), "spec.groups[0].branches", "a list"},
    {SPEC("groups: [{name: a, branches: [^B*]}]"), "spec.groups[0].branches[0]", "an ID"},
    {SPEC("groups: [{name: a, percentage: ^0}]"), "spec.groups[0].percentage", "over 0"},
    {SPEC("groups: [{name: a, percentage: ^101%}]"), "spec.groups[0].percentage", "100"},
    {SPEC("groups: [{name: a, percentage: 5, success: ^all}]"), "spec.groups[0].success", "a percentage"},
    {SPEC("groups: [{name: a, percentage: 5.5}, {name: b, percentage: ^5%}]"), "spec.groups[1].percentage",
     "at least the 5.5"},
    {SPEC("groups: [{name: a, count: 9}, {name: b, percentage: 5}, {name: c, count: ^8}]"), "spec.groups[2].count",
     "at least the 9"},

    {SPEC("groups: [{name: a, count: 1, soak: ^48}]"), "spec.groups[0].soak", "a duration"},
    {SPEC("groups: [{name: a, count: 1, opens: ^soon}, {name: b, count: 2}]"), "spec.groups[0].opens",
     "settled|reached"},
    {SPEC("groups: [{name: a, count: 1}, {name: b, count: 2, approval: ^me}]"), "spec.groups[1].approval",
     "automatic|manual"},

    /* abort and rollback */
    {SPEC("abort: ^{}"), "spec.abort", "a list"},
    {SPEC("abort: [{on: ^bored, count: 50, then: cancel}]"), "spec.abort[0].on", "failed|timed_out"},
    {SPEC("abort: [{on: failed, count: 5, then: pause, counts: ^all}]"), "spec.abort[0].counts", "attempts|final"},
    {SPEC("abort: [{on: failed, count: ^final, then: pause}]"), "spec.abort[0].count", "an integer"},
    {SPEC("abort: [{on: failed, count: 50, then: ^stop}]"), "spec.abort[0].then", "pause|cancel|rollback"},
    {SPEC("abort: [^{on: failed, then: pause}]"), "spec.abort[0]", "exactly one"},
    {SPEC("abort: [^{on: failed, percentage: 2, count: 1, then: pause}]"), "spec.abort[0]", "exactly one"},
    {SPEC("abort: [{on: failed, percentage: ^0%, then: pause}]"), "spec.abort[0].percentage", "over 0"},
    {SPEC("abort: [{on: failed, count: ^0, then: pause}]"), "spec.abort[0].count", "an integer"},
    {SPEC("abort: [{on: failed, percentage: 2, minimum: ^0, then: pause}]"), "spec.abort[0].minimum", "an integer"},
    {SPEC("abort: [{on: failed, count: 2, minimum: ^1, then: pause}]"), "spec.abort[0].minimum", "with a percentage"},
    {SPEC("abort: [{on: failed, count: 2, then: ^rollback}]"), "spec.abort[0].then", "run cannot be rolled back"},
    {SPEC("rollback: ^{on: [failed]}"), "spec.rollback", "run cannot be rolled back"},
    {INSTALL("artifact: {name: a, version: 1}\n  rollback: ^previous"), "spec.rollback", "a map"},
    {INSTALL("artifact: {name: a, version: 1}\n  rollback: {to: ^4.7.0, on: [failed]}"), "spec.rollback.to",
     "allowed: previous"},
    {INSTALL("artifact: {name: a, version: 1}\n  rollback: {on: ^[]}"), "spec.rollback.on", "1 to 3"},
    {INSTALL("artifact: {name: a, version: 1}\n  rollback: {on: [failed, ^abort]}"), "spec.rollback.on[1]",
     "a criterion with then: cancel or rollback"},

    /* execution */
    {SPEC("execution: ^fast"), "spec.execution", "a map"},
    {SPEC("execution: {dispatchTimeout: ^0s}"), "spec.execution.dispatchTimeout", "1s to 30d"},
    {SPEC("execution: {answerTimeout: ^500ms}"), "spec.execution.answerTimeout", "whole seconds"},
    {SPEC("execution: {receiveTimeout: ^900}"), "spec.execution.receiveTimeout", "a duration"},
    {SPEC("execution: {installTimeout: ^1.5h}"), "spec.execution.installTimeout", "a duration"},
    {SPEC("execution: {retries: ^-1}"), "spec.execution.retries", "0 to 20"},
    {SPEC("execution: {retryOn: ^failed}"), "spec.execution.retryOn", "a list"},
    {SPEC("execution: {retryOn: [^rejected]}"), "spec.execution.retryOn[0]", "timed_out|failed"},
    {SPEC("execution: {backoff: ^31d}"), "spec.execution.backoff", "0s to 30d"},
    {SPEC("execution: {deferLimit: ^0x10}"), "spec.execution.deferLimit", "an integer"},
    {SPEC("approvals: {required: ^many}"), "spec.approvals.required", "0 to 10"},
    {SPEC("approvals: ^1"), "spec.approvals", "a map"},
};

static void each_wrong_value_is_a_fault_at_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_plans); i++) {
        struct marked_text marked = marked_text(bad_plans[i].text);
        if (strcmp(bad_plans[i].detail, "not YAML") == 0) { /* libyaml sees it at the end */
            marked.line++;
            marked.column = 1;
        }
        struct document_faults faults = {0};
        struct plan *plan;
        enum tc_error error = plan_parse(buffer_text(&marked.text), marked.text.length, &plan, &faults);
        assert_one_fault(&faults, &marked, bad_plans[i].path, bad_plans[i].detail);
        assert_int_equal(error, TC_INVALID);
        assert_null(plan);
        document_faults_free(&faults);
        buffer_free(&marked.text);
    }
}

/* "spec.groups[3].name" and the row's "spec.groups[].name" are one. */
static bool is_same_key(const char *path, const char *key)
{
    while (*path != '\0' && *path == *key) {
        if (*path == '[')
            path += strcspn(path, "]") - 1; /* to the bracket that `key` has next */
        path++;
        key++;
    }
    return *path == '\0' && *key == '\0';
}

static bool is_tested(const char *key)
{
    for (size_t i = 0; i < COUNT_OF(bad_plans); i++) {
        if (is_same_key(bad_plans[i].path, key))
            return true;
    }
    return false;
}

/* The page has the name as a whole word. */
static bool is_documented(const struct buffer *page, const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *start = buffer_text(page);
    for (const char *at = strstr(start, name); at != NULL; at = strstr(at + 1, name)) {
        bool begins = at == start || strchr(letters, at[-1]) == NULL;
        if (begins && strspn(at, letters) == strlen(name))
            return true;
    }
    return false;
}

static void assert_all_documented(const struct buffer *page, const struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_key *key = &schema->keys[i];
        if (!is_documented(page, key->name))
            print_error("docs/plans.md does not say %s\n", key->name);
        assert_true(is_documented(page, key->name));
        const struct schema *below = key->item == NULL ? key->map : key->item->map;
        if (below != NULL)
            assert_all_documented(page, below);
    }
}

static void every_key_of_the_language_is_documented(void **state)
{
    (void)state;
    struct buffer page = {0};
    assert_int_equal(file_read("docs/plans.md", 1 << 20, &page, NULL), TC_OK);
    assert_all_documented(&page, plan_document_key.map);
    buffer_free(&page);
}

static void assert_all_tested(const struct schema *schema, const char *above)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_key *key = &schema->keys[i];
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", above, key->name);
        if (!is_tested(path))
            print_error("no test has a wrong value for %s\n", path);
        assert_true(is_tested(path));
        char below[140];
        (void)snprintf(below, sizeof below, "%s%s.", path, key->item == NULL ? "" : "[]");
        if (key->map != NULL)
            assert_all_tested(key->map, below);
        else if (key->item != NULL && key->item->map != NULL)
            assert_all_tested(key->item->map, below);
    }
}

static void every_key_of_the_language_has_a_wrong_value_here(void **state)
{
    (void)state;
    assert_all_tested(plan_document_key.map, "");
}

static void all_faults_are_found_at_once_in_the_order_of_the_source(void **state)
{
    (void)state;
    struct plan *plan;
    struct document_faults faults = {0};
    assert_int_equal(parse("apiVersion: v1\nkind: Rollout\nmetadata: {nam: x}\nspec:\n  action: install\n"
                           "  rate: {perMinute: 0, growth: 2}\n  schedule:\n"
                           "    startAt: 2026-12-02T00:00:00Z\n    endAt: 2026-12-01T00:00:00Z\n"
                           "  execution: {retries: 010}\n",
                           &plan, &faults),
                     TC_INVALID);
    struct buffer all = {0};
    document_faults_print(&faults, "p", &all);
    assert_string_equal(buffer_text(&all),
                        "p:1:13: apiVersion: found \"v1\", allowed: tellercast/v1\n"
                        "p:3:11: metadata.name: is required\n"
                        "p:3:12: metadata.nam: unknown key; did you mean name?\n"
                        "p:5:3: spec.artifact: action install needs an artifact\n"
                        "p:6:21: spec.rate.perMinute: found \"0\", allowed: an integer, 1 to 1000000\n"
                        "p:6:32: spec.rate.growth: growth needs growAfter, the completed devices after which the "
                        "rate grows\n"
                        "p:9:12: spec.schedule.endAt: found 2026-12-01T00:00:00Z, allowed: a time after startAt, "
                        "which is 2026-12-02T00:00:00Z\n"
                        "p:10:24: spec.execution.retries: found \"010\", allowed: an integer, 0 to 20\n");
    buffer_free(&all);
    document_faults_free(&faults);
}

static void a_plan_that_is_too_large_is_refused_unread(void **state)
{
    (void)state;
    char *text = calloc(1, PLAN_SIZE_MAX + 2);
    assert_non_null(text);
    memset(text, '#', PLAN_SIZE_MAX + 1);
    struct plan *plan;
    struct document_faults faults = {0};
    assert_int_equal(plan_parse(text, PLAN_SIZE_MAX + 1, &plan, &faults), TC_TOO_LARGE);
    assert_int_equal(faults.total, 1);
    assert_int_equal(plan_parse(text, PLAN_SIZE_MAX, &plan, &faults), TC_INVALID);
    document_faults_free(&faults);
    free(text);
}

static void parameters_may_have_32_kib_and_groups_be_500(void **state)
{
    (void)state;
    enum { FRAME = 8 }; /* {"a":"…"} */
    for (int over = 0; over <= 1; over++) {
        struct buffer text = {0};
        buffer_put_text(&text, SPEC("groups:"));
        for (int i = 0; i < 500 + over; i++)
            buffer_format(&text, "    - {name: g%d, count: %d}\n", i, i + 1);
        buffer_put_text(&text, "  parameters: {a: ");
        for (int i = 0; i < 32768 - FRAME + over; i++)
            buffer_put_text(&text, "x");
        buffer_put_text(&text, "}\n");
        struct plan *plan;
        struct document_faults faults = {0};
        assert_int_equal(parse(buffer_text(&text), &plan, &faults), over ? TC_INVALID : TC_OK);
        assert_int_equal(faults.total, 2 * over);
        plan_free(plan);
        document_faults_free(&faults);
        buffer_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wrong_value_is_a_fault_at_its_place),
        cmocka_unit_test(every_key_of_the_language_has_a_wrong_value_here),
        cmocka_unit_test(every_key_of_the_language_is_documented),
        cmocka_unit_test(all_faults_are_found_at_once_in_the_order_of_the_source),
        cmocka_unit_test(a_plan_that_is_too_large_is_refused_unread),
        cmocka_unit_test(parameters_may_have_32_kib_and_groups_be_500),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
