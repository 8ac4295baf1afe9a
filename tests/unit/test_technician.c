#include "base/clock.h"
#include "clients/agent/technician/technician_call.h"
#include "clients/agent/technician/technician_listener.h"
#include "clients/agent/technician/technician_pace.h"
#include "tests/unit/temporary_folder.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

/* ---- requests ---- */

static void a_request_is_read_as_it_was_written(void **state)
{
    (void)state;
    static const struct technician_request requests[] = {
        {.order = TECHNICIAN_STATUS},
        {.order = TECHNICIAN_HOLD, .for_ms = 7200000, .reason = "Grüße \"x\""},
        {.order = TECHNICIAN_RELEASE},
        {.order = TECHNICIAN_RETRY_CONNECT},
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct technician_request read;
        struct tc_fault fault;
        struct buffer text = {0};
        technician_request_encode(&requests[i], &text);
        assert_int_equal(technician_request_decode(text.bytes, text.length, &read, &fault), TC_OK);
        assert_int_equal(read.order, requests[i].order);
        assert_int_equal(read.for_ms, requests[i].for_ms);
        assert_string_equal(read.reason, requests[i].reason);
        buffer_free(&text);
    }
}

static void a_wrong_request_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "status",
        "{}",
        "{\"do\":\"reboot\"}",
        "{\"do\":7}",
        "{\"do\":\"status\",\"do\":\"status\"}",
        "{\"do\":\"hold\"}",
        "{\"do\":\"hold\",\"for_ms\":7200000}",
        "{\"do\":\"hold\",\"for_ms\":7200000,\"reason\":\"\"}",
        "{\"do\":\"hold\",\"for_ms\":7200000,\"reason\":\"a\\u001b[2J\"}",
        "{\"do\":\"hold\",\"for_ms\":59999,\"reason\":\"x\"}",
        "{\"do\":\"hold\",\"for_ms\":86400001,\"reason\":\"x\"}",
        "{\"do\":\"hold\",\"for_ms\":-1,\"reason\":\"x\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct technician_request read;
        struct tc_fault fault;
        if (technician_request_decode(texts[i], strlen(texts[i]), &read, &fault) == TC_OK)
            fail_msg("%s was read", texts[i]);
        assert_true(fault.text[0] != '\0');
    }
}

/* ---- the socket ---- */

struct agent {
    struct temporary_folder folder;
    char path[100];
    struct technician_listener *listener;
    pthread_t thread;
    atomic_bool stops;
    int served; /* requests */
};

static void serve(void *context, const struct technician_request *request, uid_t user, struct buffer *answer)
{
    struct agent *agent = context;
    agent->served++;
    technician_answer_encode(json_pack("{s:i, s:i}", "order", (int)request->order, "user", (int)user), answer);
}

/* Serves as an agent's runtime does. */
static void *run(void *context)
{
    struct agent *agent = context;
    while (!atomic_load(&agent->stops)) {
        struct pollfd watched = {.fd = technician_listener_descriptor(agent->listener), .events = POLLIN};
        (void)poll(&watched, 1, 20);
        (void)technician_listener_step(agent->listener, clock_boot_ms());
    }
    return NULL;
}

static struct agent agent;

static int open_agent(void **state)
{
    (void)state;
    struct tc_fault fault;
    agent = (struct agent){0};
    temporary_folder_make(&agent.folder);
    (void)snprintf(agent.path, sizeof agent.path, "%s/technician.socket", agent.folder.path);
    const struct technician_listener_config config = {
        .path = agent.path, .group = "", .serve = serve, .context = &agent};
    assert_int_equal(technician_listener_open(&config, &agent.listener, &fault), TC_OK);
    assert_int_equal(pthread_create(&agent.thread, NULL, run, &agent), 0);
    return 0;
}

static int close_agent(void **state)
{
    (void)state;
    atomic_store(&agent.stops, true);
    assert_int_equal(pthread_join(agent.thread, NULL), 0);
    technician_listener_close(agent.listener);
    assert_int_not_equal(access(agent.path, F_OK), 0);
    temporary_folder_remove(&agent.folder);
    return 0;
}

static int connect_to_agent(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int file = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", agent.path);
    assert_int_equal(connect(file, (const struct sockaddr *)&address, sizeof address), 0);
    return file;
}

/* Returns the whole answer of the agent; "": it closed the connection without one. */
static const char *read_answer(int file)
{
    static char text[4096];
    ssize_t length = recv(file, text, sizeof text - 1, 0);
    text[length < 0 ? 0 : length] = '\0';
    (void)close(file);
    return text;
}

static void the_own_user_is_served(void **state)
{
    (void)state;
    const struct technician_request request = {.order = TECHNICIAN_RETRY_CONNECT};
    struct tc_fault fault;
    json_t *answer;
    assert_int_equal(technician_call(agent.path, &request, &answer, &fault), TC_OK);
    assert_true(json_is_true(json_object_get(answer, "ok")));
    const json_t *status = json_object_get(answer, "status");
    assert_int_equal(json_integer_value(json_object_get(status, "order")), TECHNICIAN_RETRY_CONNECT);
    assert_int_equal(json_integer_value(json_object_get(status, "user")), geteuid());
    json_decref(answer);
}

static void an_unreadable_request_is_refused_with_the_reason(void **state)
{
    (void)state;
    char large[TECHNICIAN_REQUEST_SIZE_MAX + 100];
    memset(large, ' ', sizeof large);
    const char *const requests[] = {"reboot", large};
    const size_t lengths[] = {6, sizeof large};
    for (size_t i = 0; i < 2; i++) {
        int file = connect_to_agent();
        assert_int_equal(send(file, requests[i], lengths[i], 0), lengths[i]);
        assert_non_null(strstr(read_answer(file), "\"ok\":false"));
    }
    assert_int_equal(agent.served, 0);
}

