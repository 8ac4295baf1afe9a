/* The parts of a report's page. One thread. */
#ifndef TELLERCAST_CTL_PAGE_REPORT_PARTS_H
#define TELLERCAST_CTL_PAGE_REPORT_PARTS_H

#include "base/buffer.h"

#include <jansson.h>
#include <stdint.h>

extern const char *const report_styles[]; /* CSS, one part after the other; ends with NULL */

void report_put_approvals(const json_t *report, struct buffer *out);
void report_put_timeline(const json_t *report, struct buffer *out);
void report_put_groups(const json_t *report, struct buffer *out);
void report_put_deviations(const json_t *report, struct buffer *out);
void report_put_events(const json_t *report, struct buffer *out);
void report_put_plan(const json_t *report, struct buffer *out);

/* A text of a document, "" when it is not there. */
const char *report_text(const json_t *document, const char *key);
int64_t report_number(const json_t *document, const char *key);

/* <h2>, and a table's begin with its titles; a title that begins with '#' is over numbers. */
void report_put_heading(const char *title, struct buffer *out);
void report_begin_table(const char *class, const char *const *titles, size_t count, struct buffer *out);
void report_end_table(struct buffer *out);

/* Cells. An empty text is "–". */
void report_put_cell(const char *class, const char *text, struct buffer *out);
void report_put_count(int64_t count, struct buffer *out);
void report_put_time(const char *rfc3339, struct buffer *out);
/* A state with its colour. */
void report_put_state(const char *state, struct buffer *out);

/* "2026-12-01 00:00:03" */
void report_put_time_text(const char *rfc3339, struct buffer *out);
/* "timed_out" as "timed out" */
void report_put_words(const char *name, struct buffer *out);

#endif
