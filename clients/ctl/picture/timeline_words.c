#include "clients/ctl/picture/timeline_words.h"

#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <time.h>

struct timeline_date timeline_date_of(int day)
{
    static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
    enum { DAY_S = 86400 };
    time_t time = (time_t)day * DAY_S;
    struct tm parts;
    (void)gmtime_r(&time, &parts);
    return (struct timeline_date){parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, weekdays[parts.tm_wday],
                                  months[parts.tm_mon]};
}

void timeline_put_soak(int64_t soak_s, struct buffer *out)
{
    enum { MINUTE = 60, HOUR = 3600, DAY = 86400, DAYS_LEAST = 3 };
    if (soak_s % DAY == 0 && soak_s >= (int64_t)DAYS_LEAST * DAY)
        buffer_format(out, "%" PRId64 " d", soak_s / DAY);
    else if (soak_s % HOUR == 0)
        buffer_format(out, "%" PRId64 " h", soak_s / HOUR);
    else if (soak_s % MINUTE == 0)
        buffer_format(out, "%" PRId64 " min", soak_s / MINUTE);
    else
        buffer_format(out, "%" PRId64 " s", soak_s);
}

void timeline_put_percent(double percent, struct buffer *out)
{
    buffer_format(out, "%.10g", percent);
}

void timeline_put_gate(const struct timeline_group *group, bool utf8, struct buffer *out)
{
    const char *between = utf8 ? " · " : ", ";
    const char *before = "";
    if (group->success >= 0) {
        if (group->success < 100)
            buffer_put_text(out, utf8 ? "≥ " : ">= ");
        timeline_put_percent(group->success, out);
        buffer_put_text(out, " %");
        before = between;
    }
    if (group->soak_s > 0) {
        buffer_format(out, "%ssoak ", before);
        timeline_put_soak(group->soak_s, out);
        before = between;
    }
    if (group->manual)
        buffer_format(out, "%sapproval", before);
}

void timeline_put_short_count(int64_t count, struct buffer *out)
{
    enum { THOUSAND = 1000, MILLION = 1000000 };
    if (count < INT64_C(10) * THOUSAND)
        text_put_count(out, count);
    else if (count < MILLION)
        buffer_format(out, "%" PRId64 "k", count / THOUSAND);
    else
        buffer_format(out, "%.1fM", (double)count / MILLION);
}

void timeline_put_span(const struct timeline *timeline, struct buffer *out)
{
    if (timeline->column_count == 0)
        return;
    const struct timeline_column *end = &timeline->columns[timeline->column_count - 1];
    struct timeline_date first = timeline_date_of(timeline->columns[0].day);
    struct timeline_date last = timeline_date_of(end->day + end->days - 1);
    if (first.year != last.year)
        buffer_format(out, "%d %s %d to ", first.day, first.month_name, first.year);
    else if (first.month != last.month)
        buffer_format(out, "%d %s to ", first.day, first.month_name);
    else if (first.day != last.day)
        buffer_format(out, "%d to ", first.day);
    buffer_format(out, "%d %s %d", last.day, last.month_name, last.year);
}
