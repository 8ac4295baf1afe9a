/* The rules between the keys of a rate, of a plan or of an amendment. */
#include "config/plan_language.h"
#include "config/tree.h"

#include <stdio.h>

static void add(const struct plan_rate_place *place, const char *key, const char *detail,
                struct document_faults *faults)
{
    char path[sizeof faults->items->path];
    (void)snprintf(path, sizeof path, "%s.%s", place->path, key);
    const struct tree_node *node = tree_nearest(place->source->root, path);
    document_fault_add(faults, node->line, node->column, path, "%s", detail);
}

static bool is_given(const json_t *rate, const char *key)
{
    const json_t *value = json_object_get(rate, key);
    return value != NULL && !json_is_null(value);
}

static void check_growth(const struct plan_rate_place *place, const json_t *rate, bool grows,
                         struct document_faults *faults)
{
    if (grows && json_is_null(json_object_get(rate, "perMinute")))
        add(place, "growth", "growth needs perMinute to begin with", faults);
    if (grows && json_is_null(json_object_get(rate, "growAfter")))
        add(place, "growth", "growth needs growAfter, the completed devices after which the rate grows", faults);
    if (!grows && is_given(rate, "growAfter"))
        add(place, "growAfter", "growAfter needs a growth over 1", faults);
    if (!grows && is_given(rate, "maximumPerMinute"))
        add(place, "maximumPerMinute", "maximumPerMinute needs a growth over 1", faults);
}

void plan_check_rate(const struct plan_rate_place *place, const json_t *rate, struct document_faults *faults)
{
    const json_t *growth = json_object_get(rate, "growth"), *per_minute = json_object_get(rate, "perMinute");
    const json_t *most = json_object_get(rate, "maximumPerMinute");
    if (growth != NULL) /* it has no fault of its own */
        check_growth(place, rate, json_number_value(growth) != 1, faults);
    if (!json_is_integer(most) || json_integer_value(most) >= json_integer_value(per_minute))
        return;
    char detail[sizeof faults->items->detail];
    (void)snprintf(detail, sizeof detail,
                   "found %" JSON_INTEGER_FORMAT ", allowed: at least perMinute, which is %" JSON_INTEGER_FORMAT,
                   json_integer_value(most), json_integer_value(per_minute));
    add(place, "maximumPerMinute", detail, faults);
}
