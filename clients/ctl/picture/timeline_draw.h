/* Draws a timeline: groups as rows, nights as columns, bars as high as there are devices. One thread. */
#ifndef TELLERCAST_CTL_PICTURE_TIMELINE_DRAW_H
#define TELLERCAST_CTL_PICTURE_TIMELINE_DRAW_H

#include "clients/ctl/picture/timeline.h"
#include "clients/ctl/screen/look.h"

/* In the terminal, with block characters or, without UTF-8, with signs. When the nights are more than the look is wide,
 * one part stands below the other. Nothing when there is no night. */
void timeline_put_screen(const struct timeline *timeline, const struct look *look, struct buffer *out);

/* What of a timeline is drawn. */
struct timeline_part {
    size_t group, group_count, column, column_count;
    bool legend;
};

/* Appends an element <svg>, `width` units wide at most, unless the columns need more. With `heading` it is a document
 * of its own, as for a file; the text (UTF-8, NULL: none) stands below the rollout's name. */
void timeline_put_svg(const struct timeline *timeline, const struct timeline_part *part, unsigned width,
                      const char *heading, struct buffer *out);
struct timeline_part timeline_whole(const struct timeline *timeline);

/* How many columns fit in `width` units. */
size_t timeline_columns_in(unsigned width);

#endif
