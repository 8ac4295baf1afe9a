/* Draws a timeline: groups as rows, nights as columns, numbers of devices as bars. One thread. */
#ifndef TELLERCAST_CTL_PICTURE_TIMELINE_DRAW_H
#define TELLERCAST_CTL_PICTURE_TIMELINE_DRAW_H

#include "clients/ctl/picture/timeline.h"
#include "clients/ctl/screen/screen.h"

/* Draws in the terminal, with block characters or, without UTF-8, with ASCII. Splits the nights into several parts when
 * the screen is too narrow. Draws nothing without a night. */
void timeline_put_screen(const struct timeline *timeline, const struct screen *screen, struct buffer *out);

/* The drawn part of a timeline. */
struct timeline_part {
    size_t group, group_count, column, column_count;
    bool legend;
};

/* Appends an element <svg>, at most `width` units wide, unless the columns need more. With `heading` (UTF-8, or NULL)
 * writes a complete document, with that text below the rollout's name. */
void timeline_put_svg(const struct timeline *timeline, const struct timeline_part *part, unsigned width,
                      const char *heading, struct buffer *out);
struct timeline_part timeline_whole(const struct timeline *timeline);

/* Returns the number of columns that fit in `width` units. */
size_t timeline_columns_in(unsigned width);

#endif
