/* Exit codes. Scripts rely on the numbers: they never change. */
#ifndef TELLERCAST_CTL_EXIT_CODE_H
#define TELLERCAST_CTL_EXIT_CODE_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
    EXIT_HEALTHY = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_INVALID = 3,
    EXIT_PAUSED = 4,
    EXIT_ABORTED = 5,
    EXIT_TIMED_OUT = 6,
    EXIT_UNREACHABLE = 7,
};

struct exit_meaning {
    enum exit_code code;
    const char *meaning;
};

extern const struct exit_meaning exit_meanings[];
extern const size_t exit_meaning_count;

/* Returns the exit code of a local or network fault. */
enum exit_code exit_code_of_error(enum tc_error error);
/* Returns the exit code of an HTTP status: EXIT_INVALID for an invalid document, EXIT_UNREACHABLE for an endpoint that
 * is not ready. */
enum exit_code exit_code_of_status(int status);

/* The meaning of a rollout's state for a command that waits for the rollout. */
enum rollout_phase {
    ROLLOUT_MOVING,  /* it continues by itself */
    ROLLOUT_HELD,    /* it waits for a person: EXIT_PAUSED */
    ROLLOUT_HEALTHY, /* ended well */
    ROLLOUT_ABORTED, /* ended otherwise */
};

/* An unknown state comes from a newer daemon and counts as moving. */
enum rollout_phase rollout_phase_of(const char *state);
/* Returns EXIT_HEALTHY also for ROLLOUT_MOVING. */
enum exit_code exit_code_of_phase(enum rollout_phase phase);

#endif
