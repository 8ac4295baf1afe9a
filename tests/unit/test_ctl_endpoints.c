#include "clients/ctl/endpoints/http.h"
#include "clients/ctl/endpoints/submit.h"
#include "tests/unit/temporary_folder.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static enum tc_error read_answer(const char *text, struct submit_answer *answer, struct tc_fault *fault)
{
    *answer = (struct submit_answer){0};
    return submit_answer_read("the door", text, strlen(text), answer, fault);
}

static void every_endpoint_s_answer_has_a_status(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        {"{\"rollout\":42,\"existing\":false}", 201},
        {"{\"rollout\":42,\"existing\":true}", 200},
        {"{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,\"detail\":\"x\"}", 409},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct submit_answer answer;
        struct tc_fault fault;
        assert_int_equal(read_answer(rows[i].text, &answer, &fault), TC_OK);
        assert_int_equal(answer.status, rows[i].status);
        json_decref(answer.document);
    }
}

static void an_answer_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "[]", "{}", "not JSON", "{\"rollout\":\"42\"}", "{\"status\":\"ok\"}", "{\"rollout\":1,\"rollout\":2}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct submit_answer answer;
        struct tc_fault fault;
        assert_int_equal(read_answer(texts[i], &answer, &fault), TC_INTERNAL);
        assert_non_null(strstr(fault.text, "the door"));
        assert_null(answer.document);
    }
}

static void what_an_operator_types_cannot_change_the_path(void **state)
{
    (void)state;
    struct buffer out = {0};
    http_put_escaped(&out, "A7");
    http_put_escaped(&out, "../x?y&z=%é ");
    assert_string_equal(buffer_text(&out), "A7..%2Fx%3Fy%26z%3D%25%C3%A9%20");
    buffer_free(&out);
}

/* A daemon for one connection: reads to the end of the stream, keeps what it read, and answers. */
struct small_daemon {
    char folder[TEMPORARY_NAME_SIZE], path[TEMPORARY_NAME_SIZE + sizeof "/socket"];
    int listener;
    const char *answer;
    struct buffer heard;
    pthread_t thread;
};

static void *serve(void *context)
{
    struct small_daemon *daemon = context;
    int connection = accept(daemon->listener, NULL, NULL);
    char piece[256];
    for (ssize_t got; (got = read(connection, piece, sizeof piece)) > 0;)
        buffer_put(&daemon->heard, piece, (size_t)got);
    (void)!write(connection, daemon->answer, strlen(daemon->answer));
    (void)close(connection);
    return NULL;
}

static void start_daemon(struct small_daemon *daemon, const char *answer)
{
    *daemon = (struct small_daemon){.answer = answer};
    temporary_name("test_ctl_doors", daemon->folder);
    assert_non_null(mkdtemp(daemon->folder));
    (void)snprintf(daemon->path, sizeof daemon->path, "%s/socket", daemon->folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, daemon->path, strlen(daemon->path));
    daemon->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(daemon->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(daemon->listener, 1), 0);
    assert_int_equal(pthread_create(&daemon->thread, NULL, serve, daemon), 0);
}

static void stop_daemon(struct small_daemon *daemon)
{
    assert_int_equal(pthread_join(daemon->thread, NULL), 0);
    (void)close(daemon->listener);
    (void)unlink(daemon->path);
    (void)rmdir(daemon->folder);
    buffer_free(&daemon->heard);
}

static void the_socket_takes_a_whole_plan_and_gives_the_answer(void **state)
{
    (void)state;
    struct small_daemon daemon;
    struct submit_answer answer = {0};
    struct tc_fault fault;
    struct buffer plan = {0};
    for (int i = 0; i < 20000; i++)
        buffer_format(&plan, "# line %d\n", i);
    start_daemon(&daemon, "{\"rollout\":42,\"existing\":false}");
    const struct submit_plan submitted = {buffer_text(&plan), plan.length, NULL};
    assert_int_equal(submit_by_socket(daemon.path, &submitted, &answer, &fault), TC_OK);
    assert_int_equal(answer.status, 201);
    assert_int_equal(daemon.heard.length, plan.length);
    assert_memory_equal(daemon.heard.bytes, plan.bytes, plan.length);
    json_decref(answer.document);
    buffer_free(&plan);
    stop_daemon(&daemon);
}

