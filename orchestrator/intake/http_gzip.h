/* Compression of answers (RFC 1952). Private to the HTTP endpoint. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_GZIP_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_GZIP_H

#include "base/buffer.h"

#include <stdbool.h>

/* Shorter answers are sent as they are. */
#define GZIP_LEAST_BYTES 1024

/* Whether the header Accept-Encoding (NULL: absent) allows gzip by its name. A coding with q=0 is not allowed. */
bool gzip_is_accepted(const char *accept_encoding);
/* Replaces the content by its compressed form. */
void gzip_compress(struct buffer *content);

#endif
