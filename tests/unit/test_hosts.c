#include "base/host_list.h"
#include "hosts/address_find.h"
#include "hosts/address_pin.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/broker_hosts.h"

/* A server that listens at this address, at a port that the system chooses when `*port` is 0. */
static int listen_at(const char *address, int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    socklen_t length = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static struct host_list hosts_of(const char *first, const char *second)
{
    struct host_list list = {0};
    assert_true(host_list_add(&list, first));
    if (second != NULL)
        assert_true(host_list_add(&list, second));
    return list;
}

static void a_list_has_names_of_a_bounded_length_and_number(void **state)
{
    (void)state;
    char name[HOST_SIZE + 1], text[12];
    struct host_list list = {0};
    memset(name, 'a', HOST_SIZE);
    name[HOST_SIZE] = '\0';
    assert_false(host_list_add(&list, ""));
    assert_false(host_list_add(&list, name));
    name[HOST_SIZE - 1] = '\0';
    assert_true(host_list_add(&list, name));
    for (size_t i = 1; i < HOSTS_MAX; i++)
        assert_true(host_list_add(&list, "b"));
    assert_false(host_list_add(&list, "c"));
    assert_int_equal(list.count, HOSTS_MAX);
    host_list_describe(&list, text, sizeof text);
    assert_string_equal(text, "aaaaaaaaaaa");
    list = hosts_of("b1", "b2");
    host_list_describe(&list, text, sizeof text);
    assert_string_equal(text, "b1,b2");
}

static void the_turn_begins_after_the_address_that_failed(void **state)
{
    (void)state;
    const struct host_address addresses[] = {{0, "192.0.2.1"}, {0, "192.0.2.2"}, {1, "192.0.2.1"}};
    const struct host_address none = {0}, gone = {1, "192.0.2.9"};
    assert_int_equal(address_turn_first(addresses, 3, &none), 0);
    assert_int_equal(address_turn_first(addresses, 3, &gone), 0);
    assert_int_equal(address_turn_first(addresses, 3, &addresses[0]), 1);
    assert_int_equal(address_turn_first(addresses, 3, &addresses[1]), 2);
    assert_int_equal(address_turn_first(addresses, 3, &addresses[2]), 0);
    assert_int_equal(address_turn_first(addresses, 0, &none), 0);
}

static void the_first_host_that_answers_is_found(void **state)
{
    (void)state;
    int port = 0, server = listen_at("127.0.0.3", &port);
    struct host_list hosts = hosts_of("127.0.0.2", "127.0.0.3");
    struct address_search search = {.hosts = &hosts, .port = port, .interrupt_fd = -1};
    struct host_address found;
    struct tc_fault fault;
    assert_int_equal(address_find(&search, &found, &fault), TC_OK);
    assert_int_equal(found.host, 1);
    assert_string_equal(found.text, "127.0.0.3");

    int first = listen_at("127.0.0.2", &port);
    assert_int_equal(address_find(&search, &found, &fault), TC_OK);
    assert_int_equal(found.host, 0);
    search.failed = found;
    assert_int_equal(address_find(&search, &found, &fault), TC_OK);
    assert_int_equal(found.host, 1);
    (void)close(first);
    (void)close(server);
    search.failed = (struct host_address){0};

    assert_int_equal(address_find(&search, &found, &fault), TC_UNAVAILABLE);
    assert_string_equal(fault.text, "connect: 127.0.0.2: Connection refused; 127.0.0.3: Connection refused");
}

static void many_addresses_share_the_time(void **state)
{
    (void)state;
    assert_int_equal(address_turn_timeout_ms(1), SINGLE_TIMEOUT_MS);
    assert_int_equal(address_turn_timeout_ms(2), ONE_OF_SEVERAL_TIMEOUT_MS);
    for (int count = 2; count <= 64; count++) {
        assert_true(address_turn_timeout_ms((size_t)count) >= 900);
        assert_true(count * address_turn_timeout_ms((size_t)count) <= ALL_TIMEOUT_MS);
    }
}

static int interrupt[2];
static volatile sig_atomic_t signals;

static void on_alarm(int number)
{
    (void)number;
    if (++signals == 3)
        (void)!write(interrupt[1], "", 1);
}

/* Fills the queue of a server that accepts nothing, so that it is silent. */
static void fill(int port, int *files, size_t count)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (size_t i = 0; i < count; i++) {
        files[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(files[i], (const struct sockaddr *)&at, sizeof at);
    }
}

static void a_signal_does_not_end_the_wait_for_an_address(void **state)
{
    (void)state;
    int port = 0, server = listen_at("127.0.0.1", &port), files[16];
    fill(port, files, 16);
    struct sigaction action = {.sa_handler = on_alarm}, before;
    const struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
    struct host_list hosts = hosts_of("127.0.0.1", NULL);
    struct host_address found;
    struct tc_fault fault;
    assert_int_equal(pipe(interrupt), 0);
    const struct address_search search = {.hosts = &hosts, .port = port, .interrupt_fd = interrupt[0]};
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    enum tc_error error = address_find(&search, &found, &fault);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_int_equal(error, TC_UNAVAILABLE);
    assert_string_equal(fault.text, "interrupted");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)close(files[i]);
    (void)close(interrupt[0]);
    (void)close(interrupt[1]);
    (void)close(server);
}

