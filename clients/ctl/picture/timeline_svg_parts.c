#include "clients/ctl/picture/timeline_svg_parts.h"

#include "clients/ctl/picture/markup.h"
#include "clients/ctl/picture/timeline_columns.h"
#include "clients/ctl/picture/timeline_words.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>

enum { BAR_MOST = 34, BAR_BOTTOM = 4 };

double svg_x(const struct canvas *canvas, double position)
{
    double columns = position - (double)canvas->part->column;
    double most = (double)canvas->part->column_count;
    columns = columns < 0 ? 0 : columns > most ? most : columns;
    return canvas->chart_left + columns * canvas->column;
}

unsigned svg_row_y(const struct canvas *canvas, size_t row)
{
    return canvas->top + (unsigned)row * SVG_ROW;
}

unsigned svg_text_width(const char *text, unsigned size)
{
    static const double character = 0.56; /* of the size: wide enough for any font of the family */
    return (unsigned)(text_width(text) * size * character);
}

static double bar_height(const struct canvas *canvas, int64_t count)
{
    static const double least = 2;
    if (count <= 0)
        return 0;
    double height = (double)count / (double)canvas->timeline->most * BAR_MOST;
    return height < least ? least : height;
}

static void put_bar(const struct canvas *canvas, double x, double width, double bottom, double height,
                    const char *colour)
{
    if (height > 0)
        buffer_format(canvas->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>", x,
                      bottom - height, width, height, colour);
}

static void put_night_title(const struct canvas *canvas, const struct timeline_night *night)
{
    struct buffer *out = canvas->out;
    struct timeline_date date = timeline_date_of(night->day);
    buffer_put_text(out, "<title>");
    markup_put(out, canvas->timeline->groups[night->group].name);
    buffer_format(out, ", %s %d %s %d: ", date.weekday, date.day, date.month_name, date.year);
    text_put_count(out, night->planned);
    buffer_put_text(out, canvas->timeline->actual ? " planned, " : " devices");
    if (canvas->timeline->actual) {
        text_put_count(out, night->started);
        buffer_put_text(out, " started, ");
        text_put_count(out, night->completed);
        buffer_put_text(out, " completed, ");
        text_put_count(out, night->failed);
        buffer_put_text(out, " failed");
    }
    buffer_put_text(out, "</title>");
}

void svg_put_night(const struct canvas *canvas, const struct timeline_night *night, double x, unsigned y)
{
    static const double edge = 0.16;
    double left = x + canvas->column * edge;
    double width = canvas->column * (1 - 2 * edge);
    double bottom = y + SVG_ROW - BAR_BOTTOM;
    double height = bar_height(canvas, night->planned);
    struct buffer label = {0};
    buffer_put_text(canvas->out, "<g>");
    put_night_title(canvas, night);
    if (canvas->timeline->actual) {
        double half = width / 2 - 1;
        double failed = bar_height(canvas, night->failed);
        double started = bar_height(canvas, night->started);
        put_bar(canvas, left, half, bottom, height, SVG_PLANNED);
        put_bar(canvas, left + half + 2, half, bottom, started, SVG_STARTED);
        put_bar(canvas, left + half + 2, half, bottom - (started > failed ? started - failed : 0), failed, SVG_FAILED);
        height = started > height ? started : height;
    } else {
        put_bar(canvas, left, width, bottom, height, SVG_STARTED);
    }
    timeline_put_short_count(canvas->timeline->actual ? night->started : night->planned, &label);
    buffer_format(canvas->out,
                  "<text x=\"%.1f\" y=\"%.1f\" font-size=\"10\" text-anchor=\"middle\" fill=\"" SVG_INK "\">%s"
                  "</text></g>\n",
                  x + canvas->column / 2.0, bottom - height - 3, buffer_text(&label));
    buffer_free(&label);
}

/* Draws a soak as a bar along the row's lower edge. */
void svg_put_soak(const struct canvas *canvas, const struct timeline_group *group, unsigned y)
{
    enum { THICKNESS = 5 };
    double begin, end;
    if (!timeline_soak(group, &begin, &end))
        return;
    double left = svg_x(canvas, timeline_position(canvas->timeline, begin));
    double right = svg_x(canvas, timeline_position(canvas->timeline, end));
    if (right - left < 1)
        return;
    buffer_put_text(canvas->out, "<g><title>soak ");
    timeline_put_soak(group->soak_s, canvas->out);
    buffer_format(canvas->out,
                  "</title><rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"" SVG_SOAK
                  "\"/></g>\n",
                  left, y + SVG_ROW - BAR_BOTTOM - THICKNESS, right - left, THICKNESS);
}

