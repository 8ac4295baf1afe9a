#include "clients/ctl/picture/timeline.h"

#include "base/clock.h"
#include "base/fault.h"
#include "clients/ctl/picture/timeline_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400 };

static void *make(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size);
    TC_CHECK(memory != NULL);
    return memory;
}

static const char *text_of(const json_t *document, const char *key)
{
    const char *text = json_string_value(json_object_get(document, key));
    return text == NULL ? "" : text;
}

static int64_t count_of(const json_t *document, const char *key)
{
    int64_t count = json_integer_value(json_object_get(document, key));
    return count < 0 ? 0 : count;
}

int timeline_day_read(const char *text)
{
    char whole[TC_TIME_TEXT_SIZE];
    int64_t time_ms;
    if (strlen(text) == strlen("2026-12-01"))
        (void)snprintf(whole, sizeof whole, "%sT00:00:00Z", text);
    else
        (void)snprintf(whole, sizeof whole, "%s", text);
    return clock_parse(whole, strlen(whole), &time_ms) ? (int)(time_ms / 1000 / DAY_S) : -1;
}

/* ---- reading -------------------------------------------------------------------------------- */

static size_t find_group(const struct timeline *timeline, const char *name)
{
    size_t i = 0;
    while (i < timeline->group_count && strcmp(timeline->groups[i].name, name) != 0)
        i++;
    return i;
}

/* The name has the key "name", or "group" when that is not the number. */
static const char *name_of(const json_t *group)
{
    const char *name = text_of(group, "name");
    return *name == '\0' ? text_of(group, "group") : name;
}

static void read_groups(struct timeline *timeline, const json_t *list)
{
    size_t i;
    const json_t *group;
    timeline->groups = make(json_array_size(list), sizeof *timeline->groups);
    json_array_foreach(list, i, group)
    {
        struct timeline_group *to = &timeline->groups[timeline->group_count++];
        *to = (struct timeline_group){.devices = count_of(group, "devices"), .success = -1, .last_night = -1};
        (void)snprintf(to->name, sizeof to->name, "%s", name_of(group));
    }
}

/* Reads the gates of the plan. */
static void read_gates(struct timeline *timeline, const json_t *spec)
{
    size_t i;
    const json_t *group;
    json_array_foreach(json_object_get(spec, "groups"), i, group)
    {
        size_t at = find_group(timeline, text_of(group, "name"));
        if (at == timeline->group_count)
            continue;
        struct timeline_group *to = &timeline->groups[at];
        const json_t *success = json_object_get(group, "success");
        to->success = json_is_number(success) ? json_number_value(success) : -1;
        to->soak_s = count_of(group, "soak");
        to->manual = strcmp(text_of(group, "approval"), "manual") == 0;
    }
}

/* The orchestrator knows how many the policy of the site asks for; one of an earlier version does not say so. */
static void read_approvals(struct timeline *timeline, const json_t *told, const json_t *planned)
{
    timeline->approvals = count_of(json_is_object(told) ? told : planned, "required");
}

static void read_nights(struct timeline *timeline, const json_t *list)
{
    size_t i;
    const json_t *night;
    timeline->nights = make(json_array_size(list), sizeof *timeline->nights);
    json_array_foreach(list, i, night)
    {
        size_t group = find_group(timeline, text_of(night, "group"));
        int day = timeline_day_read(text_of(night, "night"));
        if (group == timeline->group_count || day < 0)
            continue;
        struct timeline_night *to = &timeline->nights[timeline->night_count++];
        to->group = group;
        to->day = day;
        to->planned = count_of(night, timeline->actual ? "planned" : "devices");
        to->started = count_of(night, "started");
        to->completed = count_of(night, "completed");
        to->failed = count_of(night, "failed") + count_of(night, "timed_out") + count_of(night, "rejected");
        if (to->planned > timeline->most)
            timeline->most = to->planned;
        if (to->started > timeline->most)
            timeline->most = to->started;
        if (day > timeline->groups[group].last_night && to->planned + to->started > 0)
            timeline->groups[group].last_night = day;
    }
}

