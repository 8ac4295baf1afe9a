#include "config/plan_rollback.h"

#include "base/id.h"
#include "config/plan_number.h"
#include "config/scalar.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANONICAL_FLAGS = JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15), MS_PER_SECOND = 1000 };

/* Writes a canonical duration as plans write it: replaces the seconds of `key` by a text. */
static void put_duration(json_t *map, const char *key)
{
    const json_t *seconds = json_object_get(map, key);
    if (!json_is_integer(seconds))
        return;
    char text[SCALAR_TEXT_SIZE];
    scalar_write_duration(json_integer_value(seconds) * MS_PER_SECOND, text);
    TC_CHECK(json_object_set_new(map, key, json_string(text)) == 0);
}

/* Leaves the unknown day of a later version as it is: plan_parse() refuses it. */
static void put_weekdays(json_t *window)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    json_t *days = json_object_get(window, "days");
    for (size_t i = 0; i < json_array_size(days); i++) {
        json_int_t day = json_integer_value(json_array_get(days, i));
        if (day >= 1 && day <= (json_int_t)(sizeof names / sizeof *names))
            TC_CHECK(json_array_set_new(days, i, json_string(names[day - 1])) == 0);
    }
}

static void put_percentage(json_t *map, const char *key)
{
    const json_t *percentage = json_object_get(json_object_get(map, key), "percentage");
    if (percentage == NULL)
        return;
    char *number = json_dumps(percentage, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    TC_CHECK(number != NULL);
    TC_CHECK(json_object_set_new(map, key, json_sprintf("%s%%", number)) == 0);
    free(number);
}

/* Copies a part of the plan without its null values: null is the default of keys that were left out. */
static json_t *copy_part(const json_t *spec, const char *part)
{
    const json_t *origin = json_object_get(spec, part);
    json_t *copy = json_object();
    TC_CHECK(copy != NULL);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)origin, key, value)
    {
        if (!json_is_null(value))
            TC_CHECK(json_object_set_new(copy, key, json_deep_copy(value)) == 0);
    }
    return copy;
}

static json_t *schedule_of(const json_t *spec)
{
    json_t *schedule = copy_part(spec, "schedule");
    (void)json_object_del(schedule, "startAt");
    (void)json_object_del(schedule, "endAt");
    (void)json_object_del(schedule, "endBehavior");
    size_t i;
    json_t *window;
    json_array_foreach(json_object_get(schedule, "windows"), i, window)
    {
        put_duration(window, "duration");
        put_weekdays(window);
    }
    return schedule;
}

static json_t *execution_of(const json_t *spec)
{
    static const char *const durations[] = {"dispatchTimeout", "answerTimeout", "receiveTimeout", "installTimeout",
                                            "backoff"};
    json_t *execution = copy_part(spec, "execution");
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++)
        put_duration(execution, durations[i]);
    return execution;
}

/* Returns the lowest gate of the groups, but at least 1 %: a rollback that failed everywhere would pass a gate of 0 %.
 * The gate of a later version that is not a number counts as 100 %. */
static double success_of(const json_t *spec)
{
    static const double least = 1, highest = 100;
    double lowest = highest;
    bool known;
    size_t i;
    const json_t *group;
    json_array_foreach(json_object_get(spec, "groups"), i, group)
    {
        double success = plan_decimal(group, "success", highest, &known);
        lowest = success < lowest ? success : lowest;
    }
    return lowest > least ? lowest : least;
}

/* Only a percentage can have a minimum. An invalid criterion is left as it is: plan_parse() refuses it. */
static json_t *abort_of(const json_t *spec)
{
    json_t *criteria = json_array();
    TC_CHECK(criteria != NULL);
    size_t i;
    const json_t *origin;
    json_array_foreach(json_object_get(spec, "abort"), i, origin)
    {
        json_t *criterion = json_deep_copy(origin);
        if (json_object_get(criterion, "count") != NULL)
            (void)json_object_del(criterion, "minimum");
        if (json_is_object(criterion))
            TC_CHECK(json_object_set_new(criterion, "then", json_string("pause")) == 0);
        TC_CHECK(json_array_append_new(criteria, criterion) == 0);
    }
    return criteria;
}

