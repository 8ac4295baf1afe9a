/* Texts of a timeline's drawings. One thread. */
#ifndef TELLERCAST_CTL_PICTURE_TIMELINE_WORDS_H
#define TELLERCAST_CTL_PICTURE_TIMELINE_WORDS_H

#include "base/buffer.h"
#include "clients/ctl/picture/timeline.h"

struct timeline_date {
    int year, month, day; /* from 1 */
    const char *weekday;  /* "Tue" */
    const char *month_name;
};

struct timeline_date timeline_date_of(int day);

/* Writes the condition of the next group: "≥ 98 % · soak 48 h · approval". */
void timeline_put_gate(const struct timeline_group *group, bool utf8, struct buffer *out);
/* "48 h", "5 d", "90 min" */
void timeline_put_soak(int64_t soak_s, struct buffer *out);
/* "98", "99.5" */
void timeline_put_percent(double percent, struct buffer *out);
/* "9,999", "12k", "1.2M": at most five characters. */
void timeline_put_short_count(int64_t count, struct buffer *out);
/* "1 to 10 December 2026" */
void timeline_put_span(const struct timeline *timeline, struct buffer *out);

#endif
