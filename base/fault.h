/* Errors: codes and texts.
 *
 * A function that can fail for reasons outside the program (network, disk, input) returns an enum tc_error and, where
 * there is more to say, fills a struct tc_fault. Each layer adds its context in front, so the text reads from the
 * outside in: "rollout 42: claim: connection refused". A condition that only a bug can break is a TC_CHECK,
 * which stays on in release. */
#ifndef TELLERCAST_BASE_FAULT_H
#define TELLERCAST_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>

enum tc_error {
    TC_OK = 0,
    TC_INVALID,     /* the input is wrong; its sender must change it */
    TC_NOT_FOUND,   /* the named object does not exist */
    TC_CONFLICT,    /* contradicts the current state */
    TC_DENIED,      /* the sender may not do this */
    TC_TOO_LARGE,   /* over a limit that is stated in the text */
    TC_BUSY,        /* full now; nothing was taken; try again */
    TC_UNAVAILABLE, /* a server or a file is not there now; try again */
    TC_TIMEOUT,     /* not done before the deadline */
    TC_NO_SPACE,    /* the disk is full */
    TC_NO_MEMORY,
    TC_INTERNAL, /* a bug, or an invalid answer of a server */
};

#define TC_FAULT_TEXT_SIZE 512

struct tc_fault {
    enum tc_error code;
    char text[TC_FAULT_TEXT_SIZE]; /* one line, no final full stop; cut if longer */
};

/* The stable lower-case name of an error: "not_found". Never NULL. */
const char *tc_error_name(enum tc_error error);

/* Whether the same may succeed later without a change: TC_BUSY, TC_UNAVAILABLE, TC_NO_SPACE. */
bool tc_error_is_transient(enum tc_error error);

/* Fills `fault` (which may be NULL) and returns `code`, so that a caller can write
 * `return tc_fault_set(fault, TC_INVALID, "…")`. */
enum tc_error tc_fault_set(struct tc_fault *fault, enum tc_error code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the text and returns the fault's code. */
enum tc_error tc_fault_context(struct tc_fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Aborts with file, line and condition when `condition` is false: a bug. */
#define TC_CHECK(condition) ((condition) ? (void)0 : tc_check_failed(#condition, __FILE__, __LINE__))

_Noreturn void tc_check_failed(const char *condition, const char *file, int line);

#endif
