/* The target of an HTTP request (RFC 9112 section 3.2), read strictly: "/v1/devices/A7?limit=5". Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_TARGET_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_TARGET_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_SEGMENTS_MAX = 8, HTTP_PARAMETERS_MAX = 8 };

struct http_parameter {
    const char *name, *value;
};

struct http_target {
    char *memory;                            /* of all texts; owned */
    const char *segments[HTTP_SEGMENTS_MAX]; /* of the path, each decoded by itself: a %2F stays inside */
    size_t segment_count;                    /* HTTP_SEGMENTS_MAX + 1 when there are more */
    struct http_parameter parameters[HTTP_PARAMETERS_MAX];
    size_t parameter_count;
};

/* TC_INVALID for a broken percent-escape, control characters, what is not UTF-8, a parameter without a name,
 * one twice, or more than HTTP_PARAMETERS_MAX. A '+' stands for itself. In any case end with http_target_free. */
enum tc_error http_target_parse(const char *text, struct http_target *target, struct tc_fault *fault);
void http_target_free(struct http_target *target);

/* True when the path has the form of `pattern`, "/v1/devices/{id}"; then `variable` is the segment that stands
 * for "{…}" (at most one in a pattern), or "". */
bool http_target_matches(const struct http_target *target, const char *pattern, const char **variable);

/* TC_INVALID when there is a parameter that is not among `allowed`, names joined by spaces. */
enum tc_error http_target_check(const struct http_target *target, const char *allowed, struct tc_fault *fault);

/* The parameter's value; NULL when it is not there. */
const char *http_target_text(const struct http_target *target, const char *name);
/* As a decimal number; `value` stays as it is when it is not there. */
enum tc_error http_target_integer(const struct http_target *target, const char *name, int64_t least, int64_t most,
                                  int64_t *value, struct tc_fault *fault);

/* Reads the number of a rollout: positive, in decimal digits alone, without a leading zero. */
bool http_read_id(const char *text, int64_t *id);

#endif
