/* A relay between a client and the library, both of which are the test, with a clock that the test sets. */
#include "base/buffer.h"
#include "base/fault.h"
#include "orchestrator/intake/http_relay.h"
#include "tests/unit/made_certificate.h"
#include "tls/server_tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IDLE_S = 60 };

#define SECOND_MS INT64_C(1000)
#define HEAD_MS (HTTP_HEAD_S * SECOND_MS)
#define GRACE_MS (HTTP_GRACE_S * SECOND_MS)
#define BEGIN_MS INT64_C(5000000)
#define GET "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST /v1/rollouts HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct bench {
    struct http_front_config config;
    struct http_peer *peer; /* the relay's */
    struct http_relay *relay;
    int poll;
    int client, library; /* the test's ends; -1: none, or the library has not been asked */
    int64_t now_ms;
} bench;

static bool take_library(void *context, int handle, struct http_peer *peer)
{
    (void)context, (void)peer;
    assert_int_equal(bench.library, -1);
    bench.library = handle;
    return true;
}

static void open_relay(SSL_CTX *tls)
{
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int pair[2];
    bench = (struct bench){
        .config = {.name = "http", .idle_s = IDLE_S, .take = take_library}, .library = -1, .now_ms = BEGIN_MS};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    bench.poll = epoll_create1(EPOLL_CLOEXEC);
    bench.client = pair[0];
    bench.peer = http_peer_make((const struct sockaddr *)(const void *)&address, sizeof address);
    bench.relay = http_relay_open(&bench.config, bench.poll, pair[1], tls, bench.peer, NULL, bench.now_ms);
    assert_non_null(bench.relay);
}

static int open_plain(void **state)
{
    (void)state;
    open_relay(NULL);
    return 0;
}

static int close_bench(void **state)
{
    (void)state;
    http_relay_close(bench.relay);
    (void)close(bench.poll);
    (void)close(bench.client);
    if (bench.library >= 0)
        (void)close(bench.library);
    return 0;
}

/* ---- what the three do ---- */

/* Returns whether the connection goes on. */
static bool step(void)
{
    return http_relay_step(bench.relay, NULL, 0, bench.now_ms);
}

static void pass(int64_t ms)
{
    bench.now_ms += ms;
}

static bool is_late(void)
{
    return http_relay_is_late(bench.relay, bench.now_ms);
}

/* It is late just after `ms` from now. */
static void expect_late_after(int64_t ms)
{
    assert_false(http_relay_is_late(bench.relay, bench.now_ms + ms));
    assert_true(http_relay_is_late(bench.relay, bench.now_ms + ms + 1));
}

static void expect_never_late(void)
{
    assert_false(http_relay_is_late(bench.relay, bench.now_ms + 1000 * SECOND_MS));
}

