/* A technician's hold: until its end the device begins no instruction. It is a file in the data folder, so that it
 * outlives the agent and the power.
 *
 * While the machine runs it ends by a clock that nobody sets. Over a restart of the machine only the wall clock has
 * gone on: then it ends by that one, and never later than its whole length after the start of the machine. One thread.
 */
#ifndef TELLERCAST_CLIENTS_AGENT_HOLD_H
#define TELLERCAST_CLIENTS_AGENT_HOLD_H

#include "base/fault.h"
#include "clients/agent/technician/technician_request.h"

#include <stdbool.h>
#include <stdint.h>

#define HOLD_PERSON_SIZE 32

struct hold {
    int64_t since_ms, until_ms; /* by the device's time */
    int64_t ends_ms;            /* by clock_boot_ms; 0: there is no hold */
    char reason[HELD_REASON_MAX + 1];
    char person[HOLD_PERSON_SIZE]; /* who gave it: "uid 1000" */
};

/* The two clocks at one moment. */
struct hold_clocks {
    int64_t boot_ms; /* clock_boot_ms */
    int64_t time_ms; /* the device's time */
};

/* True while it stands. */
bool hold_stands(const struct hold *hold, int64_t boot_ms);

/* Returns when a hold that was written at `written` and has this length ends by clock_boot_ms, seen at `now`, perhaps
 * after a restart of the machine. Not after `now.boot_ms`: it has ended. */
int64_t hold_end(struct hold_clocks written, int64_t length_ms, struct hold_clocks now);

/* Reads the file. No file, or one that cannot be read, is no hold; of the latter the fault says why. */
enum tc_error hold_read(const char *path, struct hold_clocks now, struct hold *hold, struct tc_fault *fault);

/* Makes a hold from `now` on, and writes the file durably. The texts are cut to their sizes. With a fault there is
 * none. */
enum tc_error hold_write(const char *path, int64_t length_ms, const char *reason, const char *person,
                         struct hold_clocks now, struct hold *hold, struct tc_fault *fault);

/* Removes the file, durably. TC_OK when there is none. */
enum tc_error hold_remove(const char *path, struct tc_fault *fault);

#endif
