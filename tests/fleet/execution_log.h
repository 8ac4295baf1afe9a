/* What one device executed, and how each attempt ended: its journal, which no crash of the simulated device
 * loses. One owner, one thread. */
#ifndef TELLERCAST_TESTS_FLEET_EXECUTION_LOG_H
#define TELLERCAST_TESTS_FLEET_EXECUTION_LOG_H

#include "topics/message.h"

#include <stdbool.h>
#include <stdint.h>

enum execution_stage {
    EXECUTION_ARRIVED,  /* nothing was reported */
    EXECUTION_RECEIVED, /* `received` was reported */
    EXECUTION_RUNNING,  /* the effect has begun, and there is no outcome */
    EXECUTION_ENDED,
};

enum { EXECUTION_STATES = REPORT_REJECTED + 1 };

/* One (instruction, attempt). */
struct execution {
    struct execution *older;
    int64_t instruction, rollout;
    int64_t start_before_s;
    int64_t began_ms; /* wall clock of the latest begin of the effect; 0: it did not begin */
    int64_t ended_ms; /* of the end of the effect; 0: it has not ended */
    int64_t at_ms;    /* of the latest report */
    const char *code;
    int32_t attempt, sequence;
    int32_t accepted;                          /* the latest sequence that was confirmed as accepted */
    uint32_t times;                            /* executed */
    int32_t first_sequences[EXECUTION_STATES]; /* of the first report of each state; 0: it was not reported */
    int64_t accepted_ms[EXECUTION_STATES];     /* wall clock of its first confirm; 0: none was accepted */
    enum report_state state;                   /* the last one reported; once stage is EXECUTION_RECEIVED */
    enum execution_stage stage;
    bool confirmed;
};

struct execution_log {
    struct execution *newest;
};

/* NULL when it never arrived. */
struct execution *execution_log_find(const struct execution_log *log, int64_t instruction, int32_t attempt);
/* The latest attempt of it that is there, or NULL. */
struct execution *execution_log_find_latest(const struct execution_log *log, int64_t instruction);
/* A new one, which must not be there. */
struct execution *execution_log_add(struct execution_log *log, int64_t instruction, int32_t attempt);
void execution_log_free(struct execution_log *log);

/* Counts one more execution. What was wrong with it: */
struct execution_verdict {
    bool is_double;          /* this attempt was executed before */
    bool is_after_completed; /* an attempt of this instruction had completed before */
};
struct execution_verdict execution_log_begin(struct execution_log *log, struct execution *execution);

/* The state that was reported with this sequence, which was. */
enum report_state execution_state_of(const struct execution *execution, int32_t sequence);

/* Attempts of the instruction whose last report has this state. */
int64_t execution_log_count(const struct execution_log *log, int64_t instruction, enum report_state state);

/* A number that is the same for the same (device, instruction, attempt, times, state) of a whole fleet in
 * whatever order they are added up. */
uint64_t execution_log_digest(const struct execution_log *log, const char *device);

#endif
