#include "orchestrator/intake/socket.h"

#include "base/clock.h"
#include "orchestrator/worker/ending.h"
#include "tests/unit/temporary_folder.h"
#include "topics/topic.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000, LONG_MS = 600000, SHORT_MS = 50, CLIENTS = 3 };

static char folder[TEMPORARY_NAME_SIZE], path[TEMPORARY_NAME_SIZE + sizeof "/socket"];

static bool is_strict; /* without insecure_loopback */

struct endpoint_fixture {
    struct batch_queue *submissions;
    struct submission_gateway *gateway;
    struct socket_endpoint *endpoint;
};

static enum tc_error open_endpoint(struct endpoint_fixture *fixture, int idle_ms, struct tc_fault *fault)
{
    return socket_endpoint_open(&(struct socket_endpoint_config){.path = path,
                                                                 .gateway = fixture->gateway,
                                                                 .connection_limit = CLIENTS,
                                                                 .idle_ms = idle_ms,
                                                                 .insecure_loopback = !is_strict},
                                &fixture->endpoint, fault);
}

static struct endpoint_fixture open_fixture(int idle_ms)
{
    struct endpoint_fixture fixture = {.submissions = batch_queue_open(sizeof(struct submission *), 16)};
    struct tc_fault fault;
    assert_int_equal(submission_gateway_open(fixture.submissions, LONG_MS, &fixture.gateway, &fault), TC_OK);
    assert_int_equal(open_endpoint(&fixture, idle_ms, &fault), TC_OK);
    return fixture;
}

static void close_fixture(struct endpoint_fixture *fixture)
{
    submission_gateway_stop(fixture->gateway, 0);
    socket_endpoint_close(fixture->endpoint);
    submissions_drop(fixture->submissions);
    submission_gateway_close(fixture->gateway);
    batch_queue_free(fixture->submissions);
    assert_int_equal(access(path, F_OK), -1);
}

static int client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int handle = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(handle, (struct sockaddr *)&address, sizeof address), 0);
    return handle;
}

