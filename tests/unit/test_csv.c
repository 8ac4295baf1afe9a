#include "orchestrator/intake/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void check(const char *json, const char *expected)
{
    struct buffer out = {0};
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    csv_put_field(&out, value);
    assert_string_equal(buffer_text(&out), expected);
    json_decref(value);
    buffer_free(&out);
}

static void a_field_has_its_value_in_quotes(void **state)
{
    (void)state;
    check("\"the disk, and \\\"more\\\"\"", "\"the disk, and \"\"more\"\"\"");
    check("42", "\"42\"");
    check("null", "\"\"");
    check("\"\"", "\"\"");
    check("{\"role\":\"viewer\"}", "\"{\"\"role\"\":\"\"viewer\"\"}\"");
    check("\"\\u00e4\"", "\"\xC3\xA4\"");
}

static void no_text_is_a_formula(void **state)
{
    (void)state;
    check("\"=1+1\"", "\"'=1+1\"");
    check("\"+1\"", "\"'+1\"");
    check("\"-1\"", "\"'-1\"");
    check("\"@SUM(A1)\"", "\"'@SUM(A1)\"");
    check("\"\\t=1\"", "\"' =1\"");
    check("\"\\r=1\"", "\"' =1\"");
    check("\"\\uff1d1\"", "\"'\xEF\xBC\x9D"
                          "1\"");
    check("\"1=1\"", "\"1=1\"");
}

static void no_text_is_a_formula_behind_blanks_or_signs_that_are_not_seen(void **state)
{
    (void)state;
    check("\" =1\"", "\"' =1\"");
    check("\"  \\u00a0-1\"", "\"'  \xC2\xA0-1\"");
    check("\"\\u00a0=1\"", "\"'\xC2\xA0=1\"");
    check("\"\\u3000@A\"", "\"'\xE3\x80\x80@A\"");
    check("\"\\u200b=1\"", "\"' =1\"");
    check("\"\\ufeff=1\"", "\"' =1\"");
    check("\" \\ufeff=1\"", "\"'  =1\"");
    check("\"  a=1\"", "\"  a=1\"");
    check("\"  \"", "\"  \"");
}

static void signs_that_reorder_text_become_spaces(void **state)
{
    (void)state;
    check("\"a\\u202eb\\u2066c\\u200fd\"", "\"a b c d\"");
}

static void control_characters_become_spaces(void **state)
{
    (void)state;
    check("\"a\\nb\\u001b[31m\\u0085c\\u007f\"", "\"a b [31m c \"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_has_its_value_in_quotes),
        cmocka_unit_test(no_text_is_a_formula),
        cmocka_unit_test(no_text_is_a_formula_behind_blanks_or_signs_that_are_not_seen),
        cmocka_unit_test(signs_that_reorder_text_become_spaces),
        cmocka_unit_test(control_characters_become_spaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
