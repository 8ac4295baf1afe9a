#include "orchestrator/intake/http_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum tc_error parse(const char *text, struct http_target *target)
{
    struct tc_fault fault;
    return http_target_parse(text, target, &fault);
}

static void a_path_is_matched_segment_by_segment(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pattern, *variable; /* NULL: no match */
    } cases[] = {
        {"/v1/devices", "/v1/devices", ""},
        {"/v1/devices?limit=1", "/v1/devices", ""},
        {"http://host:80/v1/devices", "/v1/devices", ""},
        {"/v1/devices/A7", "/v1/devices/{id}", "A7"},
        {"/v1/devices/A%37", "/v1/devices/{id}", "A7"},
        {"/v1/devices/a%2Fb", "/v1/devices/{id}", "a/b"},
        {"/v1/rollouts/42/instructions", "/v1/rollouts/{id}/instructions", "42"},
        {"/v1/devices/", "/v1/devices", NULL},
        {"//v1/devices", "/v1/devices", NULL},
        {"/v1/device", "/v1/devices", NULL},
        {"/v1/devicess", "/v1/devices", NULL},
        {"/v1", "/v1/devices", NULL},
        {"/v1/devices/A7/x", "/v1/devices/{id}", NULL},
        {"/1/2/3/4/5/6/7/8/9", "/1/2/3/4/5/6/7/8/9", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_target target;
        const char *variable;
        assert_int_equal(parse(cases[i].text, &target), TC_OK);
        bool matches = http_target_matches(&target, cases[i].pattern, &variable);
        if (matches != (cases[i].variable != NULL) || (matches && strcmp(variable, cases[i].variable) != 0))
            fail_msg("%s against %s", cases[i].text, cases[i].pattern);
        http_target_free(&target);
    }
}

static void a_target_with_a_fault_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "v1",
                                        "*",
                                        "/%",
                                        "/%4",
                                        "/%zz",
                                        "/a%00b",
                                        "/a%0ab",
                                        "/\x7f",
                                        "/%ff",
                                        "/?=1",
                                        "/?a=%",
                                        "/?a&b=%c3",
                                        "/%c2%9b",
                                        "/?a=\xc2\x80",
                                        "/?a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct http_target target;
        if (parse(texts[i], &target) != TC_INVALID)
            fail_msg("taken: %s", texts[i]);
        http_target_free(&target);
    }
}

static void parameters_are_decoded_and_a_plus_stands_for_itself(void **state)
{
    (void)state;
    struct http_target target;
    assert_int_equal(parse("/v1?version=1.0+b%2B2&name=a%20%C3%A9&empty&&x=a=b", &target), TC_OK);
    assert_string_equal(http_target_text(&target, "version"), "1.0+b+2");
    assert_string_equal(http_target_text(&target, "name"), "a \xc3\xa9");
    assert_string_equal(http_target_text(&target, "empty"), "");
    assert_string_equal(http_target_text(&target, "x"), "a=b");
    assert_null(http_target_text(&target, "other"));
    http_target_free(&target);
}

static void a_parameter_that_is_not_known_is_refused(void **state)
{
    (void)state;
    struct http_target target;
    struct tc_fault fault;
    assert_int_equal(parse("/v1?after=1&lim=2", &target), TC_OK);
    assert_int_equal(http_target_check(&target, "after limit", &fault), TC_INVALID);
    assert_int_equal(http_target_check(&target, "", &fault), TC_INVALID);
    assert_int_equal(http_target_check(&target, "limit lim after", &fault), TC_OK);
    http_target_free(&target);
}

static void a_parameter_is_there_once_unless_the_list_says_otherwise(void **state)
{
    (void)state;
    struct http_target target;
    struct tc_fault fault;
    size_t place = 0;
    assert_int_equal(parse("/v1?label=a=1&after=1&label=b=2", &target), TC_OK);
    assert_int_equal(http_target_check(&target, "after label limit", &fault), TC_INVALID);
    assert_int_equal(http_target_check(&target, "*", &fault), TC_INVALID);
    assert_int_equal(http_target_check(&target, "after labels+ label", &fault), TC_INVALID);
    assert_int_equal(http_target_check(&target, "after label+", &fault), TC_OK);
    assert_string_equal(http_target_next(&target, "label", &place), "a=1");
    assert_string_equal(http_target_next(&target, "label", &place), "b=2");
    assert_null(http_target_next(&target, "label", &place));
    http_target_free(&target);
}

static void a_parameter_without_a_value_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"/v1?after=", "/v1?after", "/v1?limit=1&after="};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct http_target target;
        struct tc_fault fault;
        assert_int_equal(parse(texts[i], &target), TC_OK);
        assert_int_equal(http_target_check(&target, "after limit", &fault), TC_INVALID);
        assert_non_null(strstr(fault.text, "after"));
        http_target_free(&target);
    }
}

static void a_number_is_read_strictly_and_within_its_bounds(void **state)
{
    (void)state;
    static const char *const wrong[] = {"/?n=",   "/?n=0",   "/?n=1001", "/?n=01", "/?n=+1",
                                        "/?n=-1", "/?n=1e2", "/?n=%201", "/?n=1x", "/?n=99999999999999999999"};
    struct http_target target;
    struct tc_fault fault;
    int64_t value = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(parse(wrong[i], &target), TC_OK);
        if (http_target_integer(&target, "n", 1, 1000, &value, &fault) != TC_INVALID)
            fail_msg("taken: %s", wrong[i]);
        http_target_free(&target);
    }
    assert_int_equal(parse("/?n=1000", &target), TC_OK);
    assert_int_equal(http_target_integer(&target, "m", 1, 1000, &value, &fault), TC_OK);
    assert_int_equal(value, 7);
    assert_int_equal(http_target_integer(&target, "n", 1, 1000, &value, &fault), TC_OK);
    assert_int_equal(value, 1000);
    http_target_free(&target);
}

static void an_id_is_a_positive_number(void **state)
{
    (void)state;
    int64_t id;
    assert_true(http_read_id("9223372036854775807", &id));
    assert_true(id == INT64_MAX);
    assert_false(http_read_id("9223372036854775808", &id));
    assert_false(http_read_id("92233720368547758070", &id));
    assert_true(http_read_id("1", &id));
    assert_false(http_read_id("0", &id));
    assert_false(http_read_id("", &id));
    assert_false(http_read_id("12a", &id));
    assert_false(http_read_id("18446744073709551617", &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_matched_segment_by_segment),
        cmocka_unit_test(a_target_with_a_fault_is_refused),
        cmocka_unit_test(parameters_are_decoded_and_a_plus_stands_for_itself),
        cmocka_unit_test(a_parameter_that_is_not_known_is_refused),
        cmocka_unit_test(a_parameter_is_there_once_unless_the_list_says_otherwise),
        cmocka_unit_test(a_parameter_without_a_value_is_refused),
        cmocka_unit_test(a_number_is_read_strictly_and_within_its_bounds),
        cmocka_unit_test(an_id_is_a_positive_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
