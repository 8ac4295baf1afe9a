/* Shared by the tests of plans. */
#ifndef TELLERCAST_TESTS_UNIT_PLAN_CHECK_H
#define TELLERCAST_TESTS_UNIT_PLAN_CHECK_H

#include "config/plan.h"
#include "document_check.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A plan that is valid except for the parts that a test inserts. */
#define HEAD "apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: x}\n"
#define SPEC(text) HEAD "spec:\n  action: run\n  " text "\n"
#define INSTALL(text) HEAD "spec:\n  action: install\n  " text "\n"
#define SHA256 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static inline enum tc_error parse(const char *text, struct plan **plan, struct document_faults *faults)
{
    return plan_parse(text, strlen(text), plan, faults);
}

static inline struct plan *parse_good(const char *text)
{
    struct plan *plan;
    struct document_faults faults = {0};
    enum tc_error error = parse(text, &plan, &faults);
    if (error != TC_OK) {
        struct buffer all = {0};
        document_faults_print(&faults, "plan", &all);
        print_error("%s\n%s", text, buffer_text(&all));
        buffer_free(&all);
    }
    document_faults_free(&faults);
    assert_int_equal(error, TC_OK);
    return plan;
}

#endif
