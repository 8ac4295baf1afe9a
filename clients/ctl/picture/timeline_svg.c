#include "clients/ctl/picture/markup.h"
#include "clients/ctl/picture/timeline_draw.h"
#include "clients/ctl/picture/timeline_svg_parts.h"
#include "clients/ctl/picture/timeline_words.h"
#include "clients/ctl/screen/text.h"

struct timeline_part timeline_whole(const struct timeline *timeline)
{
    return (struct timeline_part){0, timeline->group_count, 0, timeline->column_count, true};
}

size_t timeline_columns_in(unsigned width)
{
    unsigned taken = SVG_NAMES + SVG_TOTALS;
    return width < taken + SVG_COLUMN_LEAST ? 1 : (width - taken) / SVG_COLUMN_LEAST;
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static struct canvas lay_out(const struct timeline *timeline, const struct timeline_part *part, unsigned width,
                             const char *heading, struct buffer *out)
{
    unsigned margin = heading == NULL ? 0 : SVG_MARGIN;
    unsigned taken = 2 * margin + SVG_NAMES + SVG_TOTALS;
    unsigned columns = larger((unsigned)part->column_count, 1);
    unsigned column = (larger(width, taken) - taken) / columns;
    column = smaller(larger(column, SVG_COLUMN_LEAST), SVG_COLUMN_MOST);
    unsigned chart = column * (unsigned)part->column_count;
    unsigned needed = larger(taken + chart, smaller(width, SVG_WIDTH_LEAST));
    if (heading != NULL) {
        needed = larger(needed, 2 * margin + svg_text_width(timeline->name, SVG_TITLE_SIZE * 6 / 5));
        needed = larger(needed, 2 * margin + svg_text_width(heading, SVG_SUBTITLE_SIZE));
    }
    return (struct canvas){
        .timeline = timeline,
        .part = part,
        .out = out,
        .left = margin,
        .width = needed,
        .top = (heading == NULL ? 0 : SVG_HEADING) + SVG_DATES,
        .column = column,
        .chart_left = margin + SVG_NAMES,
        .chart_right = margin + SVG_NAMES + chart,
    };
}

static void put_patterns(struct buffer *out)
{
    buffer_put_text(out, "<defs>"
                         "<pattern id=\"blackout\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
                         "patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" fill=\"#f1f2f4\"/>"
                         "<line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" stroke=\"#c3c9d0\" stroke-width=\"2\"/></pattern>"
                         "</defs>\n");
}

/* Draws the rollout's name, and a line below it. */
static void put_heading(const struct canvas *canvas, const char *heading)
{
    struct buffer *out = canvas->out;
    buffer_format(out, "<text x=\"%u\" y=\"30\" font-size=\"%d\" font-weight=\"600\" fill=\"" SVG_INK "\">",
                  canvas->left, SVG_TITLE_SIZE);
    markup_put(out, canvas->timeline->name);
    buffer_format(out, "</text>\n<text x=\"%u\" y=\"50\" font-size=\"%d\" fill=\"" SVG_FAINT "\">", canvas->left,
                  SVG_SUBTITLE_SIZE);
    markup_put(out, heading);
    buffer_put_text(out, "</text>\n");
}

static void put_date(const struct canvas *canvas, const struct timeline_column *column, double middle, bool month)
{
    struct buffer *out = canvas->out;
    struct timeline_date date = timeline_date_of(column->day);
    unsigned y = canvas->top - SVG_DATES;
    if (month)
        buffer_format(out, "<text x=\"%.1f\" y=\"%u\" font-size=\"10\" font-weight=\"600\" fill=\"" SVG_INK "\">%.3s",
                      middle, y + 11, date.month_name);
    if (month && (date.month == 1 || column == canvas->timeline->columns))
        buffer_format(out, " %d", date.year);
    buffer_put_text(out, month ? "</text>" : "");
    if (column->days > 1)
        buffer_format(out,
                      "<text x=\"%.1f\" y=\"%u\" font-size=\"10\" fill=\"" SVG_FAINT "\">⋯</text>"
                      "<text x=\"%.1f\" y=\"%u\" font-size=\"10\" fill=\"" SVG_FAINT "\">%d days</text>\n",
                      middle, y + 25, middle, y + 38, column->days);
    else
        buffer_format(out,
                      "<text x=\"%.1f\" y=\"%u\" font-size=\"10\" fill=\"" SVG_FAINT "\">%s</text>"
                      "<text x=\"%.1f\" y=\"%u\" font-size=\"12\" fill=\"" SVG_INK "\">%d</text>\n",
                      middle, y + 25, date.weekday, middle, y + 38, date.day);
}

/* Draws the days above the chart, the lines and the blackouts. */
static void put_grid(const struct canvas *canvas)
{
    const struct timeline_part *part = canvas->part;
    struct buffer *out = canvas->out;
    unsigned height = (unsigned)part->group_count * SVG_ROW;
    int last_month = 0;
    buffer_put_text(out, "<g text-anchor=\"middle\">\n");
    for (size_t i = part->column; i < part->column + part->column_count; i++) {
        const struct timeline_column *column = &canvas->timeline->columns[i];
        double x = svg_x(canvas, (double)i);
        int month = timeline_date_of(column->day).month;
        if (column->blackout != NULL) {
            buffer_format(out, "<rect x=\"%.1f\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"url(#blackout)\"><title>",
                          x, canvas->top, canvas->column, height);
            buffer_put_text(out, "blackout");
            buffer_put_text(out, *column->blackout->reason == '\0' ? "" : ": ");
            markup_put(out, column->blackout->reason);
            buffer_put_text(out, "</title></rect>\n");
        }
        put_date(canvas, column, x + canvas->column / 2.0, month != last_month);
        last_month = month;
    }
    buffer_format(
        out, "<text x=\"%u\" y=\"%u\" font-size=\"10\" text-anchor=\"end\" fill=\"" SVG_FAINT "\">Devices</text>\n",
        canvas->chart_right + SVG_TOTALS - 4, canvas->top - 8);
    buffer_put_text(out, "</g>\n<g stroke=\"" SVG_LINE "\" stroke-width=\"1\">\n");
    for (size_t i = 0; i <= part->column_count; i++)
        buffer_format(out, "<line x1=\"%u.5\" y1=\"%u\" x2=\"%u.5\" y2=\"%u\"/>",
                      canvas->chart_left + (unsigned)i * canvas->column, canvas->top,
                      canvas->chart_left + (unsigned)i * canvas->column, canvas->top + height);
    for (size_t i = 0; i <= part->group_count; i++)
        buffer_format(out, "<line x1=\"%u\" y1=\"%u.5\" x2=\"%u\" y2=\"%u.5\"/>", canvas->left, svg_row_y(canvas, i),
                      canvas->chart_right + SVG_TOTALS, svg_row_y(canvas, i));
    buffer_put_text(out, "\n</g>\n");
}

/* Draws a group's name and gate on the left, its number of devices on the right. */
static void put_group(const struct canvas *canvas, const struct timeline_group *group, unsigned y)
{
    enum { NAME_CHARACTERS = 23, GATE_CHARACTERS = 32 };
    struct buffer *out = canvas->out;
    struct buffer text = {0};
    timeline_put_gate(group, true, &text);
    unsigned middle = y + SVG_ROW / 2;
    buffer_put_text(out, "<g><title>");
    markup_put(out, group->name);
    buffer_format(out, "</title><text x=\"%u\" y=\"%u\" font-size=\"12\" font-weight=\"600\" fill=\"" SVG_INK "\">",
                  canvas->left, text.length == 0 ? middle + 4 : middle - 3);
    markup_put_cut(out, group->name, NAME_CHARACTERS);
    buffer_format(out, "</text><text x=\"%u\" y=\"%u\" font-size=\"10\" fill=\"" SVG_FAINT "\">", canvas->left,
                  middle + 12);
    markup_put_cut(out, buffer_text(&text), GATE_CHARACTERS);
    buffer_clear(&text);
    timeline_put_short_count(group->devices, &text);
    buffer_format(out, "</text><text x=\"%u\" y=\"%u\" font-size=\"12\" text-anchor=\"end\" fill=\"" SVG_INK "\">%s",
                  canvas->chart_right + SVG_TOTALS - 4, middle + 4, buffer_text(&text));
    buffer_put_text(out, "</text></g>\n");
    buffer_free(&text);
}

static void put_rows(const struct canvas *canvas)
{
    const struct timeline_part *part = canvas->part;
    for (size_t i = 0; i < part->group_count; i++) {
        const struct timeline_group *group = &canvas->timeline->groups[part->group + i];
        unsigned y = svg_row_y(canvas, i);
        put_group(canvas, group, y);
        svg_put_soak(canvas, group, y);
        for (size_t column = part->column; column < part->column + part->column_count; column++) {
            const struct timeline_night *night = timeline_night_at(canvas->timeline, part->group + i, column);
            if (night != NULL)
                svg_put_night(canvas, night, svg_x(canvas, (double)column), y);
        }
        svg_put_approval(canvas, group, y);
    }
}

void timeline_put_svg(const struct timeline *timeline, const struct timeline_part *part, unsigned width,
                      const char *heading, struct buffer *out)
{
    struct canvas canvas = lay_out(timeline, part, width, heading, out);
    struct buffer legend = {0};
    unsigned bottom = svg_row_y(&canvas, part->group_count);
    unsigned height = bottom + SVG_BOTTOM;
    if (part->legend)
        height = svg_put_legend(&canvas, bottom + SVG_LEGEND_GAP, &legend) + SVG_BOTTOM;
    if (heading != NULL)
        buffer_put_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    buffer_format(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" "
                  "role=\"img\" font-family=\"system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', "
                  "Arial, sans-serif\">\n<title>Timeline of ",
                  canvas.width, height, canvas.width, height);
    markup_put(out, timeline->name);
    buffer_put_text(out, "</title>\n");
    put_patterns(out);
    if (heading != NULL) {
        buffer_format(out, "<rect width=\"%u\" height=\"%u\" fill=\"#ffffff\"/>\n", canvas.width, height);
        put_heading(&canvas, heading);
    }
    put_grid(&canvas);
    put_rows(&canvas);
    buffer_put(out, buffer_text(&legend), legend.length);
    buffer_put_text(out, "</svg>\n");
    buffer_free(&legend);
}
