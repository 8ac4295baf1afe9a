/* Makes the nth call of a library by the calling thread fail. Calls of other threads, and those between libraries, are
 * not counted; memory that a library allocates has a kind of its own. One thread. */
#ifndef TELLERCAST_TESTS_FAILING_FAILING_H
#define TELLERCAST_TESTS_FAILING_FAILING_H

#include <stdbool.h>
#include <stddef.h>

enum failing {
    FAILING_NOTHING,
    DATABASE_GOES_BEFORE, /* the connection breaks before the call */
    DATABASE_GOES_AFTER,  /* the call has its effect, but the connection breaks before the answer */
    DATABASE_DEADLOCKS,   /* the server answers with an error */
    DATABASE_IS_FULL,
    DATABASE_REFUSES,
    DATABASE_HAS_NO_RESULT, /* libpq has no memory for the answer */
    CACHE_GOES_BEFORE,
    CACHE_GOES_AFTER,
    CACHE_REFUSES,
    BROKER_REFUSES,
    MEMORY_IS_OUT,         /* of this program and jansson */
    LIBRARY_MEMORY_IS_OUT, /* of libpq, hiredis and paho; not with sanitizers */
    FAILING_KINDS
};

extern const char *const failing_names[FAILING_KINDS];

void failing_arm(enum failing kind, int nth);
/* Returns true when the nth call was made. */
bool failing_disarm(void);
/* Suspends the failing, for a test's own calls: from failing_hold until failing_go_on gets its result back. */
enum failing failing_hold(void);
void failing_go_on(enum failing held);
/* For wrappers of other functions: returns true for the nth call that can fail in this way. */
bool failing_is_next(enum failing kind);

/* Called with each message that the thread passes to paho, before it is sent. */
extern void (*failing_sees_message)(const char *topic, const char *payload, size_t length);

#endif
