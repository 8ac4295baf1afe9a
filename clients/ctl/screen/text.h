/* Formats counts, sizes, durations and times for people, and makes foreign text safe for a terminal. Any thread. */
#ifndef TELLERCAST_CTL_SCREEN_TEXT_H
#define TELLERCAST_CTL_SCREEN_TEXT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the columns that text_put_clean writes without a bound. */
unsigned text_width(const char *text);

/* Appends at most `width` columns of `text` (0: all). Control characters and invalid UTF-8 become '?', so that text of
 * a device cannot control the operator's terminal. A cut text ends in "…", or in "~" without UTF-8. Returns the columns
 * written. */
unsigned text_put_clean(struct buffer *out, const char *text, unsigned width, bool utf8);

/* The name of a state, an event or a kind as words: "timed_out" as "timed out". */
void text_put_name(struct buffer *out, const char *name);

/* "2,008" */
void text_put_count(struct buffer *out, int64_t count);
/* "512 B", "4.0 KiB", "412 MiB" */
void text_put_size(struct buffer *out, int64_t bytes);
/* "0 s", "14 s", "3 m 20 s", "2 h 05 m", "3 d 04 h" */
void text_put_duration(struct buffer *out, int64_t duration_ms);
/* "0", "0.4", "61", "1,204" */
void text_put_rate(struct buffer *out, double per_second);
/* RFC 3339 as "2026-12-01 00:00:03Z", without its fraction; other texts unchanged. */
void text_put_time(struct buffer *out, const char *rfc3339);
/* The same with milliseconds: "2026-12-01 00:00:03.250Z". */
void text_put_instant(struct buffer *out, const char *rfc3339);

/* Parses "500ms", "15s", "10m", "3h", "2d". False for other texts and for more than 366 days. */
bool text_parse_duration(const char *text, int64_t *duration_ms);

#endif
