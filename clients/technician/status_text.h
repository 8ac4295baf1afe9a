/* The agent's status for a person. */
#ifndef TELLERCAST_CLIENTS_TECHNICIAN_STATUS_TEXT_H
#define TELLERCAST_CLIENTS_TECHNICIAN_STATUS_TEXT_H

#include "base/buffer.h"

#include <jansson.h>

/* Appends the lines. What an agent of another version leaves out is left out. */
void status_text_put(const json_t *status, struct buffer *out);

#endif