static void client_sends(const char *bytes, size_t length)
{
    assert_int_equal(send(bench.client, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
    assert_true(step());
}

static void client_says(const char *text)
{
    client_sends(text, strlen(text));
}

/* Reads all that has come. */
static void read_all(int handle, struct buffer *all)
{
    char bytes[4096];
    for (ssize_t count; (count = recv(handle, bytes, sizeof bytes, 0)) > 0;)
        buffer_put(all, bytes, (size_t)count);
}

static void expect_received(int handle, const char *text)
{
    struct buffer all = {0};
    read_all(handle, &all);
    assert_string_equal(buffer_text(&all), text);
    buffer_free(&all);
}

static void library_sends(const char *bytes, size_t length)
{
    assert_int_equal(send(bench.library, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
    assert_true(step());
}

/* Adds all that the client has sent to `taken`. */
static void library_takes_all(struct buffer *taken)
{
    for (size_t before = SIZE_MAX; before != taken->length;) {
        before = taken->length;
        read_all(bench.library, taken);
        assert_true(step());
    }
}

/* Ends the request with this answer. */
static void library_answers(const char *text)
{
    library_sends(text, strlen(text));
    http_peer_note_end(bench.peer);
    assert_true(step());
}

/* ---- what is passed on ---- */

static void the_library_gets_a_head_only_when_it_is_whole(void **state)
{
    (void)state;
    client_says("GET /healthz HTTP/1.1\r\nHost: a\r\n");
    assert_int_equal(bench.library, -1);
    client_says("\r\n");
    expect_received(bench.library, GET);
    library_answers(ANSWER);
    expect_received(bench.client, ANSWER);
}

static void a_request_waits_until_the_one_before_is_answered(void **state)
{
    (void)state;
    client_says(GET GET);
    expect_received(bench.library, GET);
    library_sends(ANSWER, strlen(ANSWER));
    expect_received(bench.library, "");
    http_peer_note_end(bench.peer);
    assert_true(step());
    expect_received(bench.library, GET);
    expect_received(bench.client, ANSWER);
}

static void a_malformed_request_is_answered_after_the_ones_before_and_nothing_follows(void **state)
{
    (void)state;
    struct buffer received = {0};
    char byte;
    client_says(GET "GET /healthz HTTP/1.1\r\n\r\n" GET);
    expect_received(bench.library, GET);
    library_answers(ANSWER);
    assert_int_equal(recv(bench.library, &byte, 1, 0), 0); /* it hears that nothing more comes */
    (void)close(bench.library);
    bench.library = -1;
    assert_true(step());
    read_all(bench.client, &received);
    const char *second = buffer_text(&received) + strlen(ANSWER);
    assert_memory_equal(received.bytes, ANSWER, strlen(ANSWER));
    assert_memory_equal(second, "HTTP/1.1 400 ", 13);
    assert_non_null(strstr(second, "Connection: close\r\n"));
    assert_non_null(strstr(second, "Host must be given"));
    assert_null(strstr(second + 1, "HTTP/1.1 "));
    buffer_free(&received);
    client_says("what follows is read and dropped");
    expect_late_after(2 * SECOND_MS); /* then it is closed */
}

static void a_client_that_goes_within_a_body_takes_its_request_with_it(void **state)
{
    (void)state;
    char byte;
    client_says(POST "abc");
    expect_received(bench.library, POST "abc");
    assert_int_equal(shutdown(bench.client, SHUT_WR), 0);
    (void)step();
    assert_int_equal(recv(bench.library, &byte, 1, 0), 0);
}

/* ---- time ---- */

static void a_connection_has_ten_seconds_for_its_first_head_whatever_it_sends(void **state)
{
    (void)state;
    expect_late_after(HEAD_MS);
    pass(3 * SECOND_MS);
    client_says("G"); /* from here on the head has begun */
    for (int i = 0; i < 3; i++) {
        pass(3 * SECOND_MS);
        client_says("E");
        assert_false(is_late());
    }
    expect_late_after(HEAD_MS - 9 * SECOND_MS);
}

static void move_text(BIO *bio, struct buffer *out)
{
    char *text;
    long length = BIO_get_mem_data(bio, &text);
    buffer_put(out, text, (size_t)length);
    (void)BIO_reset(bio);
}

static void a_handshake_has_ten_seconds_whatever_is_sent(void **state)
{
    (void)state;
    struct authority authority = made_authority();
    struct buffer certificate = {0}, key = {0}, none = {0};
    struct tc_fault fault;
    SSL_CTX *tls = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, authority.certificate), 1);
    move_text(bio, &certificate);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, authority.key, NULL, NULL, 0, NULL, NULL), 1);
    move_text(bio, &key);
    assert_int_equal(server_tls_make(&certificate, &key, &none, &tls, &fault), TC_OK);
    open_relay(tls);
    client_sends("\x16", 1); /* of a handshake */
    pass(9 * SECOND_MS);
    client_sends("\x03", 1);
    expect_late_after(SECOND_MS);
    assert_true(http_relay_idle_since_ms(bench.relay) == BEGIN_MS);
    server_tls_release(tls);
    (void)BIO_free(bio);
    buffer_free(&certificate);
    buffer_free(&key);
    free_authority(&authority);
}

static void between_requests_a_connection_may_be_idle_for_its_time(void **state)
{
    (void)state;
    client_says(GET);
    expect_never_late(); /* the library's turn */
    pass(100 * SECOND_MS);
    library_answers(ANSWER);
    expect_late_after(IDLE_S * SECOND_MS);
    pass(50 * SECOND_MS);
    client_says("G");
    expect_late_after(HEAD_MS);
}

static void a_body_must_come_at_its_rate(void **state)
{
    (void)state;
    char piece[HTTP_BODY_RATE] = {0};
    client_says(POST);
    expect_late_after(GRACE_MS); /* nothing of it comes */
    for (int i = 0; i < HTTP_GRACE_S + 5; i++) {
        pass(SECOND_MS);
        client_sends(piece, i < HTTP_GRACE_S ? 1 : sizeof piece);
        assert_false(is_late());
    }
    pass(3 * SECOND_MS);
    client_sends("x", 1);
    assert_true(is_late());
}

static void a_body_that_came_fast_must_not_stop(void **state)
{
    (void)state;
    static char piece[100 * HTTP_BODY_RATE];
    struct buffer taken = {0};
    client_says(POST);
    client_sends(piece, sizeof piece);
    library_takes_all(&taken);
    assert_int_equal(taken.length, strlen(POST) + sizeof piece);
    expect_late_after(GRACE_MS);
    buffer_free(&taken);
}

