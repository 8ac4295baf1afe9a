/* A rollout's report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere; it
 * prints on A4. Made of the daemon's report and of its instructions, one after the other, so that a fleet of any size
 * is written as it is read. Whatever the documents hold is text in the page, never markup. One thread. */
#ifndef TELLERCAST_CTL_PAGE_REPORT_PAGE_H
#define TELLERCAST_CTL_PAGE_REPORT_PAGE_H

#include "base/buffer.h"

#include <jansson.h>

/* All but the devices. */
void report_page_begin(const json_t *report, struct buffer *out);
void report_page_add_device(const json_t *instruction, struct buffer *out);
void report_page_end(struct buffer *out);

#endif
