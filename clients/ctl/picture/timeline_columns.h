/* The columns of a timeline. Part of timeline.h. */
#ifndef TELLERCAST_CTL_PICTURE_TIMELINE_COLUMNS_H
#define TELLERCAST_CTL_PICTURE_TIMELINE_COLUMNS_H

#include "clients/ctl/picture/timeline.h"

/* Lays out the columns from the first night to the end of the last night or soak. The nights must be sorted. */
void timeline_lay_columns(struct timeline *timeline);

/* Returns whether a group soaks, and begin and end of the soak in days. `*end` is always set: from then on a group may
 * wait for an approval. */
bool timeline_soak(const struct timeline_group *group, double *begin, double *end);

#endif
