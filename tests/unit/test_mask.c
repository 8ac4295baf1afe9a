#include "clients/agent/action/install_log.h"
#include "clients/agent/action/install_output.h"
#include "topics/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CARD "4111111111111111"
#define STARS "****************"

static void expect(const char *pattern, const char *text, const char *wanted)
{
    struct mask *mask = NULL;
    char masked[256];
    assert_int_equal(mask_open(pattern, &mask, NULL), TC_OK);
    (void)snprintf(masked, sizeof masked, "%s", text);
    mask_apply(mask, masked, strlen(masked));
    assert_string_equal(masked, wanted);
    mask_close(mask);
}

static void a_number_is_masked_when_13_to_19_digits_pass_the_check_of_luhn(void **state)
{
    (void)state;
    expect("", "card " CARD ".", "card " STARS ".");
    expect("", "378282246310005", "***************");
    expect("", "4222222222222", "*************");
    expect("", "6304000000000000000", "*******************");
    expect("", "4111111111111", "4111111111111");
    expect("", "6011000990139422", "6011000990139422");
    expect("", "411111111116", "411111111116"); /* 12 digits */
    expect("", "4111 1111 1111 1112 and 20261130170000", "4111 1111 1111 1112 and 20261130170000");
}

static void spaces_and_dashes_may_be_between_the_digits(void **state)
{
    (void)state;
    expect("", "4111 1111 1111 1111", "**** **** **** ****");
    expect("", "4111-1111-1111-1111 ok", "****-****-****-**** ok");
    expect("", "4111 - 1111 - 1111 - 1111", "**** - **** - **** - ****");
    expect("", "4111    1111    1111    1111", "4111    1111    1111    1111"); /* four: columns of a table */
    expect("", "4111.1111.1111.1111", "4111.1111.1111.1111");
    expect("", "4111\n1111\n1111\n1111", "4111\n1111\n1111\n1111");
}

static void a_number_is_found_beside_other_digits(void **state)
{
    (void)state;
    expect("", CARD " " CARD, STARS " " STARS);
    expect("", CARD "=25121010000", STARS "=25121010000");
    expect("", "13 " CARD " 5", "13 " STARS " 5");
}

