/* CSV (RFC 4180) of JSON values. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_CSV_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_CSV_H

#include "base/buffer.h"

#include <jansson.h>

/* Appends a field in quotes: a text, a number or an object as JSON; empty for null and NULL. A text that a spreadsheet
 * would take for a formula, since it begins with = + - @ or a control character, after blanks or not, gets an
 * apostrophe in front. Control characters and signs that reorder text or are not seen become spaces. */
void csv_put_field(struct buffer *out, const json_t *value);

#endif
