/* A decision table as tests: each row is a test of its own, named by its case. */
#ifndef TELLERCAST_TESTS_UNIT_DECISION_TABLE_H
#define TELLERCAST_TESTS_UNIT_DECISION_TABLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Adds a test for each row of `table`; the rows have a member `name`. `check` gets the row as its state. */
#define ADD_ROWS(tests, count, table, check)                                                                           \
    do {                                                                                                               \
        for (size_t row = 0; row < COUNT_OF(table); row++)                                                             \
            (tests)[(count)++] = (struct CMUnitTest){                                                                  \
                .name = (table)[row].name, .test_func = (check), .initial_state = (void *)(uintptr_t) & (table)[row]}; \
    } while (0)

#endif
