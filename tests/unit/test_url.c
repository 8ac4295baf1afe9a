#include "base/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_proxy_s_url_is_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *url, *address, *login;
    } rows[] = {
        {"http://proxy:3128", "http://proxy:3128", ""},
        {"HTTPS://proxy.bank.example:443/", "HTTPS://proxy.bank.example:443", ""},
        {"socks5://10.0.0.1", "socks5://10.0.0.1", ""},
        {"socks5h://[2001:db8::1]:1080", "socks5h://[2001:db8::1]:1080", ""},
        {"http://ann@proxy:1", "http://proxy:1", "ann"},
        {"http://ann:pa:ss%40%2f@proxy:65535", "http://proxy:65535", "ann:pa:ss%40%2f"},
        {"http://bank\\ann:p!$&'()*+,;=[x]@proxy:8080", "http://proxy:8080", "bank\\ann:p!$&'()*+,;=[x]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct url_proxy proxy;
        assert_int_equal(url_read_proxy(rows[i].url, &proxy, NULL), TC_OK);
        assert_string_equal(proxy.address, rows[i].address);
        assert_string_equal(proxy.login, rows[i].login);
    }
}

static void what_is_no_url_of_a_proxy_is_refused_and_not_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *url, *says;
    } rows[] = {
        {"", "scheme"},
        {"proxy:3128", "scheme"},
        {"ftp://ann:s3cr@proxy:1", "scheme"},
        {"http:/ann:s3cr@proxy:1", "scheme"},
        {"http://", "host"},
        {"http://ann:s3cr@", "host"},
        {"http://ann:s3cr@:3128", "host"},
        {"http://ann:s3cr@pro xy:1", "host"},
        {"http://ann:s3cr@[::1:3128", "host"},
        {"http://ann:s3cr@[s3cr]:3128", "host"},
        {"http://ann:s3cr@proxy:s3cr", "port"},
        {"http://ann:s3cr@proxy:", "port"},
        {"http://ann:s3cr@proxy:0", "port"},
        {"http://ann:s3cr@proxy:65536", "port"},
        {"http://ann:s3cr@proxy:4294967297", "port"},
        {"http://ann:s3cr@proxy:-1", "port"},
        {"http://ann:s3cr@proxy:80x", "port"},
        {"http://ann:s3cr", "port"},
        {"http://ann:s3cr@proxy:80/path", "may follow its port"},
        {"http://ann:s3cr@proxy?s3cr", "may follow its port"},
        {"http://ann:pa/s3cr@proxy:1", "percent-encoded"},
        {"http://ann:1/s3cr@proxy:1", "percent-encoded"},
        {"http://ann:pa?s3cr@proxy:1", "percent-encoded"},
        {"http://ann:pa#s3cr@proxy:1", "percent-encoded"},
        {"http://ann:pa@s3cr@proxy:1", "percent-encoded"},
        {"http://ann:pa s3cr@proxy:1", "percent-encoded"},
        {"http://ann:s3cr%@proxy:1", "percent-encoded"},
        {"http://ann:s3cr%4@proxy:1", "percent-encoded"},
        {"http://ann:s3cr%00@proxy:1", "percent-encoded"},
        {"http://ann:s3cr\r\nX: y@proxy:1", "percent-encoded"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct url_proxy proxy;
        struct tc_fault fault;
        assert_int_equal(url_read_proxy(rows[i].url, &proxy, &fault), TC_INVALID);
        assert_non_null(strstr(fault.text, rows[i].says));
        assert_non_null(strstr(fault.text, URL_PROXY_ALLOWED));
        assert_null(strstr(fault.text, "s3cr"));
    }
}

static void a_proxy_s_url_that_is_too_long_is_refused(void **state)
{
    (void)state;
    static char url[2 * URL_PROXY_PART_SIZE];
    struct url_proxy proxy;
    struct tc_fault fault;
    memset(url, 'a', sizeof url - 1);
    memcpy(url, "http://", sizeof "http://" - 1);
    assert_int_equal(url_read_proxy(url, &proxy, &fault), TC_INVALID);
    memcpy(url + sizeof url - sizeof "@proxy:1", "@proxy:1", sizeof "@proxy:1");
    assert_int_equal(url_read_proxy(url, &proxy, &fault), TC_INVALID);
    assert_non_null(strstr(fault.text, "too long"));
}

static void a_server_s_url_has_a_host_and_may_have_a_port_and_a_path(void **state)
{
    (void)state;
    static const char *const good[] = {
        "http://127.0.0.1:8080", "https://tc.bank.example/prefix", "localhost", "mqtts://broker:8883", "[::1]:1883",
        "http://[::1]/"};
    static const char *const wrong[] = {"",           "http://",           "http://ann:s3cr",
                                        "ann:s3cr",   "http://ann:s3cr/x", "http://host?x",
                                        "host:70000", "ann:s3cr@host:1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_null(url_find_fault(good[i]));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_non_null(url_find_fault(wrong[i]));
        assert_null(strstr(url_find_fault(wrong[i]), "s3cr"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proxy_s_url_is_taken_apart),
        cmocka_unit_test(what_is_no_url_of_a_proxy_is_refused_and_not_quoted),
        cmocka_unit_test(a_proxy_s_url_that_is_too_long_is_refused),
        cmocka_unit_test(a_server_s_url_has_a_host_and_may_have_a_port_and_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
