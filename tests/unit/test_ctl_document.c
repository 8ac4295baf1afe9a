#include "clients/ctl/commands/plan_words.h"
#include "clients/ctl/commands/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *load(const char *text)
{
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    return document;
}

static void check_pairs(const char *text, const char *expected)
{
    struct buffer out = {0};
    json_t *object = load(text);
    document_put_pairs(object, &out);
    assert_string_equal(buffer_text(&out), expected);
    json_decref(object);
    buffer_free(&out);
}

static void every_value_is_shown_by_its_kind(void **state)
{
    (void)state;
    check_pairs("{\"limit\":500,\"enabled\":false,\"none\":null,\"list\":[1,\"a\"],\"nested\":{\"z\":1,\"max\":900}}",
                "enabled=false, limit=500, list=[1,\"a\"], nested={\"max\":900,\"z\":1}, none=null");
    check_pairs("{\"ratio\":0.5,\"share\":2.3,\"version\":\"4.7.2\"}", "ratio=0.5, share=2.3, version=4.7.2");
    check_pairs("{}", "");
}

static void a_text_that_could_be_misread_is_in_quotes(void **state)
{
    (void)state;
    check_pairs("{\"a\":\"x, b=1\",\"b\":\"two words\",\"c\":\"1,2\",\"d\":\"k=v\",\"e\":\"\",\"f\":\"\\\"q\\\"\"}",
                "a=\"x, b=1\", b=\"two words\", c=\"1,2\", d=\"k=v\", e=\"\", f=\"\\\"q\\\"\"");
    check_pairs("{\"a=1, b\":2,\"c\":\"line\\nline\"}", "\"a=1, b\"=2, c=\"line\\nline\"");
}

/* A cut that would fall into a character is before it. */
static void a_very_long_value_is_cut_and_says_so(void **state)
{
    enum { LENGTH = 1000 };
    (void)state;
    struct buffer text = {0}, expected = {0};
    buffer_put_text(&text, "{\"a\":\"x");
    buffer_put_text(&expected, "a=x");
    for (int i = 0; i < LENGTH; i++)
        buffer_put_text(&text, "\xC3\xA4");
    for (int i = 0; i < 199; i++)
        buffer_put_text(&expected, "\xC3\xA4");
    buffer_put_text(&text, "\",\"b\":1}");
    buffer_put_text(&expected, "... (cut, 2001 bytes in total), b=1");
    check_pairs(buffer_text(&text), buffer_text(&expected));
    buffer_free(&text);
    buffer_free(&expected);
}

static void an_approver_sees_every_parameter_of_a_plan(void **state)
{
    (void)state;
    static const struct screen plain;
    struct buffer out = {0};
    json_t *plan = load("{\"spec\":{\"action\":\"configure\",\"parameters\":{\"name\":\"a, b=c\",\"limit\":500,"
                        "\"enabled\":false,\"list\":[1,2],\"nested\":{\"max\":900},\"ratio\":0.5}}}");
    plan_put_words(&plain, plan, &out);
    assert_non_null(strstr(buffer_text(&out), "configure, with enabled=false, limit=500, list=[1,2], "
                                              "name=\"a, b=c\", nested={\"max\":900}, ratio=0.5\n"));
    json_decref(plan);
    buffer_free(&out);
}

static void an_approver_is_not_shown_zero_for_a_number_of_a_later_version(void **state)
{
    (void)state;
    static const struct screen plain;
    struct buffer out = {0};
    json_t *plan =
        load("{\"spec\":{\"action\":\"run\",\"groups\":[{\"name\":\"a\",\"percentage\":\"few\",\"success\":\"most\","
             "\"soak\":\"a night\"}],\"schedule\":{\"windows\":[{\"days\":[1],\"start\":\"01:00\","
             "\"duration\":\"long\"}]}}}");
    plan_put_words(&plain, plan, &out);
    assert_non_null(strstr(buffer_text(&out), "a: ? % of all, earlier groups included; success ? %, soak ?\n"));
    assert_non_null(strstr(buffer_text(&out), "mon from 01:00 for ?\n"));
    json_decref(plan);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_shown_by_its_kind),
        cmocka_unit_test(a_text_that_could_be_misread_is_in_quotes),
        cmocka_unit_test(a_very_long_value_is_cut_and_says_so),
        cmocka_unit_test(an_approver_sees_every_parameter_of_a_plan),
        cmocka_unit_test(an_approver_is_not_shown_zero_for_a_number_of_a_later_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
