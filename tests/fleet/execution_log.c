#include "tests/fleet/execution_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct execution *execution_log_find(const struct execution_log *log, int64_t instruction, int32_t attempt)
{
    struct execution *execution = log->newest;
    while (execution != NULL && (execution->instruction != instruction || execution->attempt != attempt))
        execution = execution->older;
    return execution;
}

struct execution *execution_log_find_latest(const struct execution_log *log, int64_t instruction)
{
    struct execution *latest = NULL;
    for (struct execution *execution = log->newest; execution != NULL; execution = execution->older) {
        if (execution->instruction == instruction && (latest == NULL || execution->attempt > latest->attempt))
            latest = execution;
    }
    return latest;
}

struct execution *execution_log_add(struct execution_log *log, int64_t instruction, int32_t attempt)
{
    struct execution *execution = calloc(1, sizeof *execution);
    TC_CHECK(execution != NULL);
    execution->instruction = instruction;
    execution->attempt = attempt;
    execution->code = "";
    execution->older = log->newest;
    log->newest = execution;
    return execution;
}

void execution_log_free(struct execution_log *log)
{
    while (log->newest != NULL) {
        struct execution *execution = log->newest;
        log->newest = execution->older;
        free(execution);
    }
}

static bool has_completed(const struct execution *execution)
{
    return execution->stage == EXECUTION_ENDED && execution->state == REPORT_COMPLETED;
}

struct execution_verdict execution_log_begin(struct execution_log *log, struct execution *execution)
{
    struct execution_verdict verdict = {.is_double = execution->times > 0};
    for (const struct execution *other = log->newest; other != NULL; other = other->older) {
        if (other->instruction == execution->instruction && has_completed(other))
            verdict.is_after_completed = true;
    }
    execution->times++;
    execution->stage = EXECUTION_RUNNING;
    return verdict;
}

enum report_state execution_state_of(const struct execution *execution, int32_t sequence)
{
    int latest = 0;
    for (int state = 0; state < EXECUTION_STATES; state++) {
        int32_t first = execution->first_sequences[state];
        if (first != 0 && first <= sequence && first > execution->first_sequences[latest])
            latest = state;
    }
    return (enum report_state)latest;
}

int64_t execution_log_count(const struct execution_log *log, int64_t instruction, enum report_state state)
{
    int64_t count = 0;
    for (const struct execution *execution = log->newest; execution != NULL; execution = execution->older)
        count +=
            execution->instruction == instruction && execution->stage != EXECUTION_ARRIVED && execution->state == state;
    return count;
}

/* FNV-1a: it detects a difference between two runs; it does not protect from an attacker. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t execution_log_digest(const struct execution_log *log, const char *device)
{
    uint64_t sum = 0;
    for (const struct execution *execution = log->newest; execution != NULL; execution = execution->older) {
        char text[TC_ID_SIZE + 96];
        const char *state = execution->stage == EXECUTION_ARRIVED ? "" : report_state_name(execution->state);
        (void)snprintf(text, sizeof text, "%s %" PRId64 " %" PRId32 " %" PRIu32 " %s", device, execution->instruction,
                       execution->attempt, execution->times, state);
        sum += hash_text(text);
    }
    return sum;
}
