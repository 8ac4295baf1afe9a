/* The reports of a rollout in the order in which an orchestrator receives them: each device reports received,
 * installing and completed, and many devices are at each stage at a time. */
#ifndef TELLERCAST_TESTS_BENCH_REPORT_STREAM_H
#define TELLERCAST_TESTS_BENCH_REPORT_STREAM_H

#include "base/fault.h"
#include "base/id.h"

#include <stddef.h>
#include <stdint.h>

enum { STAGE_RECEIVED, STAGE_INSTALLING, STAGE_COMPLETED, STAGES };

struct reporting_device {
    int64_t instruction;
    char device[TC_ID_SIZE];
};

struct report_stream {
    struct reporting_device *devices; /* owned */
    size_t count;
};

/* Reads lines "INSTRUCTION<tab>DEVICE". */
enum tc_error report_stream_read(const char *path, struct report_stream *stream, struct tc_fault *fault);
void report_stream_free(struct report_stream *stream);

/* Calls `take` for each report, in order. */
void report_stream_each(const struct report_stream *stream,
                        void (*take)(void *context, const struct reporting_device *device, int stage), void *context);

double seconds_now(void); /* of the monotonic clock */

#endif
