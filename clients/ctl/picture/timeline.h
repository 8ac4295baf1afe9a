/* Which group starts how many devices in which night: as forecast and, of a rollout that was started, as it came.
 * Read from the daemon's documents, whatever they hold; drawn by timeline_draw.h. Days are counted from 1970-01-01.
 * One thread. */
#ifndef TELLERCAST_CTL_PICTURE_TIMELINE_H
#define TELLERCAST_CTL_PICTURE_TIMELINE_H

#include "base/id.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timeline_group {
    char name[TC_ID_SIZE];
    int64_t devices;
    double success; /* percent; negative: not known */
    int64_t soak_s;
    bool manual;    /* a person opens the next one */
    int last_night; /* -1: it has none */
};

/* What a group does in one night, the local date on which the window opened. */
struct timeline_night {
    size_t group;
    int day;
    int64_t planned;
    int64_t started, completed, failed; /* of those started */
};

struct timeline_blackout {
    int first, last; /* both included */
    char *reason;    /* owned */
};

/* A day, or a run of days in which nothing happens, which is drawn as one. */
struct timeline_column {
    int day, days;
    const struct timeline_blackout *blackout; /* or NULL */
};

struct timeline {
    char name[TC_ID_SIZE];
    bool actual;       /* what came is known too */
    int64_t approvals; /* that are needed before anything starts */
    struct timeline_group *groups;
    struct timeline_night *nights; /* by group, then by day */
    struct timeline_blackout *blackouts;
    struct timeline_column *columns;
    size_t group_count, night_count, blackout_count, column_count;
    int64_t most; /* in one night of one group */
};

/* Of the answer to a preview and the plan's canonical tree (NULL: not known); of a rollout's report, which has its
 * plan. What is not there, or makes no sense, is left out. Call timeline_free after either. */
void timeline_read_preview(struct timeline *timeline, const json_t *preview, const json_t *plan);
void timeline_read_report(struct timeline *timeline, const json_t *report);
void timeline_free(struct timeline *timeline);

/* NULL when the group has nothing in that column. */
const struct timeline_night *timeline_night_at(const struct timeline *timeline, size_t group, size_t column);

/* Where a moment stands on the columns: 2.5 is the middle of the third; at most column_count. */
double timeline_position(const struct timeline *timeline, double day);

/* From when to when a group soaks, in days; false when it does not. A group that does not soak and waits for a person
 * waits from `*end` on, which is set in any case. */
bool timeline_soak(const struct timeline_group *group, double *begin, double *end);

/* "2026-12-01" or an RFC 3339 time; -1 when it is neither. */
int timeline_day_read(const char *text);

#endif
