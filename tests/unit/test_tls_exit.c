#include "tls/exit.h"

#include <openssl/rand.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool has_random_bytes(void)
{
    unsigned char bytes[8];
    return RAND_bytes(bytes, sizeof bytes) == 1;
}

/* Registered before OpenSSL is used, so it runs after what OpenSSL does at the exit; as a thread that still ends. */
static void end_as_it_answers(void)
{
    _exit(has_random_bytes() ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void openssl_can_still_be_used_at_the_exit(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)atexit(end_as_it_answers);
        tls_outlive_exit();
        exit(has_random_bytes() ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(openssl_can_still_be_used_at_the_exit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
