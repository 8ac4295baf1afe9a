#include "clients/ctl/picture/timeline_draw.h"

#include "clients/ctl/picture/timeline_columns.h"
#include "clients/ctl/picture/timeline_words.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

enum {
    NAME_MOST = 24,
    GAP = 2,
    CELL = 3, /* a night: its bar and a place for a mark */
    BAR = CELL - 1,
    COUNT_LEAST = 7,
    COLUMNS_UNBOUNDED = 40,
};

struct chart {
    const struct timeline *timeline;
    const struct screen *screen;
    unsigned name;
    size_t first, end; /* the columns of this part */
    struct buffer *out;
};

static void put_spaces(struct buffer *out, unsigned count)
{
    buffer_format(out, "%*s", (int)count, "");
}

static void put_toned(const struct chart *chart, enum tone tone, const char *text)
{
    screen_begin_tone(chart->screen, tone, chart->out);
    buffer_put_text(chart->out, text);
    screen_end_tone(chart->screen, tone, chart->out);
}

/* ---- the days ------------------------------------------------------------------------------- */

/* Writes a month's name over its first day in the part, if there is space before the next month. */
static void put_months(const struct chart *chart)
{
    struct buffer line = {0};
    int last = 0;
    for (size_t i = chart->first; i < chart->end; i++) {
        struct timeline_date date = timeline_date_of(chart->timeline->columns[i].day);
        size_t at = (i - chart->first) * CELL;
        if (date.month == last || at < line.length + (line.length > 0))
            continue;
        buffer_format(&line, "%*s%.3s", (int)(at - line.length), "", date.month_name);
        if (i == 0 && chart->end - chart->first > 2)
            buffer_format(&line, " %d", date.year);
        last = date.month;
    }
    put_spaces(chart->out, chart->name + GAP);
    put_toned(chart, TONE_FAINT, buffer_text(&line));
    buffer_put_text(chart->out, "\n");
    buffer_free(&line);
}

static void put_days(const struct chart *chart)
{
    put_spaces(chart->out, chart->name + GAP);
    for (size_t i = chart->first; i < chart->end; i++) {
        const struct timeline_column *column = &chart->timeline->columns[i];
        char text[16] = "..";
        if (column->days == 1)
            (void)snprintf(text, sizeof text, "%02d", timeline_date_of(column->day).day);
        else if (chart->screen->utf8)
            (void)snprintf(text, sizeof text, "⋯ ");
        put_toned(chart, column->blackout != NULL ? TONE_WARN : TONE_STRONG, text);
        if (i + 1 < chart->end)
            buffer_put_text(chart->out, " ");
    }
    buffer_put_text(chart->out, "\n");
}

/* ---- the rows ------------------------------------------------------------------------------- */

/* Returns the height of a night's bar: 1 to 8. */
static unsigned level_of(const struct chart *chart, int64_t count)
{
    enum { LEVELS = 8 };
    unsigned level = (unsigned)((double)count / (double)chart->timeline->most * LEVELS + 0.5);
    return level < 1 ? 1 : level;
}

static void put_bar(const struct chart *chart, const struct timeline_night *night)
{
    static const char *const utf8[] = {"▁▁", "▂▂", "▃▃", "▄▄", "▅▅", "▆▆", "▇▇", "██"};
    static const char *const ascii[] = {"..", "::", "--", "==", "++", "**", "%%", "##"};
    int64_t count = chart->timeline->actual ? night->started : night->planned;
    enum tone tone = night->failed > 0 ? TONE_BAD : TONE_BUSY;
    if (count == 0)
        put_toned(chart, TONE_FAINT, chart->screen->utf8 ? "··" : "__");
    else
        put_toned(chart, tone, (chart->screen->utf8 ? utf8 : ascii)[level_of(chart, count) - 1]);
}

static void put_cell(const struct chart *chart, size_t group_number, size_t column)
{
    const struct timeline *timeline = chart->timeline;
    const struct timeline_group *group = &timeline->groups[group_number];
    const struct timeline_night *night = timeline_night_at(timeline, group_number, column);
    bool utf8 = chart->screen->utf8;
    double begin, end;
    bool soaks = timeline_soak(group, &begin, &end);
    double from = timeline_position(timeline, begin);
    double to = timeline_position(timeline, end);
    bool soaking = soaks && from < (double)column + 1 && to > (double)column && night == NULL;
    if (night != NULL)
        put_bar(chart, night);
    else if (soaking)
        put_toned(chart, TONE_WARN, utf8 ? "░░" : "~~");
    else if (timeline->columns[column].blackout != NULL)
        put_toned(chart, TONE_FAINT, utf8 ? "××" : "xx");
    else
        put_spaces(chart->out, BAR);
    bool last = to >= (double)column && (to < (double)column + 1 || column + 1 == timeline->column_count);
    if (group->manual && group->last_night >= 0 && last)
        put_toned(chart, TONE_STRONG, utf8 ? "◆" : "?");
    else if (night != NULL && night->failed > 0)
        put_toned(chart, TONE_BAD, "!");
    else
        buffer_put_text(chart->out, " ");
}