static void what_the_library_has_not_taken_is_not_the_client_s_fault(void **state)
{
    (void)state;
    static char piece[65536];
    struct buffer taken = {0};
    client_says(POST);
    for (int i = 0; i < 15; i++) { /* more than the pair of sockets holds */
        (void)send(bench.client, piece, sizeof piece, MSG_NOSIGNAL);
        assert_true(step());
    }
    expect_never_late();
    assert_false(http_relay_waits_for_client(bench.relay));
    assert_int_equal(http_relay_idle_since_ms(bench.relay), -1);
    pass(1000 * SECOND_MS);
    library_takes_all(&taken);
    assert_true(http_relay_waits_for_client(bench.relay));
    pass(GRACE_MS); /* the thousand seconds do not count */
    client_sends(piece, 1);
    assert_false(is_late());
    buffer_free(&taken);
}

static void an_answer_must_be_taken_at_its_rate(void **state)
{
    (void)state;
    static char piece[262144];
    char some[HTTP_ANSWER_RATE];
    client_says(GET);
    while (!http_relay_waits_for_client(bench.relay)) {
        if (send(bench.library, piece, sizeof piece, MSG_NOSIGNAL) < 0)
            fail_msg("the relay takes no more, and waits for nobody");
        assert_true(step());
    }
    assert_false(http_relay_is_late(bench.relay, bench.now_ms + GRACE_MS)); /* none of it is taken */
    assert_true(http_relay_is_late(bench.relay, bench.now_ms + GRACE_MS + SECOND_MS));
    int64_t began_ms = bench.now_ms;
    size_t taken = 0;
    while (bench.now_ms <
           began_ms + GRACE_MS + 100 * SECOND_MS) { /* much at once, since a socket has room only in pieces */
        pass(10 * SECOND_MS);
        for (int i = 0; i < 200; i++)
            taken += (size_t)recv(bench.client, some, sizeof some, 0);
        (void)send(bench.library, piece, sizeof piece, MSG_NOSIGNAL); /* there is always more */
        assert_true(step());
        assert_true(http_relay_waits_for_client(bench.relay));
        assert_false(is_late());
    }
    assert_true(taken > 0);
    pass(4000 * SECOND_MS);
    assert_true(is_late());
}

/* ---- who must go when there is no room ---- */

static void only_who_makes_nobody_wait_is_idle(void **state)
{
    (void)state;
    assert_true(http_relay_idle_since_ms(bench.relay) == BEGIN_MS);
    pass(SECOND_MS);
    client_says("GET /");
    pass(SECOND_MS);
    client_says("healthz HTTP/1.1\r\n");
    assert_true(http_relay_idle_since_ms(bench.relay) == BEGIN_MS + SECOND_MS); /* bytes do not make it younger */
    client_says("Host: a\r\n\r\n");
    assert_int_equal(http_relay_idle_since_ms(bench.relay), -1);
    assert_false(http_relay_waits_for_client(bench.relay));
    assert_true(http_relay_is_busy(bench.relay));
    library_answers(ANSWER);
    assert_true(http_relay_idle_since_ms(bench.relay) == bench.now_ms);
    client_says(POST "a");
    assert_int_equal(http_relay_idle_since_ms(bench.relay), -1);
    assert_true(http_relay_waits_for_client(bench.relay));
}

#define WITH_RELAY(test) cmocka_unit_test_setup_teardown(test, open_plain, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RELAY(the_library_gets_a_head_only_when_it_is_whole),
        WITH_RELAY(a_request_waits_until_the_one_before_is_answered),
        WITH_RELAY(a_malformed_request_is_answered_after_the_ones_before_and_nothing_follows),
        WITH_RELAY(a_client_that_goes_within_a_body_takes_its_request_with_it),
        WITH_RELAY(a_connection_has_ten_seconds_for_its_first_head_whatever_it_sends),
        cmocka_unit_test_teardown(a_handshake_has_ten_seconds_whatever_is_sent, close_bench),
        WITH_RELAY(between_requests_a_connection_may_be_idle_for_its_time),
        WITH_RELAY(a_body_must_come_at_its_rate),
        WITH_RELAY(a_body_that_came_fast_must_not_stop),
        WITH_RELAY(what_the_library_has_not_taken_is_not_the_client_s_fault),
        WITH_RELAY(an_answer_must_be_taken_at_its_rate),
        WITH_RELAY(only_who_makes_nobody_wait_is_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
