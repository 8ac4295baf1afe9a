/* Makes the nth call of a library fail that the calling thread makes. Calls of other threads, and of libraries among
 * themselves, are not counted; what a library takes of memory is a kind of its own. One thread. */
#ifndef TELLERCAST_TESTS_FAILING_FAILING_H
#define TELLERCAST_TESTS_FAILING_FAILING_H

#include <stdbool.h>
#include <stddef.h>

enum failing {
    FAILING_NOTHING,
    DATABASE_GOES_BEFORE, /* the connection is gone before the call */
    DATABASE_GOES_AFTER,  /* it is done, and the answer is lost with the connection */
    DATABASE_DEADLOCKS,   /* errors that the server answers */
    DATABASE_IS_FULL,
    DATABASE_REFUSES,
    DATABASE_HAS_NO_RESULT, /* libpq had no memory for the answer */
    CACHE_GOES_BEFORE,
    CACHE_GOES_AFTER,
    CACHE_REFUSES,
    BROKER_REFUSES,
    MEMORY_IS_OUT,         /* for us and for jansson */
    LIBRARY_MEMORY_IS_OUT, /* for libpq, hiredis and paho: what they take for themselves; not with sanitizers */
    FAILING_KINDS
};

extern const char *const failing_names[FAILING_KINDS];

void failing_arm(enum failing kind, int nth);
/* True when the nth call was made. */
bool failing_disarm(void);
/* While a test looks for itself, nothing fails: from failing_hold until what it returned is given back. */
enum failing failing_hold(void);
void failing_go_on(enum failing held);
/* For what stands in between: true for the nth call of a thing that fails in this way. */
bool failing_is_next(enum failing kind);

/* Told of each message that the armed or unarmed thread hands to paho, before it is sent. */
extern void (*failing_sees_message)(const char *topic, const char *payload, size_t length);

#endif