static void put_diamond(double x, double y, struct buffer *out)
{
    enum { RADIUS = 6 };
    buffer_format(out, "<path d=\"M%.1f %.1fl%d %dl-%d %dl-%d -%dz\" fill=\"" SVG_APPROVAL "\"/>", x, y - RADIUS,
                  RADIUS, RADIUS, RADIUS, RADIUS, RADIUS, RADIUS);
}

void svg_put_approval(const struct canvas *canvas, const struct timeline_group *group, unsigned y)
{
    double begin, end;
    bool soaks = timeline_soak(group, &begin, &end);
    if (!group->manual || group->last_night < 0)
        return;
    double position = timeline_position(canvas->timeline, soaks ? end : group->last_night + 1);
    const struct timeline_part *part = canvas->part;
    bool here = position >= (double)part->column && position <= (double)(part->column + part->column_count);
    if (!here)
        return;
    buffer_put_text(canvas->out, "<g><title>a person approves the next group</title>");
    put_diamond(svg_x(canvas, position), y + SVG_ROW - BAR_BOTTOM - 7, canvas->out);
    buffer_put_text(canvas->out, "</g>\n");
}

/* ---- the legend ----------------------------------------------------------------------------- */

enum { LEGEND_SIZE = 11, SWATCH = 14, LEGEND_LINE = 20, LEGEND_GAP = 22 };

struct legend {
    const struct canvas *canvas;
    struct buffer *out;
    unsigned x, y;
};

/* `fill`: a colour, or NULL for the diamond. */
static void put_entry(struct legend *legend, const char *fill, unsigned height, const char *text)
{
    unsigned width = SWATCH + 6 + svg_text_width(text, LEGEND_SIZE);
    if (legend->x > legend->canvas->left && legend->x + width > legend->canvas->width - 8) {
        legend->x = legend->canvas->left;
        legend->y += LEGEND_LINE;
    }
    if (fill == NULL)
        put_diamond(legend->x + SWATCH / 2.0, legend->y + SWATCH / 2.0, legend->out);
    else
        buffer_format(legend->out, "<rect x=\"%u\" y=\"%u\" width=\"%d\" height=\"%u\" fill=\"%s\"/>", legend->x,
                      legend->y + (SWATCH - height) / 2, SWATCH, height, fill);
    buffer_format(legend->out, "<text x=\"%u\" y=\"%u\" font-size=\"11\" fill=\"" SVG_INK "\">", legend->x + SWATCH + 6,
                  legend->y + 11);
    markup_put(legend->out, text);
    buffer_put_text(legend->out, "</text>\n");
    legend->x += width + LEGEND_GAP;
}

unsigned svg_put_legend(const struct canvas *canvas, unsigned y, struct buffer *out)
{
    const struct timeline *timeline = canvas->timeline;
    struct legend legend = {canvas, out, canvas->left, y};
    bool soaks = false, manual = false, blackout = false, failed = false;
    for (size_t i = 0; i < timeline->group_count; i++) {
        soaks = soaks || (timeline->groups[i].soak_s > 0 && timeline->groups[i].last_night >= 0);
        manual = manual || (timeline->groups[i].manual && timeline->groups[i].last_night >= 0);
    }
    for (size_t i = 0; i < timeline->column_count; i++)
        blackout = blackout || timeline->columns[i].blackout != NULL;
    for (size_t i = 0; i < timeline->night_count; i++)
        failed = failed || timeline->nights[i].failed > 0;
    if (timeline->actual) {
        put_entry(&legend, SVG_PLANNED, SWATCH, "planned");
        put_entry(&legend, SVG_STARTED, SWATCH, "started");
    }
    if (failed)
        put_entry(&legend, SVG_FAILED, SWATCH, "failed");
    if (!timeline->actual)
        put_entry(&legend, SVG_STARTED, SWATCH, "devices that start");
    if (soaks)
        put_entry(&legend, SVG_SOAK, 5, "soak");
    if (manual)
        put_entry(&legend, NULL, 0, "a person approves the next group");
    if (blackout)
        put_entry(&legend, "url(#blackout)", SWATCH, "blackout");
    return legend.y + SWATCH;
}
