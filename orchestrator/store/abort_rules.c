#include "orchestrator/store/abort_rules.h"

#include "base/fault.h"
#include "config/plan_number.h"

#include <stdlib.h>
#include <string.h>

static const char *text_at(const json_t *item, const char *key)
{
    const char *text = json_string_value(json_object_get(item, key));
    return text == NULL ? "" : text;
}

/* The default is not written to the plan. */
static bool read_counts(const json_t *item, bool *final_only)
{
    *final_only = strcmp(text_at(item, "counts"), "final") == 0;
    return *final_only || json_object_get(item, "counts") == NULL;
}

/* A rule has either a count or a percentage. */
static bool read_rule(const json_t *item, struct abort_rule *rule)
{
    bool known = abort_cause_parse(text_at(item, "on"), &rule->cause) &&
                 abort_action_parse(text_at(item, "then"), &rule->action) && read_counts(item, &rule->final_only);
    rule->count = plan_number(item, "count", 0, &known);
    rule->percentage = plan_decimal(item, "percentage", 0, &known);
    rule->minimum = plan_number(item, "minimum", 1, &known);
    return known && (rule->count > 0) != (rule->percentage > 0);
}

bool abort_rules_read(const json_t *list, struct abort_rule **rules, size_t *count)
{
    bool known = json_is_array(list);
    *count = json_array_size(list);
    *rules = calloc(*count + 1, sizeof **rules);
    TC_CHECK(*rules != NULL);
    for (size_t i = 0; i < *count; i++)
        known = read_rule(json_array_get(list, i), &(*rules)[i]) && known;
    return known;
}
