/* The file of tokens of the version before. */
#include "base/file.h"
#include "orchestrator/people/tokens_file.h"
#include "tests/unit/temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* SHA-256 of "secret-of-ann" and "secret-of-bob". */
#define ANN "70b418541da77d413246ec0d700eebb8b23852493cfaa4ab4f39009cd68360f0"
#define BOB "f6dbcfeb957b327b63c0705f1348f75715f09f5020903b696c43e66a53d0f189"

static char path[TEMPORARY_NAME_SIZE];

static enum tc_error read_text(const char *text, struct tokens_file *file, struct tc_fault *fault)
{
    assert_int_equal(file_replace(path, text, strlen(text), 0600, fault), TC_OK);
    return tokens_file_read(path, file, fault);
}

static void each_line_is_a_user_and_the_digest_of_a_token(void **state)
{
    (void)state;
    struct tokens_file file;
    struct tc_fault fault;
    assert_int_equal(read_text("\xEF\xBB\xBF# operators\n\nann " ANN "\r\n  bob\t" BOB "  \n", &file, &fault), TC_OK);
    assert_int_equal(file.count, 2);
    assert_string_equal(file.lines[0].user, "ann");
    assert_string_equal(file.lines[0].digest, ANN);
    assert_string_equal(file.lines[0].id, "70b418541da7");
    assert_string_equal(file.lines[1].user, "bob");
    tokens_file_free(&file);
    assert_int_equal(read_text("", &file, &fault), TC_OK);
    assert_int_equal(file.count, 0);
}

static void a_file_with_a_fault_is_refused_by_its_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"ann",        "ann 12", ("ann " ANN "00"),   ("ann " ANN " more"),
                                        ("a/b " ANN), ANN,      ("tellercast " ANN), ("loopback " ANN)};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct buffer text = {0};
        struct tokens_file file;
        struct tc_fault fault;
        buffer_format(&text, "bob " BOB "\n%s\n", lines[i]);
        assert_int_equal(read_text(buffer_text(&text), &file, &fault), TC_INVALID);
        assert_non_null(strstr(fault.text, ":2: "));
        assert_null(strstr(fault.text, ANN));
        assert_null(file.lines);
        buffer_free(&text);
    }
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0666};
    struct tokens_file file;
    struct tc_fault fault;
    assert_int_equal(read_text("ann " ANN "\n", &file, &fault), TC_OK);
    tokens_file_free(&file);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(tokens_file_read(path, &file, &fault), TC_DENIED);
    }
}

static int make_file(void **state)
{
    (void)state;
    temporary_name("test_tokens_file", path);
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_a_user_and_the_digest_of_a_token),
        cmocka_unit_test(a_file_with_a_fault_is_refused_by_its_line),
        cmocka_unit_test(a_file_that_others_may_read_is_refused),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
