/* The scope of a role, as an admin writes it. */
#include "config/scope_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, const char *wanted)
{
    struct buffer json = {0};
    struct tc_fault fault;
    assert_int_equal(scope_text_parse(text, &json, &fault), TC_OK);
    assert_string_equal(buffer_text(&json), wanted);
    buffer_free(&json);
}

static void a_scope_has_one_form_however_it_is_written(void **state)
{
    (void)state;
    expect("region=emea", "{\"region\":[\"emea\"]}");
    expect("region=emea,apac,emea", "{\"region\":[\"apac\",\"emea\"]}");
    expect("site=branch;region=emea", "{\"region\":[\"emea\"],\"site\":[\"branch\"]}");
    expect("name=a=b \"c\"", "{\"name\":[\"a=b \\\"c\\\"\"]}");
}

static void a_scope_that_would_be_everywhere_or_ambiguous_is_refused(void **state)
{
    (void)state;
    char many[512] = "region=v";
    for (int i = 0; i < SCOPE_COMBINATIONS_MAX; i++)
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), ",v%d", i);
    const char *const wrong[] = {"",
                                 "region",
                                 "region=",
                                 "region=a,",
                                 "=a",
                                 ";",
                                 "region=a;",
                                 "region= a",
                                 "region=a;region=b",
                                 "re gion=a",
                                 "a=1,2,3;b=1,2,3;c=1,2,3,4",
                                 many};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct buffer json = {0};
        struct tc_fault fault;
        assert_int_equal(scope_text_parse(wrong[i], &json, &fault), TC_INVALID);
        assert_memory_equal(fault.text, "match: ", 7);
        assert_int_equal(json.length, 0);
        buffer_free(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scope_has_one_form_however_it_is_written),
        cmocka_unit_test(a_scope_that_would_be_everywhere_or_ambiguous_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
