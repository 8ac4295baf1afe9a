#include "orchestrator/preparation/preview_document.h"

#include "base/clock.h"
#include "base/fault.h"
#include "config/scalar.h"
#include "orchestrator/rollout/forecast.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

enum { MS_PER_SECOND = 1000, DATE_LENGTH = 10, SENTENCE_SIZE = 320 };

static const json_t *spec_of(const struct previewed *previewed)
{
    return json_object_get(previewed->plan->plan->tree, "spec");
}

static json_t *at(const struct previewed *previewed, const char *part, const char *key)
{
    return json_object_get(json_object_get(spec_of(previewed), part), key);
}

static const json_t *group_of(const struct previewed *previewed, int group)
{
    return json_array_get(json_object_get(spec_of(previewed), "groups"), (size_t)group);
}

/* "" for none. */
static const char *group_name(const struct previewed *previewed, int group)
{
    const char *name = json_string_value(json_object_get(group_of(previewed, group), "name"));
    return name == NULL ? "" : name;
}

static int group_count(const struct previewed *previewed)
{
    return (int)json_array_size(json_object_get(spec_of(previewed), "groups"));
}

static json_t *time_or_null(bool known, int64_t time_ms)
{
    char text[TC_TIME_TEXT_SIZE];
    if (!known)
        return json_null();
    clock_format(time_ms, text);
    return json_string(text);
}

static json_t *date(int32_t night)
{
    char text[TC_TIME_TEXT_SIZE];
    clock_format(night * DAY_MS, text);
    return json_stringn(text, DATE_LENGTH);
}

