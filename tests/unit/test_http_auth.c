#include "base/file.h"
#include "orchestrator/intake/http_auth.h"
#include "tests/unit/temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* SHA-256 of "secret-of-ann" and "secret-of-bob". */
#define ANN "70b418541da77d413246ec0d700eebb8b23852493cfaa4ab4f39009cd68360f0"
#define BOB "f6dbcfeb957b327b63c0705f1348f75715f09f5020903b696c43e66a53d0f189"

static char path[TEMPORARY_NAME_SIZE];

static void write_tokens(const char *text)
{
    struct tc_fault fault;
    assert_int_equal(file_replace(path, text, strlen(text), 0600, &fault), TC_OK);
}

static struct http_auth *open_tokens(const char *text)
{
    struct http_auth *auth = NULL;
    struct tc_fault fault;
    write_tokens(text);
    assert_int_equal(http_auth_open(path, &auth, &fault), TC_OK);
    return auth;
}

static enum tc_error check(struct http_auth *auth, const char *header, char user[static TC_ID_SIZE])
{
    struct tc_fault fault;
    return http_auth_check(auth, header, user, &fault);
}

static void a_token_says_whose_it_is(void **state)
{
    (void)state;
    struct http_auth *auth = open_tokens("# operators\n\nann " ANN "\r\n  bob\t" BOB "  \n");
    char user[TC_ID_SIZE];
    assert_int_equal(check(auth, "Bearer secret-of-ann", user), TC_OK);
    assert_string_equal(user, "ann");
    assert_int_equal(check(auth, "bearer   secret-of-bob", user), TC_OK);
    assert_string_equal(user, "bob");
    http_auth_close(auth);
}

static void whatever_is_not_a_known_token_is_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "",
        "Bearer",
        "Bearer ",
        "Bearer secret-of-eve",
        "Bearer secret-of-an",
        "Bearer secret-of-ann ",
        "Basic secret-of-ann",
        "secret-of-ann",
        ("Bearer " ANN),
    };
    struct http_auth *auth = open_tokens("ann " ANN "\n");
    char user[TC_ID_SIZE];
    assert_int_equal(check(auth, NULL, user), TC_DENIED);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        if (check(auth, headers[i], user) != TC_DENIED)
            fail_msg("let in: %s", headers[i]);
    }
    http_auth_close(auth);
    auth = open_tokens("");
    assert_int_equal(check(auth, "Bearer secret-of-ann", user), TC_DENIED);
    http_auth_close(auth);
}

static void a_file_with_a_fault_is_refused_by_its_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"ann", "ann 12", ("ann " ANN "00"), ("ann " ANN " more"), ("a/b " ANN), ANN};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct buffer text = {0};
        buffer_format(&text, "bob " BOB "\n%s\n", lines[i]);
        write_tokens(buffer_text(&text));
        buffer_free(&text);
        struct http_auth *auth = NULL;
        struct tc_fault fault;
        assert_int_equal(http_auth_open(path, &auth, &fault), TC_INVALID);
        assert_non_null(strstr(fault.text, ":2: "));
        assert_null(strstr(fault.text, ANN));
    }
}

static void a_reload_takes_new_tokens_and_a_bad_file_leaves_the_old_ones_in_force(void **state)
{
    (void)state;
    struct http_auth *auth = open_tokens("ann " ANN "\n");
    char user[TC_ID_SIZE];
    struct tc_fault fault;
    write_tokens("bob " BOB "\n");
    assert_int_equal(http_auth_reload(auth, &fault), TC_OK);
    assert_int_equal(check(auth, "Bearer secret-of-ann", user), TC_DENIED);
    assert_int_equal(check(auth, "Bearer secret-of-bob", user), TC_OK);

    write_tokens("ann " ANN "\nnonsense\n");
    assert_int_equal(http_auth_reload(auth, &fault), TC_INVALID);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(http_auth_reload(auth, &fault), TC_NOT_FOUND);
    assert_int_equal(check(auth, "Bearer secret-of-ann", user), TC_DENIED);
    assert_int_equal(check(auth, "Bearer secret-of-bob", user), TC_OK);
    http_auth_close(auth);
}

static void only_this_machine_s_own_names_are_loopback(void **state)
{
    (void)state;
    assert_true(http_auth_host_is_loopback("localhost"));
    assert_true(http_auth_host_is_loopback("LocalHost:8080"));
    assert_true(http_auth_host_is_loopback("127.0.0.1:1"));
    assert_true(http_auth_host_is_loopback("[::1]:8080"));
    assert_false(http_auth_host_is_loopback(NULL));
    assert_false(http_auth_host_is_loopback(""));
    assert_false(http_auth_host_is_loopback("localhost.evil.example"));
    assert_false(http_auth_host_is_loopback("127.0.0.1.evil.example:8080"));
}

static int make_file(void **state)
{
    (void)state;
    temporary_name("test_http_auth", path);
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_whose_it_is),
        cmocka_unit_test(whatever_is_not_a_known_token_is_refused),
        cmocka_unit_test(a_file_with_a_fault_is_refused_by_its_line),
        cmocka_unit_test(a_reload_takes_new_tokens_and_a_bad_file_leaves_the_old_ones_in_force),
        cmocka_unit_test(only_this_machine_s_own_names_are_loopback),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
