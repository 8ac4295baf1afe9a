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

/* One (instruction, attempt). */
enum { REPORT_STATES = REPORT_REJECTED + 1 };

/* The reports of an attempt in one state. */
struct said {
    int32_t first, last; /* sequences; 0: none */
    int64_t accepted_ms; /* wall clock of the first confirm that accepts one; 0: none yet */
};

struct execution {
    struct execution *older;
    int64_t instruction, rollout;
    int64_t start_before_s;
    int64_t began_ms; /* wall clock of the latest begin of the effect; 0: it did not begin */
    int64_t at_ms;    /* wall clock of the end */
    const char *code;
    int32_t attempt, sequence;
    int32_t accepted; /* the latest sequence that was confirmed as accepted */
    struct said said[REPORT_STATES];
    uint32_t times;          /* executed */
    enum report_state state; /* the last one reported; once stage is EXECUTION_RECEIVED */
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

/* Attempts of the instruction whose last report has this state. */
int64_t execution_log_count(const struct execution_log *log, int64_t instruction, enum report_state state);

/* A number that is the same for the same (device, instruction, attempt, times, state) of a whole fleet in
 * whatever order they are added up. */
uint64_t execution_log_digest(const struct execution_log *log, const char *device);

#endif
