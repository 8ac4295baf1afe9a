/* The marks of an SVG timeline: bars, soaks, approvals and their legend. Part of timeline_draw.h. One thread. */
#ifndef TELLERCAST_CTL_PICTURE_TIMELINE_SVG_PARTS_H
#define TELLERCAST_CTL_PICTURE_TIMELINE_SVG_PARTS_H

#include "clients/ctl/picture/timeline_draw.h"

enum {
    SVG_MARGIN = 16, /* of a separate picture; a page has its own margin */
    SVG_NAMES = 180,
    SVG_TOTALS = 60,
    SVG_COLUMN_LEAST = 36,
    SVG_COLUMN_MOST = 96,
    SVG_WIDTH_LEAST = 560,
    SVG_HEADING = 66,
    SVG_DATES = 46,
    SVG_ROW = 54,
    SVG_LEGEND_GAP = 24,
    SVG_BOTTOM = 12,
    SVG_TITLE_SIZE = 18,
    SVG_SUBTITLE_SIZE = 12,
};

#define SVG_INK "#1b2733"
#define SVG_FAINT "#5a6672"
#define SVG_LINE "#dfe3e8"
#define SVG_PLANNED "#b9cde0"
#define SVG_STARTED "#1f6a94"
#define SVG_FAILED "#c23b22"
#define SVG_SOAK "#d9a322"
#define SVG_APPROVAL "#6a3fa0"

struct canvas {
    const struct timeline *timeline;
    const struct timeline_part *part;
    struct buffer *out;
    unsigned left, width, top; /* of the picture */
    unsigned column, chart_left, chart_right;
};

/* Returns the x of a timeline_position, within the part's chart. */
double svg_x(const struct canvas *canvas, double position);
unsigned svg_row_y(const struct canvas *canvas, size_t row);
/* Estimates an upper bound: the font is unknown here. */
unsigned svg_text_width(const char *text, unsigned size);

void svg_put_night(const struct canvas *canvas, const struct timeline_night *night, double x, unsigned y);
void svg_put_soak(const struct canvas *canvas, const struct timeline_group *group, unsigned y);
void svg_put_approval(const struct canvas *canvas, const struct timeline_group *group, unsigned y);
/* Draws the legend of the timeline's contents from `y` on. Returns its lower end. */
unsigned svg_put_legend(const struct canvas *canvas, unsigned y, struct buffer *out);

#endif