static void add_sentence(json_t *sentences, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_sentence(json_t *sentences, const char *format, ...)
{
    char text[SENTENCE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)json_array_append_new(sentences, json_string(text));
}

/* ---- groups and nights ------------------------------------------------------------------------------ */

/* Lists the conditions for the start of the group. */
static json_t *waits_for(const struct previewed *previewed, int group)
{
    json_t *waits = json_array();
    if (group == 0 && previewed->approvals > 0)
        add_sentence(waits, "approval by %" PRId64 " %s", previewed->approvals,
                     previewed->approvals == 1 ? "person" : "persons");
    if (group == 0)
        return waits;
    const json_t *before = group_of(previewed, group - 1);
    const char *approval = json_string_value(json_object_get(before, "approval"));
    int64_t soak_s = json_integer_value(json_object_get(before, "soak"));
    const char *opens = json_string_value(json_object_get(before, "opens"));
    add_sentence(waits, "success %.10g %%%s", json_number_value(json_object_get(before, "success")),
                 opens == NULL ? "" : ", as soon as it is certain");
    if (soak_s > 0) {
        char soak[SCALAR_TEXT_SIZE];
        scalar_write_duration(soak_s * MS_PER_SECOND, soak);
        add_sentence(waits, "soak %s", soak);
    }
    if (approval != NULL && strcmp(approval, "manual") == 0)
        add_sentence(waits, "manual approval");
    return waits;
}

/* Counts all devices of the group, also those that never start. */
static int64_t devices_in(const struct previewed *previewed, int group)
{
    int64_t devices = 0;
    for (size_t i = 0; i < previewed->forecast_input->cohort_count; i++) {
        if (previewed->forecast_input->cohorts[i].group == group)
            devices += forecast_cohort_devices(&previewed->forecast_input->cohorts[i]);
    }
    return devices;
}

static json_t *groups_of(const struct previewed *previewed)
{
    json_t *groups = json_array();
    for (int i = 0; i < group_count(previewed); i++) {
        const struct forecast_group *group = &previewed->forecast->groups[i];
        bool starts = group->started > 0, ends = starts && group->started == group->devices;
        json_t *entry = json_pack(
            "{s:i, s:s, s:I, s:I, s:o, s:o, s:o, s:o}", "group", i + 1, "name", group_name(previewed, i), "devices",
            (json_int_t)devices_in(previewed, i), "starts", (json_int_t)group->started, "first_start_at",
            time_or_null(starts, group->first_start_ms), "last_start_at", time_or_null(starts, group->last_start_ms),
            "last_end_at", time_or_null(ends, group->last_end_ms), "waits_for", waits_for(previewed, i));
        TC_CHECK(entry != NULL);
        (void)json_array_append_new(groups, entry);
    }
    return groups;
}

static json_t *nights_of(const struct previewed *previewed)
{
    json_t *nights = json_array();
    for (size_t i = 0; i < previewed->forecast->night_count; i++) {
        const struct forecast_night *night = &previewed->forecast->nights[i];
        json_t *entry =
            json_pack("{s:o, s:s, s:I, s:o, s:o}", "night", date(night->night), "group",
                      group_name(previewed, night->group), "devices", (json_int_t)night->devices, "first_start_at",
                      time_or_null(true, night->first_start_ms), "last_end_at", time_or_null(true, night->last_end_ms));
        TC_CHECK(entry != NULL);
        (void)json_array_append_new(nights, entry);
    }
    return nights;
}

/* ---- devices that do not start ---------------------------------------------------------------------- */

struct shortfall {
    int64_t unfit, never, never_branches, single_branches, left_over;
    int64_t last_end_ms;
    bool all_end;
    int blocked_by; /* the first group with devices that never start; -1: none */
};

static struct shortfall find_shortfall(const struct previewed *previewed)
{
    struct shortfall found = {.all_end = true, .blocked_by = -1};
    const struct forecast_input *forecast_input = previewed->forecast_input;
    for (size_t i = 0; i < forecast_input->cohort_count; i++) {
        const struct forecast_cohort *cohort = &forecast_input->cohorts[i];
        if (cohort->headroom == 0) {
            found.never += forecast_cohort_devices(cohort);
            found.never_branches += cohort->branches;
            found.single_branches += forecast_input->single[i] ? cohort->branches : 0;
        } else if (forecast_input_zone_is_closed(forecast_input, cohort->zone)) {
            found.unfit += forecast_cohort_devices(cohort);
        }
    }
    found.left_over = -found.unfit;
    for (int i = 0; i < group_count(previewed); i++) {
        const struct forecast_group *group = &previewed->forecast->groups[i];
        found.left_over += group->devices - group->started;
        if (found.last_end_ms < group->last_end_ms)
            found.last_end_ms = group->last_end_ms;
        if (group->started < group->devices && found.blocked_by < 0)
            found.blocked_by = i;
        found.all_end = found.all_end && group->started == group->devices;
    }
    return found;
}

static json_t *examples_or_none(json_t *examples)
{
    return examples == NULL ? json_array() : json_incref(examples);
}

static json_t *cannot_fit(const struct previewed *previewed, const struct shortfall *found)
{
    char why[SENTENCE_SIZE] = "";
    char install[SCALAR_TEXT_SIZE];
    scalar_write_duration(json_integer_value(at(previewed, "execution", "installTimeout")) * MS_PER_SECOND, install);
    if (found->unfit > 0)
        (void)snprintf(why, sizeof why,
                       "their zone has no window before the end that is longer than installTimeout, %s, outside "
                       "blackouts and calendars",
                       install);
    return json_pack("{s:I, s:o, s:s}", "devices", (json_int_t)found->unfit, "examples",
                     examples_or_none(previewed->unfit), "why", why);
}

static json_t *never(const struct previewed *previewed, const struct shortfall *found)
{
    const char *why = "";
    if (found->never > 0 && found->single_branches == found->never_branches)
        why =
            "singleDevice is skip and these branches have one machine at most; their devices are cancelled at planning";
    else if (found->never > 0)
        why = "the budget allows no device of these branches to be down; they are cancelled at planning";
    return json_pack("{s:I, s:I, s:o, s:s}", "branches", (json_int_t)found->never_branches, "devices",
                     (json_int_t)found->never, "examples", examples_or_none(previewed->never), "why", why);
}

static json_t *left_over(const struct previewed *previewed, const struct shortfall *found)
{
    char why[SENTENCE_SIZE] = "";
    if (found->left_over > 0 && found->blocked_by >= 0 && found->unfit > 0)
        (void)snprintf(why, sizeof why, "group %s is never done, so its gate stays shut",
                       group_name(previewed, found->blocked_by));
    else if (found->left_over > 0)
        (void)snprintf(why, sizeof why, "their turn would come after the last window");
    return json_pack("{s:I, s:s}", "devices", (json_int_t)found->left_over, "why", why);
}

/* ---- other rollouts --------------------------------------------------------------------------------- */

static bool supersedes(const struct previewed *previewed, const char *name)
{
    size_t i;
    const json_t *superseded;
    json_array_foreach(json_object_get(spec_of(previewed), "supersedes"), i, superseded)
    {
        if (strcmp(json_string_value(superseded), name) == 0)
            return true;
    }
    return false;
}

/* Higher priority goes first; of two that are equal, the older one. */
static json_t *conflicts_of(const struct previewed *previewed)
{
    json_t *conflicts = examples_or_none(previewed->conflicts);
    size_t i;
    json_t *conflict;
    json_array_foreach(conflicts, i, conflict)
    {
        bool superseded = supersedes(previewed, json_string_value(json_object_get(conflict, "name")));
        int64_t theirs = json_integer_value(json_object_get(conflict, "priority"));
        bool first = superseded || previewed->plan->priority > theirs;
        bool preempts = first
                            ? previewed->plan->preempt && !superseded
                            : json_is_true(json_object_get(conflict, "preempt")) && theirs > previewed->plan->priority;
        (void)json_object_del(conflict, "preempt");
        (void)json_object_set_new(conflict, "first", json_string(first ? "this" : "that"));
        (void)json_object_set_new(conflict, "preempts", json_boolean(preempts));
        (void)json_object_set_new(conflict, "superseded", json_boolean(superseded));
    }
    return conflicts;
}

/* ---- warnings --------------------------------------------------------------------------------------- */

/* A submission would be refused; or a group without devices is skipped, so the trial that it was for does not happen.
 */
static json_t *warnings_of(const struct previewed *previewed)
{
    json_t *sentences = json_array();
    if (previewed->may_not_preempt != NULL)
        add_sentence(sentences,
                     "%s may not preempt: the plan is refused unless a person submits it whom the setting "
                     "policy.preempt names",
                     previewed->may_not_preempt);
    for (int i = 0; i < group_count(previewed); i++) {
        if (devices_in(previewed, i) == 0)
            add_sentence(sentences, "group %s has no devices: %s", group_name(previewed, i),
                         i + 1 < group_count(previewed) ? "it is skipped, and the next group opens without a trial"
                                                        : "it adds no device to the groups before it");
    }
    return sentences;
}

/* ---- assumptions ------------------------------------------------------------------------------------ */

static bool needs_approvals(const struct previewed *previewed)
{
    bool waits = previewed->approvals > 0;
    for (int i = 0; i < group_count(previewed); i++) {
        const char *approval = json_string_value(json_object_get(group_of(previewed, i), "approval"));
        waits = waits || (approval != NULL && strcmp(approval, "manual") == 0);
    }
    return waits;
}

static bool some_open_when_reached(const struct previewed *previewed)
{
    bool some = false;
    for (int i = 0; i < group_count(previewed); i++)
        some = some || json_object_get(group_of(previewed, i), "opens") != NULL;
    return some;
}

static void assume_rate(const struct previewed *previewed, json_t *sentences)
{
    if (json_is_integer(at(previewed, "rate", "perMinute")))
        return;
    if (previewed->default_per_minute > 0)
        add_sentence(sentences, "The plan has no rate: the setting applies, %" PRId64 " a minute.",
                     previewed->default_per_minute);
    else
        add_sentence(sentences, "The plan has no rate: windows and budgets alone limit the starts.");
}

static json_t *assumptions_of(const struct previewed *previewed)
{
    json_t *sentences = json_array();
    char install[SCALAR_TEXT_SIZE], now[TC_TIME_TEXT_SIZE];
    scalar_write_duration(json_integer_value(at(previewed, "execution", "installTimeout")) * MS_PER_SECOND, install);
    clock_format(previewed->plan->now_ms, now);
    add_sentence(sentences, "The plan is submitted now, at %s.", now);
    add_sentence(sentences, "Each device takes the maximum time, %s, and uses its branch's budget for this time.",
                 install);
    add_sentence(sentences, "No device fails, is silent or defers; further attempts take additional time.");
    assume_rate(previewed, sentences);
    if (needs_approvals(previewed))
        add_sentence(sentences, "Every approval is given immediately.");
    if (some_open_when_reached(previewed))
        add_sentence(sentences, "Groups that run at the same time do not share the budgets of branches.");
    add_sentence(sentences, "Other rollouts use none of the windows and branch budgets.");
    add_sentence(sentences, "The fleet, its labels and the calendars do not change.");
    if (previewed->plan->devices > previewed->devices)
        add_sentence(sentences, "%" PRId64 " selected devices are in no group and are left out.",
                     previewed->plan->devices - previewed->devices);
    if (previewed->plan->revises > 0)
        add_sentence(sentences, "Rollout %" PRId64 " has this name with another plan: this one can only revise it.",
                     previewed->plan->revises);
    return sentences;
}

/* Returns the blackouts of the plan's calendars, which a drawing of the nights shows. */
static json_t *calendars_of(const struct previewed *previewed)
{
    json_t *calendars = json_loads(previewed->plan->calendars, 0, NULL);
    TC_CHECK(calendars != NULL);
    return calendars;
}

/* ---- the whole document ----------------------------------------------------------------------------- */

json_t *preview_document(const struct previewed *previewed)
{
    struct shortfall found = find_shortfall(previewed);
    json_t *document = json_pack(
        "{s:s, s:s, s:I, s:{s:I}, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
        previewed->plan->plan->name, "digest", previewed->plan->plan->digest, "devices", (json_int_t)previewed->devices,
        "approvals", "required", (json_int_t)previewed->approvals, "groups", groups_of(previewed), "nights",
        nights_of(previewed), "last_end_at", time_or_null(found.all_end && found.last_end_ms > 0, found.last_end_ms),
        "cannot_fit", cannot_fit(previewed, &found), "never", never(previewed, &found), "left_over",
        left_over(previewed, &found), "conflicts", conflicts_of(previewed), "calendars", calendars_of(previewed),
        "warnings", warnings_of(previewed), "assumptions", assumptions_of(previewed));
    TC_CHECK(document != NULL);
    return document;
}
