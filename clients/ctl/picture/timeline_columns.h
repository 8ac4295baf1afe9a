/* The columns of a timeline: a part of timeline.h that stands by itself. */
#ifndef TELLERCAST_CTL_PICTURE_TIMELINE_COLUMNS_H
#define TELLERCAST_CTL_PICTURE_TIMELINE_COLUMNS_H

#include "clients/ctl/picture/timeline.h"

/* Lays out the columns from the first night to the end of the last night or soak. The nights must be sorted. */
void timeline_lay_columns(struct timeline *timeline);

#endif
