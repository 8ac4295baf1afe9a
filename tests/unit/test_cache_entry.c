#include "orchestrator/cache/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool is_read(const char *text, struct cached_instruction *read)
{
    return cache_entry_read(text, strlen(text), read);
}

static void what_is_written_is_read_again_at_the_ends_of_every_range(void **state)
{
    (void)state;
    static const struct cached_instruction cases[] = {
        {"A", 0, 0, 0, 0, 0, ROLE_NODE, false},
        {"A", 77, 42, 1, 5, 1796432400, ROLE_ATM, false},
        {"A", 77, 42, 1, 5, 1796432400, ROLE_ATM, true},
        {"A", INT64_MAX, INT64_MAX, INT32_MAX, INT64_MAX, INT64_MAX, ROLE_PULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[CACHE_ENTRY_SIZE];
        struct cached_instruction read = {.device = "A"};
        size_t length = cache_entry_write(&cases[i], text);
        assert_int_equal(length, strlen(text));
        assert_true(is_read(text, &read));
        assert_int_equal(read.instruction, cases[i].instruction);
        assert_int_equal(read.rollout, cases[i].rollout);
        assert_int_equal(read.attempt, cases[i].attempt);
        assert_int_equal(read.epoch, cases[i].epoch);
        assert_int_equal(read.start_before_s, cases[i].start_before_s);
        assert_int_equal(read.role, cases[i].role);
        assert_int_equal(read.out_of_service, cases[i].out_of_service);
        assert_string_equal(read.device, "A");
    }
}

static void the_text_is_the_one_that_other_releases_know(void **state)
{
    (void)state;
    char text[CACHE_ENTRY_SIZE];
    struct cached_instruction item = {"A", 77, 42, 1, 5, 1796432400, ROLE_ATM, false};
    (void)cache_entry_write(&item, text);
    assert_string_equal(text, "1 77 42 1 5 1796432400 atm");
    item.out_of_service = true; /* which they do not know: they ask the database */
    (void)cache_entry_write(&item, text);
    assert_string_equal(text, "2 77 42 1 5 1796432400 atm");
}

static void anything_else_is_refused_and_fills_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "1",
        "1 77 42 1 5 1796432400",
        "1 77 42 1 5 1796432400 ",
        "1 77 42 1 5 1796432400 teller",
        "1 77 42 1 5 1796432400 atm ",
        "1 77 42 1 5 1796432400 atm\n",
        "3 77 42 1 5 1796432400 atm",
        "0 77 42 1 5 1796432400 atm",
        "01 77 42 1 5 1796432400 atm",
        "1 077 42 1 5 1796432400 atm",
        "1  77 42 1 5 1796432400 atm",
        " 1 77 42 1 5 1796432400 atm",
        "1 -77 42 1 5 1796432400 atm",
        "1 +77 42 1 5 1796432400 atm",
        "1 7.7 42 1 5 1796432400 atm",
        "1 9223372036854775808 42 1 5 1796432400 atm",
        "1 77 42 2147483648 5 1796432400 atm",
        "1 77 42 1 5 99999999999999999999999999999999 atm",
        "1 77 42 1 5 1796432400 atmatmatmatmatmatmatm",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct cached_instruction read = {.instruction = -1};
        if (is_read(wrong[i], &read))
            fail_msg("read: \"%s\"", wrong[i]);
        assert_int_equal(read.instruction, -1);
    }
    struct cached_instruction read;
    static const char with_nul[] = "1 77 42 1 5 1796432400 atm\0";
    assert_false(cache_entry_read(with_nul, sizeof with_nul - 1, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again_at_the_ends_of_every_range),
        cmocka_unit_test(the_text_is_the_one_that_other_releases_know),
        cmocka_unit_test(anything_else_is_refused_and_fills_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
