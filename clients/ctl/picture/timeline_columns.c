#include "clients/ctl/picture/timeline_columns.h"

#include "base/fault.h"

#include <stdlib.h>

enum {
    IDLE_RUN_LEAST = 4,  /* from this number on, equal idle days become one column */
    DAYS_MOST = 36600,   /* a hundred years; later days are not drawn */
    SOAK_DAYS_MOST = 60, /* shown after the last night */
    DAY_S = 86400,
};

bool timeline_soak(const struct timeline_group *group, double *begin, double *end)
{
    /* A night is drawn in the middle of its day, and the soak beside it. */
    static const double night_middle = 0.5, night_end = 0.85;
    *begin = group->last_night + night_end;
    *end = group->last_night + night_middle + (double)group->soak_s / DAY_S;
    if (*end < *begin)
        *end = *begin;
    return group->last_night >= 0 && group->soak_s > 0;
}

static const struct timeline_blackout *find_blackout(const struct timeline *timeline, int day)
{
    for (size_t i = 0; i < timeline->blackout_count; i++) {
        if (day >= timeline->blackouts[i].first && day <= timeline->blackouts[i].last)
            return &timeline->blackouts[i];
    }
    return NULL;
}

/* Returns the day in which a group's soak ends, or a person may approve the next group. */
static int mark_day(const struct timeline_group *group)
{
    double begin, end;
    bool soaks = timeline_soak(group, &begin, &end);
    if (group->last_night < 0 || (!soaks && !group->manual))
        return group->last_night;
    int day = (int)end;
    return day > group->last_night + SOAK_DAYS_MOST ? group->last_night + SOAK_DAYS_MOST : day;
}

static void find_span(const struct timeline *timeline, int *first, int *last)
{
    *first = -1;
    *last = -1;
    for (size_t i = 0; i < timeline->night_count; i++) {
        int day = timeline->nights[i].day;
        *first = *first < 0 || day < *first ? day : *first;
        *last = day > *last ? day : *last;
    }
    for (size_t i = 0; i < timeline->group_count; i++) {
        int day = mark_day(&timeline->groups[i]);
        *last = day > *last ? day : *last;
    }
    if (*last - *first >= DAYS_MOST)
        *last = *first + DAYS_MOST - 1;
}

/* Returns one byte per day: whether anything happens in it. */
static unsigned char *find_busy(const struct timeline *timeline, int first, int last)
{
    unsigned char *busy = calloc((size_t)(last - first) + 1, 1);
    TC_CHECK(busy != NULL);
    for (size_t i = 0; i < timeline->night_count; i++) {
        if (timeline->nights[i].day <= last)
            busy[timeline->nights[i].day - first] = 1;
    }
    for (size_t i = 0; i < timeline->group_count; i++) {
        int day = mark_day(&timeline->groups[i]);
        if (day >= first && day <= last)
            busy[day - first] = 1;
    }
    return busy;
}

void timeline_lay_columns(struct timeline *timeline)
{
    int first, last;
    find_span(timeline, &first, &last);
    if (first < 0)
        return;
    unsigned char *busy = find_busy(timeline, first, last);
    timeline->columns = calloc((size_t)(last - first) + 1, sizeof *timeline->columns);
    TC_CHECK(timeline->columns != NULL);
    for (int day = first; day <= last;) {
        const struct timeline_blackout *blackout = find_blackout(timeline, day);
        int run = 1;
        while (!busy[day - first] && day + run <= last && !busy[day + run - first] &&
               find_blackout(timeline, day + run) == blackout)
            run++;
        int days = run >= IDLE_RUN_LEAST ? run : 1;
        timeline->columns[timeline->column_count++] = (struct timeline_column){day, days, blackout};
        day += days;
    }
    free(busy);
}

const struct timeline_night *timeline_night_at(const struct timeline *timeline, size_t group, size_t column)
{
    int day = timeline->columns[column].day;
    size_t low = 0, high = timeline->night_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct timeline_night *night = &timeline->nights[middle];
        if (night->group < group || (night->group == group && night->day < day))
            low = middle + 1;
        else
            high = middle;
    }
    const struct timeline_night *night = &timeline->nights[low];
    return low < timeline->night_count && night->group == group && night->day == day ? night : NULL;
}

double timeline_position(const struct timeline *timeline, double day)
{
    for (size_t i = 0; i < timeline->column_count; i++) {
        const struct timeline_column *column = &timeline->columns[i];
        if (day < column->day + column->days)
            return day <= column->day ? (double)i : (double)i + (day - column->day) / column->days;
    }
    return (double)timeline->column_count;
}
