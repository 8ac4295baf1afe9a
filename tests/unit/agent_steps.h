/* Shared by the tests of the agent's steps: a new bench for each test. */
#ifndef TELLERCAST_TESTS_UNIT_AGENT_STEPS_H
#define TELLERCAST_TESTS_UNIT_AGENT_STEPS_H

#include "tests/unit/agent_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)

static struct bench bench;

static inline int set_up(void **state)
{
    (void)state;
    bench_open(&bench, ROLE_ATM);
    return 0;
}

static inline int set_up_node(void **state)
{
    (void)state;
    bench_open(&bench, ROLE_NODE);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    bench_close(&bench);
    return 0;
}

/* Executes instruction 77 to its end. */
static inline void complete(int32_t attempt)
{
    bench_instruct(&bench, 77, attempt, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.2");
}

#define ATM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define NODE(name) cmocka_unit_test_setup_teardown(name, set_up_node, tear_down)

#endif
