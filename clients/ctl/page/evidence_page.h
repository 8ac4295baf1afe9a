/* A rollout's evidence as one self-contained HTML page, printable on A4: no scripts, and no external fonts or pictures.
 * Written from the daemon's evidence and then its instructions one by one, so that a fleet of any size can be streamed.
 * Contents of the documents are always text in the page, never markup. One thread. */
#ifndef TELLERCAST_CTL_PAGE_EVIDENCE_PAGE_H
#define TELLERCAST_CTL_PAGE_EVIDENCE_PAGE_H

#include "base/buffer.h"

#include <jansson.h>

/* Writes everything before the devices. */
void evidence_page_begin(const json_t *evidence, struct buffer *out);
void evidence_page_add_device(const json_t *instruction, struct buffer *out);
void evidence_page_end(struct buffer *out);

#endif
