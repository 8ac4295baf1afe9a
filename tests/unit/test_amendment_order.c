/* The body of an amendment. */
#include "config/amendment_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MORE "\"version\":7,\"reason\":\"the line is slow\""

static void an_order_has_one_change_in_the_form_of_a_canonical_plan(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum amendment_value changes;
        const char *after;
    } orders[] = {
        {"{" MORE ",\"rate\":{\"perMinute\":30}}", AMENDMENT_VALUE_RATE,
         "{\"growAfter\":null,\"growth\":1,\"maximumPerMinute\":null,\"perMinute\":30}"},
        {"{" MORE ",\"rate\":{\"perMinute\":30,\"growth\":1.5,\"growAfter\":10,\"maximumPerMinute\":90}}",
         AMENDMENT_VALUE_RATE, "{\"growAfter\":10,\"growth\":1.5,\"maximumPerMinute\":90,\"perMinute\":30}"},
        {"{" MORE ",\"maxUnavailable\":2}", AMENDMENT_VALUE_BUDGET, "2"},
        {"{" MORE ",\"maxUnavailable\":\"2.5%\"}", AMENDMENT_VALUE_BUDGET, "{\"percentage\":2.5}"},
        {"{" MORE ",\"promote\":{\"group\":\"pilot\",\"past\":\"failed\"}}", AMENDMENT_VALUE_PROMOTION,
         "{\"group\":\"pilot\",\"past\":\"failed\"}"},
        {"{" MORE ",\"endAt\":\"2026-12-01T06:00:00+02:00\"}", AMENDMENT_VALUE_END, "\"2026-12-01T04:00:00Z\""},
    };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct amendment_order_words words;
        struct document_faults faults = {0};
        assert_int_equal(amendment_order_parse(orders[i].text, strlen(orders[i].text), &words, &faults), TC_OK);
        char *after = json_dumps(words.after, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        assert_string_equal(after, orders[i].after);
        free(after);
        assert_int_equal(words.changes, orders[i].changes);
        assert_int_equal(words.version, 7);
        assert_string_equal(words.reason, "the line is slow");
        amendment_order_free(&words);
        document_faults_free(&faults);
    }
}

static void a_wrong_order_names_the_place_and_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *detail;
    } wrong[] = {
        {"{" MORE "}", "", "found 0 changes"},
        {"{" MORE ",\"maxUnavailable\":1,\"rate\":{\"perMinute\":1}}", "", "found 2 changes"},
        {"{\"version\":7,\"maxUnavailable\":1}", "reason", ""},
        {"{\"reason\":\"r\",\"maxUnavailable\":1}", "version", ""},
        {"{" MORE ",\"rate\":{}}", "rate.perMinute", "is required"},
        {"{" MORE ",\"rate\":{\"perMinute\":0}}", "rate.perMinute", "1 to 1000000"},
        {"{" MORE ",\"rate\":{\"perMinute\":5,\"growth\":2}}", "rate.growth", "growth needs growAfter"},
        {"{" MORE ",\"rate\":{\"perMinute\":5,\"maximumPerMinute\":9}}", "rate.maximumPerMinute",
         "needs a growth over 1"},
        {"{" MORE ",\"rate\":{\"perMinute\":5,\"growth\":2,\"growAfter\":1,\"maximumPerMinute\":4}}",
         "rate.maximumPerMinute", "at least perMinute, which is 5"},
        {"{" MORE ",\"maxUnavailable\":0}", "maxUnavailable", ""},
        {"{" MORE ",\"maxUnavailable\":\"101%\"}", "maxUnavailable", ""},
        {"{" MORE ",\"endAt\":\"6h\"}", "endAt", "2026-12-01T00:00:00Z"},
        {"{" MORE ",\"promote\":{\"group\":\"pilot\",\"past\":\"silent\"}}", "promote.past", "failed"},
        {"{" MORE ",\"promote\":{\"past\":\"failed\"}}", "promote.group", "is required"},
        {"{" MORE ",\"promote\":{\"group\":7,\"past\":\"failed\"}}", "promote.group", "the name of a group"},
        {"{" MORE ",\"promote\":{\"group\":\"pilot\",\"past\":\"failed\"},\"maxUnavailable\":1}", "",
         "found 2 changes"},
        {"{" MORE ",\"budget\":1}", "budget", ""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct amendment_order_words words;
        struct document_faults faults = {0};
        assert_int_equal(amendment_order_parse(wrong[i].text, strlen(wrong[i].text), &words, &faults), TC_INVALID);
        assert_int_equal(faults.total, 1);
        assert_string_equal(faults.items[0].path, wrong[i].path);
        assert_non_null(strstr(faults.items[0].detail, wrong[i].detail));
        amendment_order_free(&words);
        document_faults_free(&faults);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_has_one_change_in_the_form_of_a_canonical_plan),
        cmocka_unit_test(a_wrong_order_names_the_place_and_what_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
