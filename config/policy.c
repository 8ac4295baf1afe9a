#include "config/policy.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum {
    RULES_MAX = 100,
    NAMES_MAX = 1000,
    DEVICES_MAX = 100000000,
    APPROVALS_MAX = 10,
    MINUTE_S = 60,
    YEAR_S = 31536000
};

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
    {.name = "preempt", .read = schema_read_list, .initial = SCHEMA_NOTHING, .most = NAMES_MAX, .item = &name_item},
    {.name = "review_within", .read = read_duration_text, .initial = SCHEMA_NOTHING, .least = MINUTE_S, .most = YEAR_S},
};
static const struct schema policy = {policy_keys, COUNT_OF(policy_keys)};

const struct schema_key policy_key = {.read = schema_read_map, .map = &policy};
