/* Limits log lines that others can cause at will: per period, a number of lines of an event for each subject (such as a
 * device) and a number of lines of an event in all. Counts the lines left out. Bounded memory, no clock, no lock: log.h
 * has the limit of the whole process. */
#ifndef TELLERCAST_BASE_LOG_LIMIT_H
#define TELLERCAST_BASE_LOG_LIMIT_H

#include "base/id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LIMIT_PERIOD_MS 60000
#define LOG_LIMIT_LINES 10        /* of an event for one subject in a period */
#define LOG_LIMIT_EVENT_LINES 100 /* of an event in a period */
#define LOG_LIMIT_EVENTS 64       /* more than the code has */
#define LOG_LIMIT_SUBJECTS 512    /* counted separately; further subjects are counted by event alone */

struct log_limit_count {
    const char *event;        /* NULL: free */
    char subject[TC_ID_SIZE]; /* cut; "": all of the event */
    int64_t begun_ms;
    int64_t written, left_out;
};

/* Zeroed before its first use. */
struct log_limit {
    struct log_limit_count events[LOG_LIMIT_EVENTS];
    struct log_limit_count subjects[LOG_LIMIT_SUBJECTS];
};

/* True when the line may be written; else it is counted as left out. `event` is a literal. */
bool log_limit_admits(struct log_limit *limit, const char *event, const char *subject, int64_t now_ms);

/* Frees the counts whose period has ended (`all`: every count) up to the first with left out lines, and copies that to
 * `taken`. False: none has. Call it before log_limit_admits. */
bool log_limit_take(struct log_limit *limit, int64_t now_ms, bool all, struct log_limit_count *taken);

#endif
