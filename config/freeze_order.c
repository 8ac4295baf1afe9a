#include "config/freeze_order.h"

#include "base/clock.h"
#include "config/scope_text.h"
#include "config/tree.h"

#include <stdio.h>
#include <string.h>

enum { MATCH_MAX = 2048 };

static const int64_t day_ms = INT64_C(86400000);

static const struct schema_key exception = {.read = schema_read_choice, .allowed = "rollback"};
static const struct schema_key keys[] = {
    {.name = "match", .read = operation_read_match, .initial = SCHEMA_NOTHING, .least = 1, .most = MATCH_MAX},
    {.name = "until", .read = schema_read_time},
    {.name = "reason", .read = operation_read_reason},
    {.name = "except", .read = schema_read_list, .initial = SCHEMA_NOTHING, .most = 1, .item = &exception},
};
static const struct schema order_schema = {keys, sizeof keys / sizeof *keys};

static void take_scope(const json_t *object, struct buffer *scope)
{
    struct tc_fault fault;
    const char *match = json_string_value(json_object_get(object, "match"));
    if (match == NULL)
        buffer_put_text(scope, "{}");
    else
        TC_CHECK(scope_text_parse(match, scope, &fault) == TC_OK);
}

static void take_until(const json_t *object, int64_t now_ms, struct freeze_order *order, struct document_faults *faults)
{
    const char *until = json_string_value(json_object_get(object, "until"));
    TC_CHECK(clock_parse(until, strlen(until), &order->until_ms));
    if (order->until_ms <= now_ms || order->until_ms > now_ms + FREEZE_DAYS_MAX * day_ms)
        document_fault_add(faults, 0, 0, "until", "found \"%s\", allowed: a time in the future, at most %d days ahead",
                           until, FREEZE_DAYS_MAX);
}

enum tc_error freeze_order_parse(const char *bytes, size_t length, int64_t now_ms, struct freeze_order *order,
                                 struct document_faults *faults)
{
    *order = (struct freeze_order){0};
    struct tree *tree = tree_parse(bytes, length, faults);
    if (tree == NULL)
        return TC_INVALID;
    const struct schema_key document = {.map = &order_schema};
    struct schema_reading reading = {.faults = faults};
    json_t *object = schema_read_map(&reading, &document, tree->root);
    if (faults->total == 0) {
        take_scope(object, &order->scope);
        take_until(object, now_ms, order, faults);
        order->excepts_rollbacks = json_array_size(json_object_get(object, "except")) > 0;
        (void)snprintf(order->reason, sizeof order->reason, "%s", json_string_value(json_object_get(object, "reason")));
    }
    json_decref(object);
    tree_free(tree);
    document_faults_sort(faults);
    return faults->total == 0 ? TC_OK : TC_INVALID;
}

void freeze_order_free(struct freeze_order *order)
{
    buffer_free(&order->scope);
}
