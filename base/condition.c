#include "base/condition.h"

#include "base/clock.h"
#include "base/fault.h"

#include <errno.h>
#include <time.h>

enum { MS_PER_SECOND = 1000, NS_PER_MS = 1000000 };

void condition_open(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    TC_CHECK(pthread_condattr_init(&attributes) == 0);
    TC_CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    TC_CHECK(pthread_cond_init(condition, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
}

int64_t condition_deadline(int64_t wait_ms)
{
    return wait_ms < 0 ? CONDITION_FOREVER : clock_monotonic_ms() + wait_ms;
}

bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline_ms)
{
    if (deadline_ms == CONDITION_FOREVER) {
        TC_CHECK(pthread_cond_wait(condition, mutex) == 0);
        return true;
    }
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ms / MS_PER_SECOND),
                                .tv_nsec = (long)(deadline_ms % MS_PER_SECOND) * NS_PER_MS};
    int error = pthread_cond_timedwait(condition, mutex, &deadline);
    TC_CHECK(error == 0 || error == ETIMEDOUT);
    return error == 0;
}
