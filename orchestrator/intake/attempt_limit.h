/* Counts attempts by subject, in a table of bounded size: each subject has several at once, and then one in each
 * interval. The caller says which attempts count: failed ones, or all. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_ATTEMPT_LIMIT_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_ATTEMPT_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct attempt_limit;

/* `at_once` counted attempts, and then one in each `interval_ms`. */
struct attempt_limit *attempt_limit_open(int at_once, int64_t interval_ms);
void attempt_limit_close(struct attempt_limit *limit); /* NULL is allowed */

/* Returns how long the subject must wait for its next attempt; 0: it may try now. Times are monotonic. */
int64_t attempt_limit_wait_ms(struct attempt_limit *limit, const char *subject, int64_t now_ms);

/* Counts an attempt. When the table has no room, the subject that may try soonest is forgotten. */
void attempt_limit_count(struct attempt_limit *limit, const char *subject, int64_t now_ms);

#endif
