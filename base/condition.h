/* Condition variables that wait by the monotonic clock, so that a step of the wall clock neither ends a
 * wait early nor makes it endless. */
#ifndef TELLERCAST_BASE_CONDITION_H
#define TELLERCAST_BASE_CONDITION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define CONDITION_FOREVER INT64_MAX

/* Initialises `condition`; end it with pthread_cond_destroy. */
void condition_open(pthread_cond_t *condition);

/* The moment `wait_ms` from now on the clock of clock_monotonic_ms; negative: CONDITION_FOREVER. */
int64_t condition_deadline(int64_t wait_ms);

/* As pthread_cond_wait, until `deadline_ms` of clock_monotonic_ms. False at the deadline. Wakeups can be spurious:
 * check the condition again. */
bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline_ms);

#endif