static void put_row(const struct chart *chart, size_t group_number)
{
    const struct timeline_group *group = &chart->timeline->groups[group_number];
    struct buffer count = {0};
    screen_begin_tone(chart->screen, TONE_STRONG, chart->out);
    unsigned put = text_put_clean(chart->out, group->name, chart->name, chart->screen->utf8);
    screen_end_tone(chart->screen, TONE_STRONG, chart->out);
    put_spaces(chart->out, chart->name - put + GAP);
    for (size_t i = chart->first; i < chart->end; i++)
        put_cell(chart, group_number, i);
    timeline_put_short_count(group->devices, &count);
    buffer_format(chart->out, "%*s\n", COUNT_LEAST, buffer_text(&count));
    buffer_free(&count);
}

/* ---- the legend ----------------------------------------------------------------------------- */

static void put_sign(const struct chart *chart, enum tone tone, const char *utf8, const char *ascii, const char *text)
{
    put_spaces(chart->out, GAP);
    put_toned(chart, tone, chart->screen->utf8 ? utf8 : ascii);
    buffer_format(chart->out, " %s", text);
}

static void put_legend(const struct chart *chart)
{
    const struct timeline *timeline = chart->timeline;
    bool soaks = false, manual = false, blackout = false, failed = false;
    struct buffer most = {0};
    for (size_t i = 0; i < timeline->group_count; i++) {
        soaks = soaks || (timeline->groups[i].soak_s > 0 && timeline->groups[i].last_night >= 0);
        manual = manual || (timeline->groups[i].manual && timeline->groups[i].last_night >= 0);
    }
    for (size_t i = 0; i < timeline->column_count; i++)
        blackout = blackout || timeline->columns[i].blackout != NULL;
    for (size_t i = 0; i < timeline->night_count; i++)
        failed = failed || timeline->nights[i].failed > 0;
    text_put_count(&most, timeline->most);
    buffer_format(&most, " device%s %s", timeline->most == 1 ? "" : "s", timeline->actual ? "started" : "a night");
    put_spaces(chart->out, chart->name);
    put_sign(chart, TONE_BUSY, "██", "##", buffer_text(&most));
    if (failed)
        put_sign(chart, TONE_BAD, "!", "!", "some failed");
    if (soaks)
        put_sign(chart, TONE_WARN, "░░", "~~", "soak");
    if (manual)
        put_sign(chart, TONE_STRONG, "◆", "?", "approval");
    if (blackout)
        put_sign(chart, TONE_FAINT, "××", "xx", "blackout");
    buffer_put_text(chart->out, "\n");
    buffer_free(&most);
}

void timeline_put_screen(const struct timeline *timeline, const struct screen *screen, struct buffer *out)
{
    struct chart chart = {.timeline = timeline, .screen = screen, .out = out};
    if (timeline->column_count == 0 || timeline->most == 0)
        return;
    for (size_t i = 0; i < timeline->group_count; i++) {
        unsigned width = text_width(timeline->groups[i].name);
        chart.name = width > chart.name ? width : chart.name;
    }
    chart.name = chart.name > NAME_MOST ? NAME_MOST : chart.name;
    unsigned taken = chart.name + GAP + COUNT_LEAST + 1;
    size_t columns = screen->width == 0      ? COLUMNS_UNBOUNDED
                     : screen->width > taken ? (screen->width - taken) / CELL
                                             : 0;
    columns = columns < 1 ? 1 : columns;
    for (chart.first = 0; chart.first < timeline->column_count; chart.first = chart.end) {
        chart.end = chart.first + columns;
        if (chart.end > timeline->column_count)
            chart.end = timeline->column_count;
        if (chart.first > 0)
            buffer_put_text(out, "\n");
        put_months(&chart);
        put_days(&chart);
        for (size_t i = 0; i < timeline->group_count; i++)
            put_row(&chart, i);
    }
    put_legend(&chart);
}
