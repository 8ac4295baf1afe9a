#include "base/address.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static void only_addresses_of_this_machine_alone_and_localhost_are_loopback(void **state)
{
    (void)state;
    static const char *const loopback[] = {"127.0.0.1",        "127.255.255.254", "::1",       "[::1]",
                                           "::ffff:127.0.0.1", "localhost",       "LocalHost", "127.0.0.2"};
    static const char *const distant[] = {"",
                                          "0.0.0.0",
                                          "128.0.0.1",
                                          "192.0.2.1",
                                          "10.0.0.1",
                                          "::",
                                          "fe80::1",
                                          "::ffff:192.0.2.1",
                                          "[::1",
                                          "localhost.evil.example",
                                          "127.0.0.1.evil.example",
                                          "db",
                                          "broker.bank.example",
                                          "127.0.0.1:1883",
                                          "127.0.0.1 ",
                                          "/run/x",
                                          "::2",
                                          "[127.0.0.1",
                                          "[]",
                                          "a.name.that.is.longer.than.any.address.in.text.can.be.localhost"};
    for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++) {
        if (!address_host_is_loopback(loopback[i]))
            fail_msg("%s is on loopback", loopback[i]);
    }
    for (size_t i = 0; i < sizeof distant / sizeof *distant; i++) {
        if (address_host_is_loopback(distant[i]))
            fail_msg("%s is not on loopback", distant[i]);
    }
}

static void an_address_of_another_family_is_not_loopback(void **state)
{
    (void)state;
    const struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_un other = {.sun_family = AF_UNIX};
    assert_true(address_is_loopback((const struct sockaddr *)&local));
    assert_false(address_is_loopback((const struct sockaddr *)&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_addresses_of_this_machine_alone_and_localhost_are_loopback),
        cmocka_unit_test(an_address_of_another_family_is_not_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
