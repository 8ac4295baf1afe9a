#include "config/blackout.h"

#include "base/clock.h"
#include "config/scalar.h"

#include <string.h>

enum { CALENDARS_MAX = 100, HOURS_OF_DAY = 24, HOURS_WEST = 12, HOURS_EAST = 14 };
static const int64_t ms_per_hour = 3600000;

static const struct schema_key blackout_keys[] = {
    {.name = "from", .read = schema_read_date_or_time},
    {.name = "to", .read = schema_read_date_or_time},
    {.name = "reason", .read = schema_read_text, .initial = "\"\"", .most = 256},
};
static const struct schema blackout = {blackout_keys, sizeof blackout_keys / sizeof *blackout_keys};

/* Sets the earliest and the latest time that the text can mean: the zone of a date is not known here. */
static bool bounds_of(const char *text, int64_t *earliest_ms, int64_t *latest_ms)
{
    int64_t time_ms;
    if (clock_parse(text, strlen(text), &time_ms)) {
        *earliest_ms = *latest_ms = time_ms;
        return true;
    }
    if (!scalar_read_date(text, &time_ms))
        return false;
    *earliest_ms = time_ms - HOURS_EAST * ms_per_hour;
    *latest_ms = time_ms + (HOURS_OF_DAY + HOURS_WEST) * ms_per_hour;
    return true;
}

static bool is_in_order(const char *from, const char *to)
{
    int64_t from_earliest, from_latest, to_earliest, to_latest;
    if (!bounds_of(from, &from_earliest, &from_latest) || !bounds_of(to, &to_earliest, &to_latest))
        return true;
    bool both_dates = from_earliest != from_latest && to_earliest != to_latest;
    /* Given as dates, a blackout includes its last day, which may be its first. */
    return both_dates ? strcmp(from, to) <= 0 : from_earliest < to_latest;
}

static json_t *read_blackout(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    json_t *read = schema_read_map(reading, key, node);
    const char *from = json_string_value(json_object_get(read, "from"));
    const char *to = json_string_value(json_object_get(read, "to"));
    if (from == NULL || to == NULL || is_in_order(from, to))
        return read;
    size_t above = key_path_add_key(&reading->path, "to");
    schema_fault(reading, tree_member(node, "to"), "found %s, allowed: not before from, which is %s", to, from);
    key_path_cut(&reading->path, above);
    return read;
}

const struct schema_key blackout_item = {.read = read_blackout, .map = &blackout};

static const struct schema_key calendar_item = {
    .read = schema_read_list, .most = BLACKOUTS_MAX, .item = &blackout_item};
const struct schema_key calendars_key = {.read = schema_read_dictionary, .most = CALENDARS_MAX, .item = &calendar_item};