static void send_bytes(int handle, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(handle, bytes, length, MSG_NOSIGNAL);
        assert_true(sent > 0);
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void submit(int handle, const char *document)
{
    send_bytes(handle, document, strlen(document));
    assert_int_equal(shutdown(handle, SHUT_WR), 0);
}

/* Reads until the end of the stream. */
static void expect(int handle, const char *wanted)
{
    char text[1024] = "";
    size_t length = 0;
    for (;;) {
        struct pollfd polled = {.fd = handle, .events = POLLIN};
        assert_int_equal(poll(&polled, 1, DEADLINE_MS), 1);
        ssize_t got = recv(handle, text + length, sizeof text - 1 - length, 0);
        assert_true(got >= 0 || errno == ECONNRESET);
        if (got <= 0)
            break;
        length += (size_t)got;
        text[length] = '\0';
    }
    if (strstr(text, wanted) == NULL)
        fail_msg("found: %s, wanted: %s", text, wanted);
    assert_int_equal(close(handle), 0);
}

static struct submission *take(struct endpoint_fixture *fixture)
{
    struct submission *submission = NULL;
    assert_int_equal(batch_queue_take(fixture->submissions, &submission, 1, DEADLINE_MS, 0), 1);
    return submission;
}

static void answer(struct submission *submission, int status, const char *body)
{
    submission->answered(submission,
                         &(struct submission_answer){.status = status, .body = body, .length = strlen(body)});
}

static void a_plan_is_ordered_by_the_user_at_the_other_end_and_answered(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(LONG_MS);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    int handle = client();
    send_bytes(handle, "pl", 2);
    submit(handle, "an");
    struct submission *submission = take(&fixture);
    assert_int_equal(submission->endpoint, ENDPOINT_SOCKET);
    assert_string_equal(submission->author, "loopback"); /* nobody is linked to the user of this test */
    assert_int_equal(submission->length, 4);
    assert_memory_equal(submission->document, "plan", 4);
    answer(submission, 201, "{\"rollout\":1}");
    expect(handle, "{\"rollout\":1}\n");
    close_fixture(&fixture);
}

static void a_unix_user_who_is_no_person_is_refused_by_name(void **state)
{
    (void)state;
    char wanted[128];
    is_strict = true;
    struct endpoint_fixture fixture = open_fixture(LONG_MS);
    is_strict = false;
    int handle = client();
    submit(handle, "plan");
    (void)snprintf(wanted, sizeof wanted, "%s is linked to no person", getpwuid(getuid())->pw_name);
    expect(handle, wanted);
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    close_fixture(&fixture);
}

static void a_client_that_waits_or_says_nothing_holds_up_nobody(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(LONG_MS);
    int silent = client(), waiting = client();
    submit(waiting, "first");
    struct submission *first = take(&fixture);
    for (int i = 0; i < 2 * CLIENTS; i++) {
        int handle = client();
        submit(handle, "other");
        answer(take(&fixture), 200, "{\"rollout\":2}");
        expect(handle, "{\"rollout\":2}");
    }
    answer(first, 201, "{\"rollout\":1}");
    expect(waiting, "{\"rollout\":1}");
    (void)close(silent);
    close_fixture(&fixture);
}

static void more_clients_than_places_wait_for_their_turn(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(LONG_MS);
    int handles[3 * CLIENTS];
    for (int i = 0; i < 3 * CLIENTS; i++) {
        handles[i] = client();
        submit(handles[i], "plan");
    }
    for (int i = 0; i < 3 * CLIENTS; i++)
        answer(take(&fixture), 201, "{\"rollout\":1}");
    for (int i = 0; i < 3 * CLIENTS; i++)
        expect(handles[i], "{\"rollout\":1}");
    close_fixture(&fixture);
}

static void a_plan_over_the_limit_is_refused_whenever_its_sender_reads(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(LONG_MS);
    char *document = calloc(2, PLAN_SIZE_MAX);
    for (size_t length = PLAN_SIZE_MAX + 1; length <= (size_t)2 * PLAN_SIZE_MAX; length += PLAN_SIZE_MAX - 1) {
        int handle = client();
        send_bytes(handle, document, length);
        assert_int_equal(shutdown(handle, SHUT_WR), 0);
        expect(handle, "\"status\":413");
    }
    int handle = client();
    send_bytes(handle, document, PLAN_SIZE_MAX);
    assert_int_equal(shutdown(handle, SHUT_WR), 0);
    struct submission *submission = take(&fixture);
    assert_int_equal(submission->length, PLAN_SIZE_MAX);
    answer(submission, 201, "{}");
    expect(handle, "{}");
    free(document);
    close_fixture(&fixture);
}

static void a_plan_that_does_not_end_is_given_up(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(SHORT_MS);
    int handle = client();
    send_bytes(handle, "plan", 4);
    expect(handle, "\"status\":408");
    close_fixture(&fixture);
}

static void a_sender_that_went_away_does_no_harm(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(LONG_MS);
    for (int i = 0; i < 2 * CLIENTS; i++) {
        int handle = client();
        submit(handle, "plan");
        struct submission *submission = take(&fixture);
        assert_int_equal(close(handle), 0);
        answer(submission, 201, "{}");
    }
    int handle = client();
    submit(handle, "plan");
    answer(take(&fixture), 201, "{}");
    expect(handle, "{}");
    close_fixture(&fixture);
}

static void closing_answers_those_that_wait(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(LONG_MS);
    int waiting = client(), silent = client();
    submit(waiting, "plan");
    struct submission *submission = take(&fixture);
    close_fixture(&fixture);
    expect(waiting, "\"status\":503");
    expect(silent, "");
    answer(submission, 201, "{}");
}

/* Opens an endpoint with a client that does not read its answer, which is larger than the socket's buffer. Returns how
 * long it takes to close the endpoint. */
static int64_t close_with_a_client_that_does_not_read(const char *long_answer)
{
    struct endpoint_fixture fixture = open_fixture(LONG_MS);
    int deaf = client();
    submit(deaf, "plan");
    answer(take(&fixture), 201, long_answer);
    int64_t began_ms = clock_monotonic_ms();
    close_fixture(&fixture);
    int64_t took_ms = clock_monotonic_ms() - began_ms;
    assert_int_equal(close(deaf), 0);
    return took_ms;
}

/* A loaded machine can delay one closing, but hardly three. */
static void a_client_that_does_not_read_its_answer_leaves_the_shutdown_its_time(void **state)
{
    (void)state;
    enum { ANSWER_SIZE = 8 * 1024 * 1024, TRIES = 3 };
    const int64_t left_ms = END_MS - END_ANSWERS_MS - END_REQUESTS_MS - END_BROKER_MS;
    char *long_answer = calloc(1, ANSWER_SIZE + 1);
    assert_non_null(long_answer);
    memset(long_answer, ' ', ANSWER_SIZE);
    int64_t shortest_ms = INT64_MAX;
    for (int i = 0; i < TRIES && shortest_ms >= left_ms; i++) {
        int64_t took_ms = close_with_a_client_that_does_not_read(long_answer);
        shortest_ms = took_ms < shortest_ms ? took_ms : shortest_ms;
    }
    free(long_answer);
    assert_in_range(shortest_ms, 0, left_ms - 1);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(close(stale), 0);

    struct endpoint_fixture fixture = open_fixture(LONG_MS);
    struct endpoint_fixture second = {.gateway = fixture.gateway};
    struct tc_fault fault;
    assert_int_equal(open_endpoint(&second, LONG_MS, &fault), TC_CONFLICT);
    assert_non_null(strstr(fault.text, "another process listens"));
    int handle = client();
    submit(handle, "plan");
    answer(take(&fixture), 201, "{}");
    expect(handle, "{}");
    close_fixture(&fixture);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = {0};
    struct tc_fault fault;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_endpoint(&fixture, LONG_MS, &fault), TC_CONFLICT);
    assert_int_equal(unlink(path), 0);
}

static int make_folder(void **state)
{
    (void)state;
    temporary_name("test_socket_door", folder);
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_ordered_by_the_user_at_the_other_end_and_answered),
        cmocka_unit_test(a_unix_user_who_is_no_person_is_refused_by_name),
        cmocka_unit_test(a_client_that_waits_or_says_nothing_holds_up_nobody),
        cmocka_unit_test(more_clients_than_places_wait_for_their_turn),
        cmocka_unit_test(a_plan_over_the_limit_is_refused_whenever_its_sender_reads),
        cmocka_unit_test(a_plan_that_does_not_end_is_given_up),
        cmocka_unit_test(a_sender_that_went_away_does_no_harm),
        cmocka_unit_test(closing_answers_those_that_wait),
        cmocka_unit_test(a_client_that_does_not_read_its_answer_leaves_the_shutdown_its_time),
        cmocka_unit_test(a_stale_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
