/* Texts as a person reads them: counts, sizes, durations, times, and what came from elsewhere made
 * safe for a terminal. Any thread. */
#ifndef TELLERCAST_CTL_SCREEN_TEXT_H
#define TELLERCAST_CTL_SCREEN_TEXT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns that text_put_clean takes for it, with no bound. */
unsigned text_width(const char *text);

/* Appends at most `width` columns of `text` (0: all of it). Control characters and broken UTF-8 become
 * '?', so that a device's words cannot steer the operator's terminal; a cut text ends in "…", or in
 * "~" without UTF-8. Returns the columns put. */
unsigned text_put_clean(struct buffer *out, const char *text, unsigned width, bool utf8);

/* "2,008" */
void text_put_count(struct buffer *out, int64_t count);
/* "512 B", "4.0 KiB", "412 MiB" */
void text_put_size(struct buffer *out, int64_t bytes);
/* "0 s", "14 s", "3 m 20 s", "2 h 05 m", "3 d 04 h" */
void text_put_duration(struct buffer *out, int64_t duration_ms);
/* "0", "0.4", "61", "1,204" */
void text_put_rate(struct buffer *out, double per_second);
/* RFC 3339 as "2026-12-01 00:00:03Z", without its fraction; as it is when it is shaped otherwise. */
void text_put_time(struct buffer *out, const char *rfc3339);
/* The same with milliseconds: "2026-12-01 00:00:03.250Z". */
void text_put_instant(struct buffer *out, const char *rfc3339);

/* "500ms", "15s", "10m", "3h", "2d": false for anything else and for more than 366 days. */
bool text_parse_duration(const char *text, int64_t *duration_ms);

#endif
