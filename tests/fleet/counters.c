#include "tests/fleet/counters.h"

#include "base/fault.h"

#include <string.h>

#define COUNTER_NAME(constant, name) #name,
static const char *const names[FLEET_COUNTER_COUNT] = {FLEET_COUNTERS(COUNTER_NAME)};

void counters_add(struct counters *sum, const struct counters *part)
{
    for (size_t i = 0; i < FLEET_COUNTER_COUNT; i++)
        sum->values[i] += part->values[i];
    if (part->first_start_ms != 0 && (sum->first_start_ms == 0 || part->first_start_ms < sum->first_start_ms))
        sum->first_start_ms = part->first_start_ms;
    if (part->last_confirm_ms > sum->last_confirm_ms)
        sum->last_confirm_ms = part->last_confirm_ms;
    if (part->most_in_flight > sum->most_in_flight)
        sum->most_in_flight = part->most_in_flight;
}

static void set(json_t *object, const char *name, int64_t value)
{
    TC_CHECK(json_object_set_new(object, name, json_integer(value)) == 0);
}

json_t *counters_json(const struct counters *counters)
{
    json_t *object = json_object();
    TC_CHECK(object != NULL);
    for (size_t i = 0; i < FLEET_COUNTER_COUNT; i++)
        set(object, names[i], counters->values[i]);
    set(object, "most_in_flight", counters->most_in_flight);
    bool is_measured = counters->first_start_ms != 0 && counters->last_confirm_ms > counters->first_start_ms;
    set(object, "start_to_confirm_ms", is_measured ? counters->last_confirm_ms - counters->first_start_ms : 0);
    return object;
}

bool counters_find(const struct counters *counters, const char *name, int64_t *value)
{
    for (size_t i = 0; i < FLEET_COUNTER_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *value = counters->values[i];
            return true;
        }
    }
    return false;
}
