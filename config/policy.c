#include "config/policy.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum {
    RULES_MAX = 100,
    NAMES_MAX = 1000,
    DEVICES_MAX = 100000000,
    APPROVALS_MAX = 10,
    MINUTE_S = 60,
    YEAR_S = 31536000
};

/* What a policy without the key asks for; policy_review_within() of the database has it, too. */
static const char review_within_initial[] = "259200s";

/* A number of seconds could not be read again as a duration. */
static json_t *read_duration_text(struct schema_reading *reading, const struct schema_key *key,
                                  const struct tree_node *node)
{
    json_t *seconds = schema_read_duration(reading, key, node);
    if (seconds == NULL)
        return NULL;
    json_t *text = json_sprintf("%llds", (long long)json_integer_value(seconds));
    json_decref(seconds);
    TC_CHECK(text != NULL);
    return text;
}

/* `resume`: what lets a rollout run again that an abort stopped; the others are the actions of plans. */
static const struct schema_key rule_keys[] = {
    {.name = "action", .read = schema_read_choice, .allowed = "install|rollback|configure|collect|run|resume"},
    {.name = "devices", .read = schema_read_integer, .initial = "1", .least = 1, .most = DEVICES_MAX},
    {.name = "count", .read = schema_read_integer, .least = 1, .most = APPROVALS_MAX},
};
static const struct schema rule = {rule_keys, COUNT_OF(rule_keys)};
static const struct schema_key rule_item = {.read = schema_read_map, .map = &rule};
static const struct schema_key name_item = {.read = schema_read_name};

static const struct schema_key policy_keys[] = {
    {.name = "approvals", .read = schema_read_list, .initial = SCHEMA_NOTHING, .most = RULES_MAX, .item = &rule_item},
    {.name = "lift_freeze", .read = schema_read_list, .initial = SCHEMA_NOTHING, .most = NAMES_MAX, .item = &name_item},
    {.name = "lift_freeze_by_two", .read = schema_read_boolean, .initial = SCHEMA_NOTHING},
    {.name = "preempt", .read = schema_read_list, .initial = SCHEMA_NOTHING, .most = NAMES_MAX, .item = &name_item},
    {.name = "review_within", .read = read_duration_text, .initial = SCHEMA_NOTHING, .least = MINUTE_S, .most = YEAR_S},
};
static const struct schema policy = {policy_keys, COUNT_OF(policy_keys)};

/* By action and by number of devices; of two rules of the same size the one that asks for more comes first. */
static int compare_rules(const void *left, const void *right)
{
    const json_t *a = *(json_t *const *)left, *b = *(json_t *const *)right;
    int order =
        strcmp(json_string_value(json_object_get(a, "action")), json_string_value(json_object_get(b, "action")));
    static const char *const numbers[] = {"devices", "count"};
    for (size_t i = 0; i < COUNT_OF(numbers) && order == 0; i++) {
        int64_t least = json_integer_value(json_object_get(a, numbers[i]));
        int64_t most = json_integer_value(json_object_get(b, numbers[i]));
        order = (least > most) - (least < most);
        if (i == 1)
            order = -order;
    }
    return order;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(json_string_value(*(json_t *const *)left), json_string_value(*(json_t *const *)right));
}

/* A rule that comes before it holds for fewer devices already, and asks for as many. */
static bool rule_adds_nothing(const json_t *item, const json_t *before)
{
    return before != NULL && json_equal(json_object_get(item, "action"), json_object_get(before, "action")) &&
           json_integer_value(json_object_get(item, "count")) <= json_integer_value(json_object_get(before, "count"));
}

static bool name_adds_nothing(const json_t *item, const json_t *before)
{
    return before != NULL && json_equal(item, before);
}

/* Sorts a list, and leaves out what adds nothing to the member before it. */
static void sort_list(json_t *list, int (*compare)(const void *, const void *),
                      bool (*adds_nothing)(const json_t *item, const json_t *before))
{
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    json_t **items = calloc(count, sizeof(json_t *));
    TC_CHECK(items != NULL);
    for (size_t i = 0; i < count; i++)
        items[i] = json_incref(json_array_get(list, i));
    qsort(items, count, sizeof(json_t *), compare);
    TC_CHECK(json_array_clear(list) == 0);
    for (size_t i = 0; i < count; i++) {
        size_t kept = json_array_size(list);
        if (!adds_nothing(items[i], kept == 0 ? NULL : json_array_get(list, kept - 1)))
            TC_CHECK(json_array_append(list, items[i]) == 0);
        json_decref(items[i]);
    }
    free(items);
}

/* Policies that ask for the same become the same text. `preempt: []` lets nobody preempt, and stays; so does
 * `lift_freeze: []`. */
static void normalize(json_t *read)
{
    json_t *approvals = json_object_get(read, "approvals");
    sort_list(approvals, compare_rules, rule_adds_nothing);
    if (json_array_size(approvals) == 0)
        (void)json_object_del(read, "approvals");
    sort_list(json_object_get(read, "preempt"), compare_names, name_adds_nothing);
    sort_list(json_object_get(read, "lift_freeze"), compare_names, name_adds_nothing);
    if (json_is_false(json_object_get(read, "lift_freeze_by_two")))
        (void)json_object_del(read, "lift_freeze_by_two");
    const char *within = json_string_value(json_object_get(read, "review_within"));
    if (within != NULL && strcmp(within, review_within_initial) == 0)
        (void)json_object_del(read, "review_within");
}

static json_t *read_policy(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    json_t *read = schema_read_map(reading, key, node);
    if (read != NULL && reading->faults->total == 0)
        normalize(read);
    return read;
}

const struct schema_key policy_key = {.read = read_policy, .map = &policy};