static void who_says_nothing_loses_the_connection_and_holds_nobody_up(void **state)
{
    (void)state;
    const struct technician_request request = {.order = TECHNICIAN_STATUS};
    struct tc_fault fault;
    json_t *answer;
    int silent[TECHNICIAN_CONNECTIONS_MAX + 2];
    enum { COUNT = sizeof silent / sizeof *silent };
    for (size_t i = 0; i < COUNT; i++)
        silent[i] = connect_to_agent();
    assert_int_equal(technician_call(agent.path, &request, &answer, &fault), TC_OK);
    json_decref(answer);
    for (size_t i = 0; i < COUNT; i++)
        assert_string_equal(read_answer(silent[i]), "");
}

static void another_user_is_refused_and_learns_why(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can be another user */
    assert_int_equal(chmod(agent.folder.path, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(3);
        const char *answer = read_answer(connect_to_agent());
        bool is_refused = strstr(answer, "\"denied\"") != NULL && strstr(answer, "user 65534 is not served") != NULL;
        _exit(is_refused ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(agent.served, 0);
}

static void a_group_must_exist_and_a_path_must_fit(void **state)
{
    (void)state;
    char path[200];
    struct technician_listener *listener;
    struct tc_fault fault;
    struct technician_listener_config config = {.path = agent.path, .group = "no-such-group", .serve = serve};
    assert_int_equal(technician_listener_open(&config, &listener, &fault), TC_INVALID);
    assert_null(listener);
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    config = (struct technician_listener_config){.path = path, .group = "", .serve = serve};
    assert_int_equal(technician_listener_open(&config, &listener, &fault), TC_INVALID);
}

static void what_is_no_socket_keeps_its_place(void **state)
{
    (void)state;
    char path[200];
    struct technician_listener *listener;
    struct tc_fault fault;
    (void)snprintf(path, sizeof path, "%s/file", agent.folder.path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    const struct technician_listener_config config = {.path = path, .group = "", .serve = serve};
    assert_int_equal(technician_listener_open(&config, &listener, &fault), TC_INVALID);
    assert_non_null(strstr(fault.text, "is no socket"));
    assert_int_equal(access(path, F_OK), 0);
}

static bool is_readable(const struct technician_listener *listener)
{
    struct pollfd watched = {.fd = technician_listener_descriptor(listener), .events = POLLIN};
    return poll(&watched, 1, 0) == 1;
}

/* Leaves the process no file to open. */
static void forbid_files(struct rlimit *before)
{
    int next = dup(STDERR_FILENO);
    assert_true(next >= 0);
    (void)close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
    const struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = before->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void without_files_the_listener_rests_and_serves_later(void **state)
{
    (void)state;
    struct rlimit before;
    atomic_store(&agent.stops, true);
    assert_int_equal(pthread_join(agent.thread, NULL), 0);
    int file = connect_to_agent();
    assert_true(is_readable(agent.listener));
    forbid_files(&before);
    int64_t next_ms = technician_listener_step(agent.listener, 5000);
    bool is_at_rest = !is_readable(agent.listener);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(next_ms, 6000);
    assert_true(is_at_rest);
    assert_int_equal(technician_listener_step(agent.listener, 5999), 6000);
    assert_int_equal(technician_listener_step(agent.listener, 6000), 6000 + TECHNICIAN_WAIT_MS);
    assert_int_equal(send(file, "reboot", 6, 0), 6);
    assert_int_equal(technician_listener_step(agent.listener, 6001), INT64_MAX);
    assert_non_null(strstr(read_answer(file), "\"ok\":false"));
    atomic_store(&agent.stops, false);
    assert_int_equal(pthread_create(&agent.thread, NULL, run, &agent), 0);
}

static void orders_one_after_the_other_keep_a_pace(void **state)
{
    (void)state;
    struct technician_pace pace = {0};
    assert_int_equal(technician_pace_next(&pace, 7), 7);
    assert_int_equal(technician_pace_next(&pace, 8), 7 + TECHNICIAN_PACE_MS);
    assert_int_equal(technician_pace_next(&pace, 9), 7 + INT64_C(2) * TECHNICIAN_PACE_MS);
    assert_int_equal(technician_pace_next(&pace, INT64_C(10) * TECHNICIAN_PACE_MS), INT64_C(10) * TECHNICIAN_PACE_MS);
}

static void without_an_agent_the_caller_learns_why(void **state)
{
    (void)state;
    const struct technician_request request = {.order = TECHNICIAN_STATUS};
    struct tc_fault fault;
    json_t *answer;
    assert_int_equal(technician_call("/nonexistent/technician.socket", &request, &answer, &fault), TC_NOT_FOUND);
    assert_null(answer);
}

#define SERVED(name) cmocka_unit_test_setup_teardown(name, open_agent, close_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_as_it_was_written),
        cmocka_unit_test(a_wrong_request_is_refused),
        SERVED(the_own_user_is_served),
        SERVED(an_unreadable_request_is_refused_with_the_reason),
        SERVED(who_says_nothing_loses_the_connection_and_holds_nobody_up),
        SERVED(another_user_is_refused_and_learns_why),
        SERVED(a_group_must_exist_and_a_path_must_fit),
        SERVED(what_is_no_socket_keeps_its_place),
        SERVED(without_files_the_listener_rests_and_serves_later),
        cmocka_unit_test(orders_one_after_the_other_keep_a_pace),
        cmocka_unit_test(without_an_agent_the_caller_learns_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