static void a_daemon_that_hangs_up_without_a_word_is_a_fault(void **state)
{
    (void)state;
    struct small_daemon daemon;
    struct submit_answer answer = {0};
    struct tc_fault fault;
    start_daemon(&daemon, "");
    const struct submit_plan submitted = {"x", 1, NULL};
    assert_int_equal(submit_by_socket(daemon.path, &submitted, &answer, &fault), TC_INTERNAL);
    stop_daemon(&daemon);
}

static void a_endpoint_that_is_not_there_is_unavailable(void **state)
{
    (void)state;
    struct submit_answer answer = {0};
    struct tc_fault fault;
    struct http *http;
    const struct submit_plan submitted = {"x", 1, NULL};
    assert_int_equal(submit_by_socket("/nonexistent/socket", &submitted, &answer, &fault), TC_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "/nonexistent/socket"));
    assert_int_equal(http_open(&(struct http_options){.server = "http://127.0.0.1:1/"}, &http, &fault), TC_OK);
    assert_int_equal(submit_by_http(http, &submitted, &answer, &fault), TC_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "http://127.0.0.1:1: "));
    http_close(http);
    const struct submit_broker broker = {.address = "127.0.0.1:1", .user = "alice", .root = "tc/v1"};
    assert_int_equal(submit_by_mqtt(&broker, &submitted, &answer, &fault), TC_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "broker 127.0.0.1:1: "));
}

static void a_token_or_a_password_is_not_sent_where_others_can_read_it(void **state)
{
    (void)state;
    static const struct {
        const char *server, *proxy;
        bool is_sent;
    } ways[] = {
        {"http://127.0.0.1:1", "", true},
        {"http://localhost:1/", "", true},
        {"http://[::1]:1", "http://127.0.0.1:3128", true},
        {"https://tc.bank.example", "", true},
        {"HTTPS://tc.bank.example", "http://proxy:3128", true},
        {"127.0.0.1:1", "", true},
        {"http://tc.bank.example", "", false},
        {"http://192.0.2.1:8080", "", false},
        {"tc.bank.example:8080", "", false},
        {"http://127.0.0.1.evil.example", "", false},
        {"http://127.0.0.1:1", "http://proxy:3128", false},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct url_proxy proxy = {0};
        struct tc_fault fault = {0};
        struct http *http;
        (void)snprintf(proxy.address, sizeof proxy.address, "%s", ways[i].proxy);
        struct http_options options = {.server = ways[i].server, .token_file = "/none", .proxy = &proxy};
        /* The file is read, and missing, where the token would be sent. */
        assert_int_equal(http_open(&options, &http, &fault), ways[i].is_sent ? TC_NOT_FOUND : TC_DENIED);
        assert_true(ways[i].is_sent || strstr(fault.text, "the token is not sent") != NULL);
        options.token_file = NULL;
        assert_int_equal(http_open(&options, &http, &fault), TC_OK);
        http_close(http);
    }
    const struct submit_plan plan = {"x", 1, NULL};
    static const char *const brokers[] = {"broker.bank.example:1883", "mqtt://192.0.2.1:1883", "[2001:db8::1]:1883"};
    for (size_t i = 0; i < sizeof brokers / sizeof *brokers; i++) {
        struct submit_answer answer = {0};
        struct tc_fault fault = {0};
        const struct submit_broker broker = {
            .address = brokers[i], .user = "alice", .root = "tc/v1", .password_file = "/none"};
        assert_int_equal(submit_by_mqtt(&broker, &plan, &answer, &fault), TC_DENIED);
        assert_non_null(strstr(fault.text, "the password is not sent"));
    }
    static const char *const good[] = {"127.0.0.1:1", "mqtt://[::1]:1", "mqtts://broker.bank.example:8883"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct submit_answer answer = {0};
        struct tc_fault fault = {0};
        const struct submit_broker broker = {
            .address = good[i], .user = "alice", .root = "tc/v1", .password_file = "/none"};
        assert_int_equal(submit_by_mqtt(&broker, &plan, &answer, &fault), TC_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_endpoint_s_answer_has_a_status),
        cmocka_unit_test(an_answer_that_makes_no_sense_is_refused),
        cmocka_unit_test(what_an_operator_types_cannot_change_the_path),
        cmocka_unit_test(the_socket_takes_a_whole_plan_and_gives_the_answer),
        cmocka_unit_test(a_daemon_that_hangs_up_without_a_word_is_a_fault),
        cmocka_unit_test(a_endpoint_that_is_not_there_is_unavailable),
        cmocka_unit_test(a_token_or_a_password_is_not_sent_where_others_can_read_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