static void a_number_is_found_with_digits_against_it(void **state)
{
    (void)state;
    static const struct {
        const char *text, *number;
    } cases[] = {
        {"7" CARD, CARD},
        {"16" CARD, CARD}, /* its length before it, as in ISO 8583 */
        {"0" CARD, CARD},
        {"3782822463100052512", "378282246310005"}, /* its expiry date after it */
        {"42222222222229", "4222222222222"},
        {"0200" CARD "00", CARD},
        {"12 16" CARD " 5", CARD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char masked[64];
        const char *number = strstr(cases[i].text, cases[i].number);
        (void)snprintf(masked, sizeof masked, "%s", cases[i].text);
        mask_apply(NULL, masked, strlen(masked));
        assert_non_null(number);
        for (size_t at = 0; at < strlen(cases[i].number); at++)
            assert_int_equal(masked[(size_t)(number - cases[i].text) + at], '*');
    }
}

static void what_the_pattern_of_the_settings_matches_is_masked_line_by_line(void **state)
{
    (void)state;
    struct mask *mask = NULL;
    struct tc_fault fault;
    expect("serial=[A-Z0-9]+|PIN", "serial=AB12 PIN x\nPIN", "*********** *** x\n***");
    expect("^a.*$", "ab\nba\nac", "**\nba\n**");
    expect("x*", "axxb", "a**b");
    expect("[0-9]{4}", "3 1234 " CARD, "3 **** " STARS);
    expect("Z..", "Zo\xc3\xab!", "****!");
    expect("\xab.", "o\xc3\xab\xe2\x82\xac!", "o*****!");
    expect("[^a-z]", "o\xe2\x82\xac", "o***");
    expect("x*", "\xc3\xab", "\xc3\xab");
    char with_nul[] = "a PIN\0PIN";
    assert_int_equal(mask_open("PIN", &mask, NULL), TC_OK);
    mask_apply(mask, with_nul, sizeof with_nul - 1);
    assert_memory_equal(with_nul, "a ***\0***", sizeof with_nul);
    mask_close(mask);
    assert_int_equal(mask_open("(", &mask, &fault), TC_INVALID);
    assert_non_null(strstr(fault.text, "regular expression"));
}

/* ---- the log ---- */

static char *log_of(const char *const *pieces, size_t count)
{
    struct install_log log = {0};
    struct buffer text = {0};
    for (size_t i = 0; i < count; i++)
        install_log_take(&log, pieces[i], strlen(pieces[i]));
    install_log_put(&log, NULL, &text);
    install_log_free(&log);
    if (text.bytes == NULL)
        buffer_put_text(&text, "");
    return text.bytes;
}

static void a_number_that_is_split_between_two_writes_is_masked(void **state)
{
    (void)state;
    for (size_t at = 0; at <= strlen(CARD); at++) {
        char first[32];
        (void)snprintf(first, sizeof first, "no %.*s", (int)at, CARD);
        char *text = log_of((const char *const[]){first, &CARD[at], " end\n"}, 3);
        assert_string_equal(text, "no " STARS " end\n");
        free(text);
    }
}

static void a_log_has_the_last_bytes_and_never_the_end_of_a_number_whose_beginning_was_dropped(void **state)
{
    (void)state;
    struct install_log log = {0};
    for (size_t i = 0; i < 40000; i++)
        install_log_take(&log, CARD " ", strlen(CARD) + 1);
    install_log_take(&log, "the end\n", 8);
    for (size_t shift = 0; shift < 20; shift++) {
        struct buffer text = {0};
        install_log_take(&log, "x", 1);
        install_log_put(&log, NULL, &text);
        assert_true(text.length <= INSTALL_LOG_MAX && text.length > INSTALL_LOG_MAX - 20);
        assert_null(strpbrk(buffer_text(&text), "0123456789"));
        assert_non_null(strstr(buffer_text(&text), "the end\n"));
        buffer_free(&text);
    }
    install_log_free(&log);
}

/* What is dropped of the bytes that were kept must not bring the beginning nearer than that. */
static void the_end_of_a_number_is_dropped_where_carriage_returns_were_dropped_too(void **state)
{
    (void)state;
    struct install_log log = {0};
    for (size_t i = 0; i < 40000; i++)
        install_log_take(&log, CARD "\r\r\r\r\r\r\r\n", strlen(CARD) + 8);
    for (size_t shift = 0; shift < 24; shift++) {
        struct buffer text = {0};
        install_log_take(&log, "x", 1);
        install_log_put(&log, NULL, &text);
        assert_true(text.length > INSTALL_LOG_MAX / 2);
        assert_null(strpbrk(buffer_text(&text), "0123456789"));
        buffer_free(&text);
    }
    install_log_free(&log);
}

static void a_log_is_whole_characters_without_controls(void **state)
{
    (void)state;
    char *text = log_of((const char *const[]){"a\r\n\tb\x1b[1m \xc3", "\xa9 \xff\n"}, 2);
    assert_string_equal(text, "a\n\tb?[1m \xc3\xa9 ?\n");
    free(text);

    struct install_log log = {0};
    struct buffer end = {0};
    for (size_t i = 0; i < 100000; i++)
        install_log_take(&log, "\xe2\x82\xac", 3);
    install_log_put(&log, NULL, &end);
    assert_true(end.length % 3 == 0 && end.length > INSTALL_LOG_MAX - 3 && memcmp(end.bytes, "\xe2\x82\xac", 3) == 0);
    buffer_free(&end);
    install_log_free(&log);
}

/* ---- what is reported ---- */

struct told {
    char progress[64], version[64];
};

static void note_progress(void *context, int percent, const char *text)
{
    struct told *told = context;
    (void)snprintf(told->progress, sizeof told->progress, "%d %s", percent, text);
}

static void note_version(void *context, const char *name, const char *version)
{
    struct told *told = context;
    (void)snprintf(told->version, sizeof told->version, "%s %s", name, version);
}

static void what_an_installer_says_is_masked_in_the_detail_and_in_progress_but_no_version(void **state)
{
    (void)state;
    struct told told = {0};
    char detail[REPORT_DETAIL_MAX + 1], line[1200];
    struct install_output output = {.on_progress = note_progress, .on_version = note_version, .context = &told};
    static const char said[] = "progress 7 at " CARD "\nversion app " CARD "\nread " CARD "\n";
    install_output_take(&output, said, strlen(said));
    (void)snprintf(line, sizeof line, "%0*d", (int)sizeof line - 2, 0); /* longer than a line */
    static const char card[] = "4111111111111";
    memset(line, 'y', 1010);
    memcpy(line + 1010, card, sizeof card - 1);
    install_output_take(&output, line, strlen(line));
    install_output_end(&output);
    install_output_describe(&output, detail, sizeof detail);
    assert_string_equal(told.progress, "7 at " STARS);
    assert_string_equal(told.version, "app " CARD);
    assert_null(strpbrk(detail, "0123456789"));
    install_output_free(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_masked_when_13_to_19_digits_pass_the_check_of_luhn),
        cmocka_unit_test(spaces_and_dashes_may_be_between_the_digits),
        cmocka_unit_test(a_number_is_found_beside_other_digits),
        cmocka_unit_test(a_number_is_found_with_digits_against_it),
        cmocka_unit_test(what_the_pattern_of_the_settings_matches_is_masked_line_by_line),
        cmocka_unit_test(a_number_that_is_split_between_two_writes_is_masked),
        cmocka_unit_test(a_log_has_the_last_bytes_and_never_the_end_of_a_number_whose_beginning_was_dropped),
        cmocka_unit_test(the_end_of_a_number_is_dropped_where_carriage_returns_were_dropped_too),
        cmocka_unit_test(a_log_is_whole_characters_without_controls),
        cmocka_unit_test(what_an_installer_says_is_masked_in_the_detail_and_in_progress_but_no_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