static void a_single_address_can_be_taken_untried(void **state)
{
    (void)state;
    int port = 0;
    (void)close(listen_at("127.0.0.2", &port));
    struct host_list hosts = hosts_of("127.0.0.2", NULL);
    struct address_search search = {.hosts = &hosts, .port = port, .interrupt_fd = -1, .is_single_trusted = true};
    struct host_address found;
    struct tc_fault fault;
    assert_int_equal(address_find(&search, &found, &fault), TC_OK);
    assert_string_equal(found.text, "127.0.0.2");
    search.is_single_trusted = false;
    assert_int_equal(address_find(&search, &found, &fault), TC_UNAVAILABLE);
}

/* Returns the first address of a name, as a library that asks with this service gets it. */
static const char *resolved(const char *name, const char *service)
{
    static char text[INET6_ADDRSTRLEN];
    struct addrinfo wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    assert_int_equal(getaddrinfo(name, service, &wanted, &found), 0);
    assert_int_equal(getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST), 0);
    freeaddrinfo(found);
    return text;
}

static void a_pinned_name_leads_to_its_address_for_those_who_ask_without_a_service(void **state)
{
    (void)state;
    assert_string_equal(resolved("localhost", NULL), "127.0.0.1");
    address_pin("localhost", "127.0.0.7");
    assert_string_equal(resolved("localhost", NULL), "127.0.0.7");
    assert_string_equal(resolved("localhost", "1883"), "127.0.0.1");
    assert_string_equal(resolved("127.0.0.1", NULL), "127.0.0.1");
    address_pin("localhost", "127.0.0.8");
    assert_string_equal(resolved("localhost", NULL), "127.0.0.8");
    char name[16];
    for (int i = 0; i < HOSTS_MAX; i++) { /* as many others take its place */
        (void)snprintf(name, sizeof name, "broker-%d", i);
        address_pin(name, "127.0.0.9");
    }
    assert_string_equal(resolved("broker-0", NULL), "127.0.0.9");
    assert_string_equal(resolved("localhost", NULL), "127.0.0.1");
}

static void a_broker_has_one_host_or_a_list_of_them(void **state)
{
    (void)state;
    static const struct {
        const char *hosts, *host, *expected; /* a fault begins with its setting */
    } cases[] = {
        {"[]", "127.0.0.1", "127.0.0.1"},
        {"[]", "mq.bank.example", "mq.bank.example"},
        {"[\"mq1\",\"mq2\"]", "127.0.0.1", "mq1,mq2"},
        {"[\"mq1\",\"mq2\"]", "mq3", "broker.host: must not be set beside broker.hosts; put it in that list"},
        {"[]", "", "broker.host: must be a host name or an address of 1 to 255 characters; it is empty"},
        {"[\"a:b@mq1\"]", "127.0.0.1", "broker.hosts: a user is not allowed; its password is in broker.password_file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct host_list list;
        struct tc_fault fault;
        char text[100];
        bool is_read = broker_hosts_read(cases[i].hosts, cases[i].host, &list, &fault) == TC_OK;
        host_list_describe(&list, text, sizeof text);
        assert_string_equal(is_read ? text : fault.text, cases[i].expected);
    }
    struct host_list local = hosts_of("127.0.0.1", "localhost"), mixed = hosts_of("127.0.0.1", "mq2");
    assert_null(broker_hosts_find_remote(&local));
    assert_string_equal(broker_hosts_find_remote(&mixed), "mq2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_names_of_a_bounded_length_and_number),
        cmocka_unit_test(the_turn_begins_after_the_address_that_failed),
        cmocka_unit_test(the_first_host_that_answers_is_found),
        cmocka_unit_test(many_addresses_share_the_time),
        cmocka_unit_test(a_signal_does_not_end_the_wait_for_an_address),
        cmocka_unit_test(a_single_address_can_be_taken_untried),
        cmocka_unit_test(a_pinned_name_leads_to_its_address_for_those_who_ask_without_a_service),
        cmocka_unit_test(a_broker_has_one_host_or_a_list_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
