/* Threads of a daemon: named, with signals blocked, because main handles them. */
#ifndef TELLERCAST_BASE_THREAD_H
#define TELLERCAST_BASE_THREAD_H

#include "base/fault.h"

#include <pthread.h>
#include <signal.h>

/* Starts a thread whose name, shown by ps, is the first 15 characters of `name`. Signals by which the kernel
 * reports a fault of the program itself (SIGSEGV, …) are not blocked. TC_UNAVAILABLE. */
enum tc_error thread_start(pthread_t *thread, const char *name, void *(*run)(void *argument), void *argument,
                           struct tc_fault *fault);

/* Blocks the same signals in the calling thread, for a library that starts threads of its own, until
 * thread_restore_signals. */
void thread_block_signals(sigset_t *before);
void thread_restore_signals(const sigset_t *before);

#endif
