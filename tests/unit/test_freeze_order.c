/* The body of the order of a freeze. */
#include "config/freeze_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1796000000000) /* 2026-11-30T00:53:20Z */
#define MORE "\"until\":\"2026-12-01T06:00:00+02:00\",\"reason\":\"a storm\""

static void an_order_has_its_scope_in_one_form_and_its_time_in_utc(void **state)
{
    (void)state;
    static const struct {
        const char *text, *scope;
        bool excepts_rollbacks;
    } orders[] = {
        {"{" MORE "}", "{}", false},
        {"{" MORE ",\"match\":\"site=branch;region=emea,apac\"}",
         "{\"region\":[\"apac\",\"emea\"],\"site\":[\"branch\"]}", false},
        {"{" MORE ",\"except\":[]}", "{}", false},
        {"{" MORE ",\"except\":[\"rollback\"]}", "{}", true},
    };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct freeze_order order;
        struct document_faults faults = {0};
        assert_int_equal(freeze_order_parse(orders[i].text, strlen(orders[i].text), NOW_MS, &order, &faults), TC_OK);
        assert_string_equal(buffer_text(&order.scope), orders[i].scope);
        assert_int_equal(order.until_ms, INT64_C(1796097600000));
        assert_string_equal(order.reason, "a storm");
        assert_int_equal(order.excepts_rollbacks, orders[i].excepts_rollbacks);
        freeze_order_free(&order);
        document_faults_free(&faults);
    }
}

static void a_wrong_order_names_the_place_and_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *detail;
    } wrong[] = {
        {"{\"reason\":\"r\"}", "until", ""},
        {"{\"until\":\"2026-12-01T06:00:00Z\"}", "reason", ""},
        {"{\"until\":\"6h\",\"reason\":\"r\"}", "until", "2026-12-01T00:00:00Z"},
        {"{\"until\":\"2026-11-30T00:53:20Z\",\"reason\":\"r\"}", "until", "in the future, at most 366 days ahead"},
        {"{\"until\":\"2027-12-02T00:53:20Z\",\"reason\":\"r\"}", "until", "in the future, at most 366 days ahead"},
        {"{" MORE ",\"match\":\"\"}", "match", ""},
        {"{" MORE ",\"match\":\"region\"}", "match", "region=emea"},
        {"{" MORE ",\"except\":[\"all\"]}", "except[0]", "rollback"},
        {"{" MORE ",\"except\":[\"rollback\",\"rollback\"]}", "except", ""},
        {"{" MORE ",\"scope\":{}}", "scope", ""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct freeze_order order;
        struct document_faults faults = {0};
        assert_int_equal(freeze_order_parse(wrong[i].text, strlen(wrong[i].text), NOW_MS, &order, &faults), TC_INVALID);
        assert_memory_equal(faults.items[0].path, wrong[i].path, strlen(wrong[i].path));
        assert_non_null(strstr(faults.items[0].detail, wrong[i].detail));
        freeze_order_free(&order);
        document_faults_free(&faults);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_has_its_scope_in_one_form_and_its_time_in_utc),
        cmocka_unit_test(a_wrong_order_names_the_place_and_what_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
