#include "config/amendment_order.h"

#include "config/plan_language.h"
#include "config/tree.h"

#include <stdio.h>

static const char *const value_keys[AMENDMENT_VALUE_COUNT] = {
    [AMENDMENT_VALUE_RATE] = "rate",
    [AMENDMENT_VALUE_BUDGET] = "maxUnavailable",
    [AMENDMENT_VALUE_END] = "endAt",
    [AMENDMENT_VALUE_PROMOTION] = "promote",
};

static const struct schema_key promotion_keys[] = {
    {.name = "group", .read = operation_read_name, .allowed = "group"},
    {.name = "past", .read = schema_read_choice, .allowed = "failed"},
};
static const struct schema promotion_schema = {promotion_keys, sizeof promotion_keys / sizeof *promotion_keys};

static const struct schema_key keys[] = {
    {.name = "version", .read = schema_read_integer, .least = 1, .most = INT64_MAX},
    {.name = "reason", .read = operation_read_reason},
    {.name = "rate", .read = schema_read_map, .initial = SCHEMA_NOTHING, .map = &plan_rate_schema},
    {.name = "maxUnavailable",
     .read = schema_read_amount,
     .initial = SCHEMA_NOTHING,
     .least = PLAN_UNAVAILABLE_LEAST,
     .most = PLAN_UNAVAILABLE_MOST},
    {.name = "endAt", .read = schema_read_time, .initial = SCHEMA_NOTHING},
    {.name = "promote", .read = schema_read_map, .initial = SCHEMA_NOTHING, .map = &promotion_schema},
};
static const struct schema order_schema = {keys, sizeof keys / sizeof *keys};

static void take_change(const struct tree *tree, const json_t *object, struct amendment_order_words *words,
                        struct document_faults *faults)
{
    const struct plan_rate_place rate = {.source = tree, .path = "rate"};
    int changes = 0;
    for (int i = 0; i < AMENDMENT_VALUE_COUNT; i++) {
        json_t *value = json_object_get(object, value_keys[i]);
        if (value == NULL)
            continue;
        changes++;
        words->changes = (enum amendment_value)i;
        words->after = value;
    }
    json_incref(words->after);
    if (changes != 1)
        document_fault_add(
            faults, 0, 0, "",
            "found %d changes, allowed: one of rate, maxUnavailable, endAt and promote; each is an amendment of "
            "its own",
            changes);
    else if (words->changes == AMENDMENT_VALUE_RATE && json_is_null(json_object_get(words->after, "perMinute")))
        document_fault_add(faults, 0, 0, "rate.perMinute", "is required");
    else if (words->changes == AMENDMENT_VALUE_RATE)
        plan_check_rate(&rate, words->after, faults);
}

enum tc_error amendment_order_parse(const char *bytes, size_t length, struct amendment_order_words *words,
                                    struct document_faults *faults)
{
    *words = (struct amendment_order_words){0};
    struct tree *tree = tree_parse(bytes, length, faults);
    if (tree == NULL)
        return TC_INVALID;
    const struct schema_key document = {.map = &order_schema};
    struct schema_reading reading = {.faults = faults};
    json_t *object = schema_read_map(&reading, &document, tree->root);
    if (faults->total == 0) {
        words->version = json_integer_value(json_object_get(object, "version"));
        (void)snprintf(words->reason, sizeof words->reason, "%s", json_string_value(json_object_get(object, "reason")));
        take_change(tree, object, words, faults);
    }
    json_decref(object);
    tree_free(tree);
    document_faults_sort(faults);
    return faults->total == 0 ? TC_OK : TC_INVALID;
}

void amendment_order_free(struct amendment_order_words *words)
{
    json_decref(words->after);
    words->after = NULL;
}
