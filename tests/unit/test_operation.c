#include "config/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DIGEST "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static enum tc_error parse(enum operation_form form, const char *text, struct operation_words *words,
                           struct document_faults *faults)
{
    *faults = (struct document_faults){0};
    return operation_parse(form, text, strlen(text), words, faults);
}

static void an_order_on_a_version_is_read(void **state)
{
    (void)state;
    struct operation_words words;
    struct document_faults faults;
    assert_int_equal(
        parse(OPERATION_ON_VERSION, "{\"version\":7,\"reason\":\"the \\u00fcbliche \\ud83d\\ude00\"}", &words, &faults),
        TC_OK);
    assert_int_equal(words.version, 7);
    assert_string_equal(words.reason, "the \xc3\xbc"
                                      "bliche \xf0\x9f\x98\x80");
    document_faults_free(&faults);
}

static void an_order_on_a_digest_is_read_with_or_without_a_group(void **state)
{
    (void)state;
    struct operation_words words;
    struct document_faults faults;
    assert_int_equal(parse(OPERATION_ON_DIGEST, "{\"digest\":\"" DIGEST "\",\"reason\":\"read\"}", &words, &faults),
                     TC_OK);
    assert_string_equal(words.digest, DIGEST);
    assert_string_equal(words.group, "");
    assert_int_equal(parse(OPERATION_ON_DIGEST, "{\"digest\":\"" DIGEST "\",\"reason\":\"read\",\"group\":\"pilot\"}",
                           &words, &faults),
                     TC_OK);
    assert_string_equal(words.group, "pilot");
    document_faults_free(&faults);
}

static const struct {
    enum operation_form form;
    const char *text, *paths; /* of the faults, each with a space behind it */
} bad[] = {
    {OPERATION_ON_VERSION, "", " "},
    {OPERATION_ON_VERSION, "[]", " "},
    {OPERATION_ON_VERSION, "\"version\"", " "},
    {OPERATION_ON_VERSION, "{}", "reason version "},
    {OPERATION_ON_VERSION, "{\"version\":1}", "reason "},
    {OPERATION_ON_VERSION, "{\"reason\":\"r\"}", "version "},
    {OPERATION_ON_VERSION, "{\"version\":\"1\",\"reason\":\"r\"}", "version "},
    {OPERATION_ON_VERSION, "{\"version\":0,\"reason\":\"r\"}", "version "},
    {OPERATION_ON_VERSION, "{\"version\":-1,\"reason\":\"r\"}", "version "},
    {OPERATION_ON_VERSION, "{\"version\":1.5,\"reason\":\"r\"}", "version "},
    {OPERATION_ON_VERSION, "{\"version\":1.,\"reason\":\"r\"}", "version "},
    {OPERATION_ON_VERSION, "{\"version\":0.0,\"reason\":\"r\"}", "version "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":7}", "reason "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":1.5e3}", "reason "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":true}", "reason "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":\"C1 \\u0084\"}", "reason "},
    {OPERATION_ON_GROUP, "{\"version\":1,\"reason\":\"r\",\"group\":7}", "group "},
    {OPERATION_ON_DIGEST, "{\"digest\":\"" DIGEST "\",\"reason\":\"r\",\"group\":false}", "group "},
    {OPERATION_ON_VERSION, "{\"version\":99999999999999999999,\"reason\":\"r\"}", "version "},
    {OPERATION_ON_VERSION, "{\"version\":null,\"reason\":null}", "version reason "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":\"\"}", "reason "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":\"   \"}", "reason "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":\"two\\nlines\"}", "reason "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":[\"r\"]}", "reason "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":\"r\",\"force\":true}", "force "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":\"r\",\"reason\":\"s\"}", "reason "},
    {OPERATION_ON_VERSION, "{\"version\":1,\"reason\":\"r\",\"digest\":\"" DIGEST "\"}", "digest "},
    {OPERATION_BY_REASON, "{}", "reason "},
    {OPERATION_BY_REASON, "{\"reason\":\" \"}", "reason "},
    {OPERATION_BY_REASON, "{\"reason\":\"r\",\"version\":1}", "version "},
    {OPERATION_ON_GROUP, "{\"version\":1,\"reason\":\"r\"}", "group "},
    {OPERATION_ON_GROUP, "{\"version\":1,\"reason\":\"r\",\"group\":\"\"}", "group "},
    {OPERATION_ON_GROUP, "{\"group\":\"pilot\",\"reason\":\"r\"}", "version "},
    {OPERATION_ON_DIGEST, "{}", "digest reason "},
    {OPERATION_ON_DIGEST, "{\"digest\":\"9f86\",\"reason\":\"r\"}", "digest "},
    {OPERATION_ON_DIGEST, "{\"digest\":\"" DIGEST "\",\"reason\":\"r\",\"group\":\"\"}", "group "},
    {OPERATION_ON_DIGEST, "{\"digest\":\"" DIGEST "\",\"reason\":\"r\",\"group\":\"a b\"}", "group "},
    {OPERATION_ON_DIGEST, "{\"digest\":\"" DIGEST "\",\"reason\":\"r\",\"version\":1}", "version "},
};

static void every_fault_is_reported_with_its_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct operation_words words;
        struct document_faults faults;
        assert_int_equal(parse(bad[i].form, bad[i].text, &words, &faults), TC_INVALID);
        struct buffer paths = {0};
        for (size_t j = 0; j < faults.count; j++)
            buffer_format(&paths, "%s ", faults.items[j].path);
        if (strcmp(buffer_text(&paths), bad[i].paths) != 0)
            fail_msg("%s: faults at \"%s\", expected \"%s\"", bad[i].text, buffer_text(&paths), bad[i].paths);
        buffer_free(&paths);
        document_faults_free(&faults);
    }
}

static void a_reason_has_at_most_500_characters_in_any_script(void **state)
{
    (void)state;
    static const char *const characters[] = {"r", "\xC3\xA9", "\xE5\x8D\xA1", "\xF0\x9F\x92\xB5"};
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
        struct buffer reason = {0};
        for (int j = 0; j < 500; j++)
            buffer_put_text(&reason, characters[i]);
        assert_true(operation_reason_is_valid(buffer_text(&reason)));
        assert_true(reason.length <= OPERATION_REASON_MAX);
        buffer_put_text(&reason, "r");
        assert_false(operation_reason_is_valid(buffer_text(&reason)));
        buffer_free(&reason);
    }
}

static void a_whole_number_may_be_written_with_a_fraction_of_zeros(void **state)
{
    (void)state;
    struct operation_words words;
    struct document_faults faults;
    assert_int_equal(parse(OPERATION_ON_VERSION, "{\"version\":7.00,\"reason\":\"r\"}", &words, &faults), TC_OK);
    assert_int_equal(words.version, 7);
    document_faults_free(&faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_on_a_version_is_read),
        cmocka_unit_test(an_order_on_a_digest_is_read_with_or_without_a_group),
        cmocka_unit_test(every_fault_is_reported_with_its_path),
        cmocka_unit_test(a_reason_has_at_most_500_characters_in_any_script),
        cmocka_unit_test(a_whole_number_may_be_written_with_a_fraction_of_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
