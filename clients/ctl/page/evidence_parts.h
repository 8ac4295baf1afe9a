/* The parts of the evidence page. One thread. */
#ifndef TELLERCAST_CTL_PAGE_EVIDENCE_PARTS_H
#define TELLERCAST_CTL_PAGE_EVIDENCE_PARTS_H

#include "base/buffer.h"

#include <jansson.h>
#include <stdint.h>

extern const char *const evidence_styles[]; /* CSS, one part after the other; ends with NULL */

void evidence_put_approvals(const json_t *evidence, struct buffer *out);
void evidence_put_timeline(const json_t *evidence, struct buffer *out);
void evidence_put_groups(const json_t *evidence, struct buffer *out);
void evidence_put_deviations(const json_t *evidence, struct buffer *out);
void evidence_put_events(const json_t *evidence, struct buffer *out);
void evidence_put_plan(const json_t *evidence, struct buffer *out);

/* Returns a text of a document; "" when it is missing. */
const char *evidence_text(const json_t *document, const char *key);
int64_t evidence_number(const json_t *document, const char *key);

/* Write <h2>, and the start of a table with its titles; a title that begins with '#' is for a column of numbers. */
void evidence_put_heading(const char *title, struct buffer *out);
void evidence_begin_table(const char *class, const char *const *titles, size_t count, struct buffer *out);
void evidence_end_table(struct buffer *out);

/* Cells. An empty text is "–". */
void evidence_put_cell(const char *class, const char *text, struct buffer *out);
void evidence_put_count(int64_t count, struct buffer *out);
void evidence_put_time(const char *rfc3339, struct buffer *out);
/* Writes a state with its colour. */
void evidence_put_state(const char *state, struct buffer *out);

/* "2026-12-01 00:00:03" */
void evidence_put_time_text(const char *rfc3339, struct buffer *out);
/* "timed_out" as "timed out" */
void evidence_put_words(const char *name, struct buffer *out);

/* Return the devices of a rollout or a group that failed, also before they were cancelled; and those that were
 * cancelled or expired without a failure. */
int64_t evidence_failed(const json_t *part);
int64_t evidence_not_started(const json_t *part);

#endif
