#include "orchestrator/intake/http_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SIZE = 1000 };

static void check(const char *header, enum http_range_kind kind, int64_t first, int64_t length)
{
    struct http_range range = http_range_parse(header, SIZE);
    if (range.kind != kind || range.first != first || range.length != length)
        fail_msg("%s: kind %d, %lld bytes from %lld", header, range.kind, (long long)range.length,
                 (long long)range.first);
}

static void a_range_is_cut_to_what_the_file_has(void **state)
{
    (void)state;
    check("bytes=0-0", RANGE_PART, 0, 1);
    check("bytes=0-999", RANGE_PART, 0, 1000);
    check("bytes=10-19", RANGE_PART, 10, 10);
    check("bytes=990-", RANGE_PART, 990, 10);
    check("bytes=990-5000", RANGE_PART, 990, 10);
    check("bytes=-1", RANGE_PART, 999, 1);
    check("bytes=-5000", RANGE_PART, 0, 1000);
    check("BYTES= 007-08 ", RANGE_PART, 7, 2);
    check("bytes=5-99999999999999999999999", RANGE_PART, 5, 995);
}

static void a_range_outside_the_file_cannot_be_satisfied(void **state)
{
    (void)state;
    check("bytes=1000-", RANGE_UNSATISFIABLE, 0, 0);
    check("bytes=99999999999999999999-", RANGE_UNSATISFIABLE, 0, 0);
    check("bytes=-0", RANGE_UNSATISFIABLE, 0, 0);
    struct http_range empty = http_range_parse("bytes=0-", 0);
    assert_int_equal(empty.kind, RANGE_UNSATISFIABLE);
}

static void what_is_no_single_range_of_bytes_gets_the_whole(void **state)
{
    (void)state;
    static const char *const headers[] = {"",           "bytes",     "bytes=",    "bytes=-",       "bytes=a-b",
                                          "bytes=1",    "bytes=5-4", "lines=0-1", "bytes=0-1,5-6", "bytes=0-1x",
                                          "bytes=0--1", "bytes 0-1"};
    check(NULL, RANGE_WHOLE, 0, 0);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        check(headers[i], RANGE_WHOLE, 0, 0);
}

static void a_listed_tag_is_found_in_any_place_weak_or_not(void **state)
{
    (void)state;
    assert_true(http_etag_is_listed("\"ab\"", "\"ab\""));
    assert_true(http_etag_is_listed(" W/\"ab\"", "\"ab\""));
    assert_true(http_etag_is_listed("\"x\", \"a,b\" ,\"ab\"", "\"ab\""));
    assert_true(http_etag_is_listed(" * ", "\"ab\""));
    assert_false(http_etag_is_listed(NULL, "\"ab\""));
    assert_false(http_etag_is_listed("", "\"ab\""));
    assert_false(http_etag_is_listed("\"abc\", \"a\"", "\"ab\""));
    assert_false(http_etag_is_listed("ab", "\"ab\""));
    assert_false(http_etag_is_listed("\"ab", "\"ab\""));
    assert_false(http_etag_is_listed("*, \"x\"", "\"ab\""));
}

static void a_range_is_given_only_of_the_very_file_it_was_asked_of(void **state)
{
    (void)state;
    assert_true(http_if_range_holds(NULL, "\"ab\""));
    assert_true(http_if_range_holds(" \"ab\" ", "\"ab\""));
    assert_false(http_if_range_holds("W/\"ab\"", "\"ab\""));
    assert_false(http_if_range_holds("\"ac\"", "\"ab\""));
    assert_false(http_if_range_holds("\"ab\"x", "\"ab\""));
    assert_false(http_if_range_holds("Sun, 06 Nov 1994 08:49:37 GMT", "\"ab\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_is_cut_to_what_the_file_has),
        cmocka_unit_test(a_range_outside_the_file_cannot_be_satisfied),
        cmocka_unit_test(what_is_no_single_range_of_bytes_gets_the_whole),
        cmocka_unit_test(a_listed_tag_is_found_in_any_place_weak_or_not),
        cmocka_unit_test(a_range_is_given_only_of_the_very_file_it_was_asked_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
