/* The strict check of the framing of a request's body (RFC 9112 sections 6 and 7). Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_BODY_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_BODY_H

#include "orchestrator/intake/http_head.h"

/* Bytes of the extensions of a chunk, and of the fields after the last chunk. */
#define HTTP_CHUNK_LINE_MAX 256
#define HTTP_TRAILER_MAX 4096

enum http_body_part {
    HTTP_BODY_LENGTH,    /* counted by Content-Length */
    HTTP_BODY_SIZE,      /* the digits of a chunk's size */
    HTTP_BODY_EXTENSION, /* the rest of that line */
    HTTP_BODY_SIZE_LF,
    HTTP_BODY_DATA,
    HTTP_BODY_DATA_CR,
    HTTP_BODY_DATA_LF,
    HTTP_BODY_FIELD, /* the first byte of a line after the last chunk */
    HTTP_BODY_FIELD_NAME,
    HTTP_BODY_FIELD_VALUE,
    HTTP_BODY_FIELD_LF,
    HTTP_BODY_LAST_LF,
    HTTP_BODY_ENDED,
    HTTP_BODY_REFUSED,
};

struct http_body {
    enum http_body_part part;
    int64_t left;      /* bytes of the body, or of the chunk */
    size_t line_bytes; /* of the size and the extensions, or of all fields after the last chunk */
};

/* Begins the body of a request with this head. It may have ended at once. */
void http_body_begin(struct http_body *body, const struct http_head *head);

/* Takes bytes. Returns how many of them are of the body and are correct: all, unless `part` is HTTP_BODY_ENDED or
 * HTTP_BODY_REFUSED after the call. */
size_t http_body_take(struct http_body *body, const char *bytes, size_t count);

#endif
