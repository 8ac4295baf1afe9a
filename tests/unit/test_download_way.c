/* The connection to the artifact: redirects, proxies, and what is logged of their URLs. */
#include "tests/unit/download_site.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

static void a_loop_of_redirects_is_not_gone_through_again(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < FAULTS_MAX; i++)
        fixture->plan[i] = REDIRECT_TO_ITSELF;
    site_run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 6);
}

/* The site is the proxy as well. */
static void use_as_proxy(struct fixture *fixture, const char *login)
{
    (void)snprintf(fixture->proxy.address, sizeof fixture->proxy.address, "%.*s",
                   (int)(strlen(fixture->url) - strlen("/a")), fixture->url);
    (void)snprintf(fixture->proxy.login, sizeof fixture->proxy.login, "%s", login);
    fixture->request.limits.proxy = &fixture->proxy;
}

static void a_proxy_gets_its_user_and_password(void **state)
{
    struct fixture *fixture = *state;
    use_as_proxy(fixture, "ann:p%40:s");
    fixture->request.url = "http://files.invalid/a";
    site_run(fixture, "");
    site_check_whole(fixture);
    assert_string_equal(fixture->proxy_login, "Basic YW5uOnBAOnM="); /* ann:p@:s */
    fixture->plan[1] = REFUSE_PROXY;
    download_keep_only(fixture->artifacts, "");
    site_run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 2);
}

static void a_proxy_that_refuses_to_lead_to_a_server_is_not_asked_again(void **state)
{
    struct fixture *fixture = *state;
    use_as_proxy(fixture, "ann:s3cr");
    fixture->request.url = "https://files.invalid/a";
    fixture->plan[0] = fixture->plan[1] = REFUSE_PROXY;
    site_run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 1);
    assert_string_equal(fixture->result.detail, "the proxy answered 407");
    fixture->plan[1] = ERROR_503;
    fixture->plan[2] = REFUSE_PROXY;
    site_run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 3);
}

/* Answers each connection with two bytes, and closes it. */
struct socks_proxy {
    int listener;
    const char *answer;
    atomic_int connections;
    pthread_t thread;
};

static void *serve_socks(void *context)
{
    struct socks_proxy *proxy = context;
    for (int connection; (connection = accept(proxy->listener, NULL, NULL)) >= 0; (void)close(connection)) {
        char greeting[16];
        (void)atomic_fetch_add(&proxy->connections, 1);
        (void)recv(connection, greeting, sizeof greeting, 0);
        (void)send(connection, proxy->answer, 2, MSG_NOSIGNAL);
    }
    return NULL;
}

static void use_socks_proxy(struct fixture *fixture, struct socks_proxy *proxy)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(listen(proxy->listener, 8), 0);
    assert_int_equal(pthread_create(&proxy->thread, NULL, serve_socks, proxy), 0);
    (void)snprintf(fixture->proxy.address, sizeof fixture->proxy.address, "socks5h://127.0.0.1:%d",
                   ntohs(address.sin_port));
    fixture->request.limits.proxy = &fixture->proxy;
}

static void socks_proxy_close(struct socks_proxy *proxy)
{
    (void)shutdown(proxy->listener, SHUT_RDWR);
    (void)pthread_join(proxy->thread, NULL);
    (void)close(proxy->listener);
}

static void a_socks_proxy_that_takes_nobody_is_not_asked_again_and_one_in_trouble_is(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *answer;
        int connections;
    } rows[] = {{"\5\377", 1}, {"\5\0", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct socks_proxy proxy = {.answer = rows[i].answer};
        use_socks_proxy(fixture, &proxy);
        site_run(fixture, "download_failed");
        socks_proxy_close(&proxy);
        assert_int_equal(proxy.connections, rows[i].connections);
    }
    assert_int_equal(fixture->requests, 0);
}

/* The host is "s3cr": the author meant a user "s3cr/et". */
static void a_possible_password_in_a_url_is_not_shown(void **state)
{
    struct fixture *fixture = *state;
    fixture->request.limits.tries = 1;
    fixture->plan[0] = REDIRECT_TO_USER;
    site_run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 1);
    assert_null(strstr(fixture->result.detail, "s3cr"));
    fixture->request.url = "http://s3cr/et@files.invalid/a";
    site_run(fixture, "download_failed");
    assert_null(strstr(fixture->result.detail, "s3cr"));
    fixture->request.url = "http://files.invalid/a";
    site_run(fixture, "download_failed");
    assert_non_null(strstr(fixture->result.detail, "files.invalid")); /* the part that is not secret appears */
}

static void no_file_and_no_other_protocol_is_read(void **state)
{
    struct fixture *fixture = *state;
    fixture->request.url = "file:///etc/passwd";
    site_run(fixture, "download_failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(a_loop_of_redirects_is_not_gone_through_again),
        SITE_TEST(a_proxy_gets_its_user_and_password),
        SITE_TEST(a_proxy_that_refuses_to_lead_to_a_server_is_not_asked_again),
        SITE_TEST(a_socks_proxy_that_takes_nobody_is_not_asked_again_and_one_in_trouble_is),
        SITE_TEST(a_possible_password_in_a_url_is_not_shown),
        SITE_TEST(no_file_and_no_other_protocol_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
