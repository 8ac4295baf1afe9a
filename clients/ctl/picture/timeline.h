/* The devices that each group starts per night: the forecast and, for a started rollout, the actual numbers. Read from
 * the daemon's documents, which may be invalid; drawn by timeline_draw.h. Days are counted from 1970-01-01. One thread.
 */
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
    double success; /* percent; negative: unknown */
    int64_t soak_s;
    bool manual;    /* a person approves the next group */
    int last_night; /* -1: none */
};

/* A night of a group: the local date on which the window opened. */
struct timeline_night {
    size_t group;
    int day;
    int64_t planned;
    int64_t started, completed, failed; /* of the started devices */
};

struct timeline_blackout {
    int first, last; /* both inclusive */
    char *reason;    /* owned */
};

/* A day, or several idle days that are drawn as one column. */
struct timeline_column {
    int day, days;
    const struct timeline_blackout *blackout; /* or NULL */
};

struct timeline {
    char name[TC_ID_SIZE];
    bool actual;       /* has actual numbers */
    int64_t approvals; /* required before the start */
    struct timeline_group *groups;
    struct timeline_night *nights; /* by group, then by day */
    struct timeline_blackout *blackouts;
    struct timeline_column *columns;
    size_t group_count, night_count, blackout_count, column_count;
    int64_t most; /* maximum of one night of one group */
};

/* Read the answer to a preview and the plan's canonical tree (NULL: unknown), or a rollout's evidence, which contains
 * the plan. Missing or invalid parts are left out. Call timeline_free after either. */
void timeline_read_preview(struct timeline *timeline, const json_t *preview, const json_t *plan);
void timeline_read_evidence(struct timeline *timeline, const json_t *evidence);
void timeline_free(struct timeline *timeline);

/* Returns NULL when the group has no night in that column. */
const struct timeline_night *timeline_night_at(const struct timeline *timeline, size_t group, size_t column);

/* Returns the position of a time on the columns: 2.5 is the middle of the third; at most column_count. */
double timeline_position(const struct timeline *timeline, double day);

/* Reads "2026-12-01" or an RFC 3339 time; -1 for other texts. */
int timeline_day_read(const char *text);

#endif
