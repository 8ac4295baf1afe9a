/* The range and validator headers of a download (RFC 9110 sections 8.8.3, 13 and 14). Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_RANGE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum http_range_kind {
    RANGE_WHOLE,         /* no range, or one that may be ignored: 200 */
    RANGE_PART,          /* 206 */
    RANGE_UNSATISFIABLE, /* 416 */
};

struct http_range {
    enum http_range_kind kind;
    int64_t first, length; /* of RANGE_PART */
};

/* Reads `Range` (NULL: absent) for a file of `size_bytes`. Several ranges in one header give RANGE_WHOLE, which the
 * standard allows and every client understands. */
struct http_range http_range_parse(const char *range, int64_t size_bytes);

/* Returns true when `If-None-Match` is "*" or lists `etag` (with its quotes), compared weakly. */
bool http_etag_is_listed(const char *if_none_match, const char *etag);
/* Returns true when `If-Range` allows a range: it is absent (NULL), or the strong tag `etag`. A date never does. */
bool http_if_range_holds(const char *if_range, const char *etag);

#endif
