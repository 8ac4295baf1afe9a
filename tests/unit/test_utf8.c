#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void only_real_utf8_is_a_character(void **state)
{
    (void)state;
    assert_int_equal(utf8_character_length("a", 1), 1);
    assert_int_equal(utf8_character_length("\xc3\xa9", 2), 2);
    assert_int_equal(utf8_character_length("\xe6\xb1\x89", 3), 3);
    assert_int_equal(utf8_character_length("\xf0\x9f\x92\xb6", 4), 4);
    assert_int_equal(utf8_character_length("\xf4\x8f\xbf\xbf", 4), 4);
    assert_int_equal(utf8_character_length("\xef\xbf\xbf", 3), 3);
    static const char *const wrong[] = {
        "",
        "\x80",             /* a continuation */
        "\xc3",             /* cut */
        "\xe6\xb1",         /* cut */
        "\xc3(",            /* not continued */
        "\xc0\x80",         /* overlong */
        "\xe0\x80\x80",     /* overlong */
        "\xf0\x80\x80\x80", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf8\x88\x80\x80", /* no such form */
        "\xff",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(utf8_character_length(wrong[i], strlen(wrong[i])), 0);
}

static void the_controls_are_c0_del_and_c1(void **state)
{
    (void)state;
    static const char *const controls[] = {"\x01", "\x1f", "\x7f", "\xc2\x80", "\xc2\x9b", "\xc2\x9f"};
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        assert_true(utf8_is_control(controls[i], strlen(controls[i])));
    assert_true(utf8_is_control("", 1));
    static const char *const others[] = {"", " ", "~", "\xc2\xa0", "\xc3\x80", "\xe2\x82\x80", "\x9b", "\xc2"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(utf8_is_control(others[i], strlen(others[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_real_utf8_is_a_character),
        cmocka_unit_test(the_controls_are_c0_del_and_c1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
