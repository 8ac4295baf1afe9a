/* The progress of a thread, for the watchdog. A thread marks that it waits for a server's answer, because ending the
 * program would not bring that answer sooner. */
#ifndef TELLERCAST_BASE_PROGRESS_H
#define TELLERCAST_BASE_PROGRESS_H

#include <stdint.h>

struct progress {
    _Atomic int64_t busy_since_ms;  /* monotonic; PROGRESS_NEVER: the thread has nothing to do */
    _Atomic int64_t waits_since_ms; /* monotonic; for a server's answer; PROGRESS_NEVER: it waits for none */
};

#define PROGRESS_NEVER INT64_MAX

/* Registers `progress` for the calling thread. It must outlive the thread. */
void progress_open(struct progress *progress);

/* The calling thread is making progress; or it is idle. All of these do nothing on a
 * thread without a progress. */
void progress_mark(void);
void progress_rest(void);

/* Around a call that waits for a server's answer. The end of it marks progress. */
void progress_begin_wait(void);
void progress_end_wait(void);

#endif
