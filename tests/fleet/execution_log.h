/* The executions of one device and how each attempt ended. This is the device's journal, which a simulated crash does
 * not lose. One owner, one thread. */
#ifndef TELLERCAST_TESTS_FLEET_EXECUTION_LOG_H
#define TELLERCAST_TESTS_FLEET_EXECUTION_LOG_H

#include "topics/message.h"

#include <stdbool.h>
#include <stdint.h>

enum execution_stage {
    EXECUTION_ARRIVED,  /* nothing was reported */
    EXECUTION_RECEIVED, /* `received` was reported */
    EXECUTION_RUNNING,  /* the effect has begun; no outcome yet */
    EXECUTION_ENDED,
};

enum { EXECUTION_STATES = REPORT_REJECTED + 1 };

/* One (instruction, attempt). */
struct execution {
    struct execution *older;
    int64_t instruction, rollout;
    int64_t start_before_s;
    int64_t began_ms; /* wall clock of the last beginning of the effect; 0: it has not begun */
    int64_t ended_ms; /* wall clock of the end of the effect; 0: it has not ended */
    int64_t at_ms;    /* of the last report */
    const char *code;
    int32_t attempt, sequence;
    int32_t accepted;                          /* the latest sequence that was confirmed as accepted */
    uint32_t times;                            /* number of executions */
    int32_t first_sequences[EXECUTION_STATES]; /* of the first report of each state; 0: it was not reported */
    int64_t accepted_ms[EXECUTION_STATES];     /* wall clock of its first confirm; 0: none was accepted */
    enum report_state state;                   /* the last reported state; valid from EXECUTION_RECEIVED on */
    enum execution_stage stage;
    bool confirmed;
};

struct execution_log {
    struct execution *newest;
};

/* Returns NULL when the attempt is not in the log. */
struct execution *execution_log_find(const struct execution_log *log, int64_t instruction, int32_t attempt);
/* Returns the latest attempt of the instruction in the log, or NULL. */
struct execution *execution_log_find_latest(const struct execution_log *log, int64_t instruction);
/* Adds an attempt that is not in the log. */
struct execution *execution_log_add(struct execution_log *log, int64_t instruction, int32_t attempt);
void execution_log_free(struct execution_log *log);

/* Counts one more execution and returns what was wrong with it: */
struct execution_verdict {
    bool is_double;          /* this attempt was executed before */
    bool is_after_completed; /* an attempt of this instruction had completed before */
};
struct execution_verdict execution_log_begin(struct execution_log *log, struct execution *execution);

/* Returns the state that was reported with this sequence, which must exist. */
enum report_state execution_state_of(const struct execution *execution, int32_t sequence);

/* Returns the number of attempts of the instruction whose last report has this state. */
int64_t execution_log_count(const struct execution_log *log, int64_t instruction, enum report_state state);

/* Returns a number to be added up over a fleet. The sum is the same for the same executions (device, instruction,
 * attempt, times, state), in any order. */
uint64_t execution_log_digest(const struct execution_log *log, const char *device);

#endif
