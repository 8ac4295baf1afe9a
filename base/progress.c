#include "base/progress.h"

#include "base/clock.h"

#include <stddef.h>

static _Thread_local struct progress *current;

void progress_open(struct progress *progress)
{
    progress->busy_since_ms = clock_monotonic_ms();
    progress->waits_since_ms = PROGRESS_NEVER;
    current = progress;
}

void progress_mark(void)
{
    if (current != NULL)
        current->busy_since_ms = clock_monotonic_ms();
}

void progress_rest(void)
{
    if (current != NULL)
        current->busy_since_ms = PROGRESS_NEVER;
}

void progress_begin_wait(void)
{
    if (current != NULL)
        current->waits_since_ms = clock_monotonic_ms();
}

void progress_end_wait(void)
{
    if (current != NULL)
        current->waits_since_ms = PROGRESS_NEVER;
    progress_mark();
}
