#include "orchestrator/intake/socket.h"

#include "base/clock.h"
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

struct hall {
    struct batch_queue *orders;
    struct funnel *funnel;
    struct socket_door *door;
};

static enum tc_error open_door(struct hall *hall, int idle_ms, struct tc_fault *fault)
{
    return socket_door_open(
        &(struct socket_door_config){
            .path = path, .funnel = hall->funnel, .connection_limit = CLIENTS, .idle_ms = idle_ms},
        &hall->door, fault);
}

static struct hall open_hall(int idle_ms)
{
    struct hall hall = {.orders = batch_queue_open(sizeof(struct order *), 16)};
    struct tc_fault fault;
    assert_int_equal(funnel_open(hall.orders, LONG_MS, &hall.funnel, &fault), TC_OK);
    assert_int_equal(open_door(&hall, idle_ms, &fault), TC_OK);
    return hall;
}

static void close_hall(struct hall *hall)
{
    funnel_stop(hall->funnel, 0);
    socket_door_close(hall->door);
    funnel_close(hall->funnel);
    batch_queue_free(hall->orders);
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

static void say(int handle, const char *bytes, size_t length)
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
    say(handle, document, strlen(document));
    assert_int_equal(shutdown(handle, SHUT_WR), 0);
}

/* Reads up to the end. */
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

static struct order *take(struct hall *hall)
{
    struct order *order = NULL;
    assert_int_equal(batch_queue_take(hall->orders, &order, 1, DEADLINE_MS, 0), 1);
    return order;
}

static void answer(struct order *order, int status, const char *body)
{
    order->answered(order, &(struct order_answer){status, body, strlen(body)});
}

static void a_plan_is_ordered_by_the_user_at_the_other_end_and_answered(void **state)
{
    (void)state;
    struct hall hall = open_hall(LONG_MS);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    int handle = client();
    say(handle, "pl", 2);
    submit(handle, "an");
    struct order *order = take(&hall);
    assert_int_equal(order->door, DOOR_SOCKET);
    assert_string_equal(order->author, getpwuid(getuid())->pw_name);
    assert_int_equal(order->length, 4);
    assert_memory_equal(order->document, "plan", 4);
    answer(order, 201, "{\"rollout\":1}");
    expect(handle, "{\"rollout\":1}\n");
    close_hall(&hall);
}

static void a_client_that_waits_or_says_nothing_holds_up_nobody(void **state)
{
    (void)state;
    struct hall hall = open_hall(LONG_MS);
    int silent = client(), waiting = client();
    submit(waiting, "first");
    struct order *first = take(&hall);
    for (int i = 0; i < 2 * CLIENTS; i++) {
        int handle = client();
        submit(handle, "other");
        answer(take(&hall), 200, "{\"rollout\":2}");
        expect(handle, "{\"rollout\":2}");
    }
    answer(first, 201, "{\"rollout\":1}");
    expect(waiting, "{\"rollout\":1}");
    (void)close(silent);
    close_hall(&hall);
}

static void more_clients_than_places_wait_for_their_turn(void **state)
{
    (void)state;
    struct hall hall = open_hall(LONG_MS);
    int handles[3 * CLIENTS];
    for (int i = 0; i < 3 * CLIENTS; i++) {
        handles[i] = client();
        submit(handles[i], "plan");
    }
    for (int i = 0; i < 3 * CLIENTS; i++)
        answer(take(&hall), 201, "{\"rollout\":1}");
    for (int i = 0; i < 3 * CLIENTS; i++)
        expect(handles[i], "{\"rollout\":1}");
    close_hall(&hall);
}

static void a_plan_over_the_limit_is_refused_whenever_its_sender_reads(void **state)
{
    (void)state;
    struct hall hall = open_hall(LONG_MS);
    char *document = calloc(2, PLAN_SIZE_MAX);
    for (size_t length = PLAN_SIZE_MAX + 1; length <= (size_t)2 * PLAN_SIZE_MAX; length += PLAN_SIZE_MAX - 1) {
        int handle = client();
        say(handle, document, length);
        assert_int_equal(shutdown(handle, SHUT_WR), 0);
        expect(handle, "\"status\":413");
    }
    int handle = client();
    say(handle, document, PLAN_SIZE_MAX);
    assert_int_equal(shutdown(handle, SHUT_WR), 0);
    struct order *order = take(&hall);
    assert_int_equal(order->length, PLAN_SIZE_MAX);
    answer(order, 201, "{}");
    expect(handle, "{}");
    free(document);
    close_hall(&hall);
}

static void a_plan_that_does_not_end_is_given_up(void **state)
{
    (void)state;
    struct hall hall = open_hall(SHORT_MS);
    int handle = client();
    say(handle, "plan", 4);
    expect(handle, "\"status\":408");
    close_hall(&hall);
}

static void a_sender_that_went_away_does_no_harm(void **state)
{
    (void)state;
    struct hall hall = open_hall(LONG_MS);
    for (int i = 0; i < 2 * CLIENTS; i++) {
        int handle = client();
        submit(handle, "plan");
        struct order *order = take(&hall);
        assert_int_equal(close(handle), 0);
        answer(order, 201, "{}");
    }
    int handle = client();
    submit(handle, "plan");
    answer(take(&hall), 201, "{}");
    expect(handle, "{}");
    close_hall(&hall);
}

static void closing_answers_those_that_wait(void **state)
{
    (void)state;
    struct hall hall = open_hall(LONG_MS);
    int waiting = client(), silent = client();
    submit(waiting, "plan");
    struct order *order = take(&hall);
    close_hall(&hall);
    expect(waiting, "\"status\":503");
    expect(silent, "");
    answer(order, 201, "{}");
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(close(stale), 0);

    struct hall hall = open_hall(LONG_MS);
    struct hall second = {.funnel = hall.funnel};
    struct tc_fault fault;
    assert_int_equal(open_door(&second, LONG_MS, &fault), TC_CONFLICT);
    assert_non_null(strstr(fault.text, "another process listens"));
    int handle = client();
    submit(handle, "plan");
    answer(take(&hall), 201, "{}");
    expect(handle, "{}");
    close_hall(&hall);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    (void)state;
    struct hall hall = {0};
    struct tc_fault fault;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_door(&hall, LONG_MS, &fault), TC_CONFLICT);
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
        cmocka_unit_test(a_client_that_waits_or_says_nothing_holds_up_nobody),
        cmocka_unit_test(more_clients_than_places_wait_for_their_turn),
        cmocka_unit_test(a_plan_over_the_limit_is_refused_whenever_its_sender_reads),
        cmocka_unit_test(a_plan_that_does_not_end_is_given_up),
        cmocka_unit_test(a_sender_that_went_away_does_no_harm),
        cmocka_unit_test(closing_answers_those_that_wait),
        cmocka_unit_test(a_stale_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