static json_t *spec_of(const json_t *spec, const char *name, int64_t approvals_required)
{
    const json_t *artifact = json_object_get(spec, "artifact");
    json_t *rollback = json_pack(
        "{s:s, s:{s:O, s:O}, s:{s:s, s:s}, s:o, s:o, s:o, s:[{s:s, s:i, s:f}], s:o, s:{s:I}}", "action", "rollback",
        "artifact", "name", json_object_get(artifact, "name"), "version", json_object_get(artifact, "version"),
        "selector", "completedIn", name, "outOfService", "include", "schedule", schedule_of(spec), "rate",
        copy_part(spec, "rate"), "execution", execution_of(spec), "groups", "name", "all", "percentage", 100, "success",
        success_of(spec), "abort", abort_of(spec), "approvals", "required", (json_int_t)approvals_required);
    TC_CHECK(rollback != NULL);
    if (json_is_object(json_object_get(spec, "disruptionBudget"))) {
        json_t *budget = copy_part(spec, "disruptionBudget");
        put_percentage(budget, "maxUnavailable");
        TC_CHECK(json_object_set_new(rollback, "disruptionBudget", budget) == 0);
    }
    static const char *const same[] = {"priority", "preempt"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        json_t *value = json_object_get(spec, same[i]);
        if (value != NULL)
            TC_CHECK(json_object_set(rollback, same[i], value) == 0);
    }
    return rollback;
}

static json_t *metadata_of(const json_t *metadata, const char *origin_name, const struct plan_rollback *of)
{
    char name[TC_ID_SIZE + sizeof ".rollback-9223372036854775807"], again[24] = "";
    if (of->number > 1)
        (void)snprintf(again, sizeof again, "-%" PRId64, of->number);
    /* Earlier versions allowed a name that begins with -; a new plan may not have one. */
    bool fits = snprintf(name, sizeof name, "%s.rollback%s", origin_name, again) < TC_ID_SIZE;
    if (!fits || *origin_name == '-')
        (void)snprintf(name, sizeof name, "rollback-of-%" PRId64 "%s", of->origin, again);
    json_t *change = json_object_get(metadata, "change");
    json_t *rollback = json_pack("{s:s, s:s}", "name", name, "rollbackOf", origin_name);
    TC_CHECK(rollback != NULL);
    if (json_string_length(change) > 0)
        TC_CHECK(json_object_set(rollback, "change", change) == 0);
    return rollback;
}

enum tc_error plan_rollback_write(const struct plan_rollback *rollback, struct buffer *document, struct tc_fault *fault)
{
    json_t *origin = json_loads(rollback->canonical, 0, NULL);
    const json_t *metadata = json_object_get(origin, "metadata"), *spec = json_object_get(origin, "spec");
    const char *name = json_string_value(json_object_get(metadata, "name"));
    const char *action = json_string_value(json_object_get(spec, "action"));
    const json_t *artifact = json_object_get(spec, "artifact");
    bool is_installation = action != NULL && strcmp(action, "install") == 0 &&
                           json_is_string(json_object_get(artifact, "name")) &&
                           json_is_string(json_object_get(artifact, "version"));
    if (name == NULL || !is_installation) {
        json_decref(origin);
        return tc_fault_set(fault, TC_INVALID, "rollout %" PRId64 " installed nothing: there is nothing to roll back",
                            rollback->origin);
    }
    json_t *plan =
        json_pack("{s:s, s:s, s:o, s:o}", "apiVersion", "tellercast/v1", "kind", "Rollout", "metadata",
                  metadata_of(metadata, name, rollback), "spec", spec_of(spec, name, rollback->approvals_required));
    char *text = json_dumps(plan, CANONICAL_FLAGS);
    TC_CHECK(text != NULL);
    buffer_put_text(document, text);
    free(text);
    json_decref(plan);
    json_decref(origin);
    return TC_OK;
}
