#include "clients/ctl/picture/forecast_curve.h"

#include "base/clock.h"
#include "clients/ctl/screen/text.h"

#include <string.h>

enum { LEVELS = 8, COLUMNS_MAX = 72, COLUMNS_MIN = 16, MARGIN = 12 };

struct axis {
    int64_t first_ms, last_ms, now_ms;
    unsigned columns;
    int64_t devices;
};

static bool read_time(const json_t *document, const char *key, int64_t *time_ms)
{
    const char *text = json_string_value(json_object_get(document, key));
    return text != NULL && clock_parse(text, strlen(text), time_ms);
}

static int64_t number_of(const json_t *document, const char *key)
{
    return json_integer_value(json_object_get(document, key));
}

static void widen(struct axis *axis, const json_t *document, const char *key)
{
    int64_t time_ms;
    if (!read_time(document, key, &time_ms))
        return;
    axis->first_ms = axis->first_ms == 0 || time_ms < axis->first_ms ? time_ms : axis->first_ms;
    axis->last_ms = time_ms > axis->last_ms ? time_ms : axis->last_ms;
}

static struct axis axis_of(const json_t *forecast, const struct screen *screen)
{
    struct axis axis = {.columns = COLUMNS_MAX, .devices = number_of(forecast, "devices")};
    size_t i;
    const json_t *item;
    if (screen->width > MARGIN + COLUMNS_MIN && screen->width - MARGIN < COLUMNS_MAX)
        axis.columns = screen->width - MARGIN;
    json_array_foreach(json_object_get(forecast, "plan"), i, item)
    {
        widen(&axis, item, "starts_at");
        widen(&axis, item, "ends_at");
    }
    json_array_foreach(json_object_get(forecast, "actual"), i, item)
    {
        widen(&axis, item, "at");
    }
    widen(&axis, forecast, "best_end_at");
    widen(&axis, forecast, "worst_end_at");
    if (!read_time(forecast, "ended_at", &axis.now_ms) && !read_time(forecast, "at", &axis.now_ms))
        axis.now_ms = axis.last_ms;
    return axis;
}

/* Returns the time at the end of a column. */
static int64_t time_at(const struct axis *axis, unsigned column)
{
    return axis->first_ms + (axis->last_ms - axis->first_ms) * (int64_t)(column + 1) / (int64_t)axis->columns;
}

/* Devices of a night start evenly. */
static int64_t planned_at(const json_t *forecast, int64_t time_ms)
{
    int64_t sum = 0;
    size_t i;
    const json_t *night;
    json_array_foreach(json_object_get(forecast, "plan"), i, night)
    {
        int64_t starts_ms, ends_ms;
        if (!read_time(night, "starts_at", &starts_ms) || !read_time(night, "ends_at", &ends_ms) || time_ms < starts_ms)
            continue;
        int64_t devices = number_of(night, "devices");
        sum += time_ms >= ends_ms
                   ? devices
                   : (int64_t)((double)devices * (double)(time_ms - starts_ms) / (double)(ends_ms - starts_ms));
    }
    return sum;
}

static int64_t done_at(const json_t *forecast, int64_t time_ms)
{
    int64_t done = 0, at_ms;
    size_t i;
    const json_t *point;
    json_array_foreach(json_object_get(forecast, "actual"), i, point)
    {
        if (read_time(point, "at", &at_ms) && at_ms <= time_ms)
            done = number_of(point, "completed") + number_of(point, "failed");
    }
    return done;
}

static void put_level(int64_t count, const struct axis *axis, const struct screen *screen, struct buffer *out)
{
    static const char *const utf8[] = {"·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const ascii[] = {".", "1", "2", "3", "4", "5", "6", "7", "#"};
    int64_t level = count <= 0 ? 0 : count >= axis->devices ? LEVELS : 1 + count * (LEVELS - 1) / axis->devices;
    buffer_put_text(out, (screen->utf8 ? utf8 : ascii)[level]);
}

static void put_curve(const json_t *forecast, const struct axis *axis, const char *name,
                      int64_t (*count_at)(const json_t *, int64_t), int64_t until_ms, enum tone tone,
                      const struct screen *screen, struct buffer *out)
{
    buffer_format(out, "  %-8s  ", name);
    screen_begin_tone(screen, tone, out);
    for (unsigned column = 0; column < axis->columns; column++) {
        bool begins_later = column > 0 && time_at(axis, column - 1) >= until_ms;
        if (begins_later)
            break;
        int64_t time_ms = time_at(axis, column);
        put_level(count_at(forecast, time_ms < until_ms ? time_ms : until_ms), axis, screen, out);
    }
    screen_end_tone(screen, tone, out);
    buffer_put_text(out, "\n");
}

static unsigned column_of(const struct axis *axis, int64_t time_ms)
{
    double part = (double)(time_ms - axis->first_ms) / (double)(axis->last_ms - axis->first_ms);
    unsigned column = part <= 0 ? 0 : (unsigned)(part * axis->columns);
    return column < axis->columns ? column : axis->columns - 1;
}

static void put_span(const json_t *forecast, const struct axis *axis, const struct screen *screen, struct buffer *out)
{
    int64_t best_ms, worst_ms;
    if (!read_time(forecast, "best_end_at", &best_ms) || !read_time(forecast, "worst_end_at", &worst_ms))
        return;
    unsigned from = column_of(axis, best_ms), until = column_of(axis, worst_ms);
    buffer_format(out, "  %-8s  ", "end");
    for (unsigned column = 0; column < from; column++)
        buffer_put_text(out, " ");
    screen_begin_tone(screen, TONE_WARN, out);
    for (unsigned column = from; column <= until; column++) {
        bool is_end = column == from || column == until;
        buffer_put_text(out, is_end ? "|" : screen->utf8 ? "─" : "-");
    }
    screen_end_tone(screen, TONE_WARN, out);
    buffer_put_text(out, "\n");
}

static void put_time(int64_t time_ms, struct buffer *out)
{
    char text[TC_TIME_TEXT_SIZE];
    clock_format(time_ms, text);
    text_put_time(out, text);
}

void forecast_curve_put(const json_t *forecast, const struct screen *screen, struct buffer *out)
{
    const struct axis axis = axis_of(forecast, screen);
    if (axis.devices <= 0 || axis.first_ms >= axis.last_ms || !json_is_array(json_object_get(forecast, "actual")))
        return;
    put_curve(forecast, &axis, "planned", planned_at, axis.last_ms, TONE_FAINT, screen, out);
    put_curve(forecast, &axis, "done", done_at, axis.now_ms, TONE_GOOD, screen, out);
    put_span(forecast, &axis, screen, out);
    buffer_format(out, "  %-8s  ", "");
    put_time(axis.first_ms, out);
    buffer_put_text(out, screen->utf8 ? " … " : " to ");
    put_time(axis.last_ms, out);
    buffer_put_text(out, "\n");
}
