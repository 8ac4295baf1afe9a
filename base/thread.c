#include "base/thread.h"

#include <stdio.h>
#include <string.h>

enum { THREAD_NAME_SIZE = 16 /* the kernel's limit, with its NUL */ };

/* A new thread inherits the signal mask of its creator. */
void thread_block_signals(sigset_t *before)
{
    static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    sigset_t blocked;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
        (void)sigdelset(&blocked, fault_signals[i]);
    TC_CHECK(pthread_sigmask(SIG_SETMASK, &blocked, before) == 0);
}

void thread_restore_signals(const sigset_t *before)
{
    TC_CHECK(pthread_sigmask(SIG_SETMASK, before, NULL) == 0);
}

enum tc_error thread_start(pthread_t *thread, const char *name, void *(*run)(void *argument), void *argument,
                           struct tc_fault *fault)
{
    sigset_t before;
    thread_block_signals(&before);
    int error = pthread_create(thread, NULL, run, argument);
    thread_restore_signals(&before);
    if (error != 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "thread %s: %s", name, strerror(error));
    char shown[THREAD_NAME_SIZE];
    (void)snprintf(shown, sizeof shown, "%.15s", name);
    (void)pthread_setname_np(*thread, shown);
    return TC_OK;
}
