/* The act of a test that changes the database by the functions of the store. */
#ifndef TELLERCAST_TESTS_ACT_OF_TEST_H
#define TELLERCAST_TESTS_ACT_OF_TEST_H

#include "orchestrator/store/acts.h"

static inline struct act act_of_test(enum access_operation operation)
{
    struct subject subject;
    subject_set_loopback(&subject);
    return act_begin(&subject, operation, "http", "127.0.0.1");
}

#endif