static int compare_nights(const void *left, const void *right)
{
    const struct timeline_night *a = left;
    const struct timeline_night *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    return (a->day > b->day) - (a->day < b->day);
}

/* Sorts the nights and adds up duplicates. */
static void sort_nights(struct timeline *timeline)
{
    struct timeline_night *nights = timeline->nights;
    size_t kept = 0;
    qsort(nights, timeline->night_count, sizeof *nights, compare_nights);
    for (size_t i = 0; i < timeline->night_count; i++) {
        if (kept == 0 || compare_nights(&nights[kept - 1], &nights[i]) != 0) {
            nights[kept++] = nights[i];
            continue;
        }
        nights[kept - 1].planned += nights[i].planned;
        nights[kept - 1].started += nights[i].started;
        nights[kept - 1].completed += nights[i].completed;
        nights[kept - 1].failed += nights[i].failed;
    }
    timeline->night_count = kept;
}

/* A date includes the whole day; midnight ends the day before. */
static int last_day_read(const char *text)
{
    int day = timeline_day_read(text);
    int64_t time_ms;
    bool midnight = clock_parse(text, strlen(text), &time_ms) && time_ms % ((int64_t)DAY_S * 1000) == 0;
    return midnight ? day - 1 : day;
}

static void read_blackouts(struct timeline *timeline, const json_t *list)
{
    size_t i;
    const json_t *blackout;
    json_array_foreach(list, i, blackout)
    {
        int first = timeline_day_read(text_of(blackout, "from"));
        int last = last_day_read(text_of(blackout, "to"));
        if (first < 0 || last < first)
            continue;
        struct timeline_blackout *to = &timeline->blackouts[timeline->blackout_count++];
        *to = (struct timeline_blackout){first, last, strdup(text_of(blackout, "reason"))};
        TC_CHECK(to->reason != NULL);
    }
}

/* Reads the blackouts of the plan and of its calendars. */
static void read_closed_days(struct timeline *timeline, const json_t *own, const json_t *calendars)
{
    const char *name;
    json_t *calendar;
    size_t most = json_array_size(own);
    json_object_foreach((json_t *)(uintptr_t)calendars, name, calendar)
    {
        most += json_array_size(calendar);
    }
    timeline->blackouts = make(most, sizeof *timeline->blackouts);
    read_blackouts(timeline, own);
    json_object_foreach((json_t *)(uintptr_t)calendars, name, calendar)
    {
        read_blackouts(timeline, calendar);
    }
}

static void read_all(struct timeline *timeline, const json_t *document, const json_t *plan)
{
    const json_t *spec = json_object_get(plan, "spec");
    (void)snprintf(timeline->name, sizeof timeline->name, "%s", text_of(document, "name"));
    read_groups(timeline, json_object_get(document, "groups"));
    read_gates(timeline, spec);
    read_approvals(timeline, json_object_get(document, "approvals"), json_object_get(spec, "approvals"));
    read_nights(timeline, json_object_get(document, "nights"));
    sort_nights(timeline);
    read_closed_days(timeline, json_object_get(json_object_get(spec, "schedule"), "blackouts"),
                     json_object_get(document, "calendars"));
    timeline_lay_columns(timeline);
}

void timeline_read_preview(struct timeline *timeline, const json_t *preview, const json_t *plan)
{
    *timeline = (struct timeline){.actual = false};
    read_all(timeline, preview, plan);
}

void timeline_read_evidence(struct timeline *timeline, const json_t *evidence)
{
    *timeline = (struct timeline){.actual = true};
    read_all(timeline, evidence, json_object_get(evidence, "plan"));
}

void timeline_free(struct timeline *timeline)
{
    for (size_t i = 0; i < timeline->blackout_count; i++)
        free(timeline->blackouts[i].reason);
    free(timeline->groups);
    free(timeline->nights);
    free(timeline->blackouts);
    free(timeline->columns);
    *timeline = (struct timeline){0};
}
