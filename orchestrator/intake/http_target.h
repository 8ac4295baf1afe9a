/* A strict parser of the target of an HTTP request (RFC 9112 section 3.2), as "/v1/devices/A7?limit=5". Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_TARGET_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_TARGET_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_SEGMENTS_MAX = 8, HTTP_PARAMETERS_MAX = 24 };

struct http_parameter {
    const char *name, *value;
};

struct http_target {
    char *memory;                            /* of all texts; owned */
    const char *segments[HTTP_SEGMENTS_MAX]; /* of the path, decoded one by one: %2F does not separate */
    size_t segment_count;                    /* HTTP_SEGMENTS_MAX + 1 when there are more */
    struct http_parameter parameters[HTTP_PARAMETERS_MAX];
    size_t parameter_count;
};

/* TC_INVALID: an invalid percent-escape, a control character, invalid UTF-8, a parameter without a name, or more than
 * HTTP_PARAMETERS_MAX. A '+' is not a space. Call http_target_free also after a fault. */
enum tc_error http_target_parse(const char *text, struct http_target *target, struct tc_fault *fault);
void http_target_free(struct http_target *target);

/* Returns true when the path matches `pattern`, as "/v1/devices/{id}". Sets `variable` to the segment in place of the
 * first "{…}", or "". */
bool http_target_matches(const struct http_target *target, const char *pattern, const char **variable);

/* TC_INVALID: a parameter is not in `allowed`, names joined by spaces, has no value, or is there twice; one whose name
 * ends with a '+' in the list may be repeated. "*": any is allowed, once. */
enum tc_error http_target_check(const struct http_target *target, const char *allowed, struct tc_fault *fault);

/* Returns the value of a parameter, the first one; NULL when it is absent. */
const char *http_target_text(const struct http_target *target, const char *name);
/* Returns the next value of a repeated parameter; NULL: there are no more. `place` is 0 before the first. */
const char *http_target_next(const struct http_target *target, const char *name, size_t *place);
/* Reads a parameter as a decimal number. `value` is unchanged when it is absent. TC_INVALID. */
enum tc_error http_target_integer(const struct http_target *target, const char *name, int64_t minimum, int64_t maximum,
                                  int64_t *value, struct tc_fault *fault);

/* Reads the ID of a rollout: a positive number in decimal digits, without a leading zero. */
bool http_read_id(const char *text, int64_t *id);

#endif
