/* What an agent and its privileged half send each other. */
#include "base/clock.h"
#include "clients/agent/action/handover.h"
#include "topics/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG = 2500, WAIT_MS = 300 };

static void open_pair(int ends[static 2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void close_pair(const int ends[static 2])
{
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* The pieces that wait, joined; each is a text of its own. */
static void receive_log(int connection, char *joined)
{
    struct handover_answer answer;
    struct tc_fault fault;
    joined[0] = '\0';
    while (handover_receive_answer(connection, &answer, 0, &fault) == TC_OK) {
        assert_int_equal(answer.kind, HANDOVER_LOG);
        memcpy(joined + strlen(joined), answer.text, strlen(answer.text) + 1);
    }
}

static void a_log_arrives_in_pieces_of_whole_characters(void **state)
{
    (void)state;
    int ends[2];
    char text[3 * LONG + 1] = "", joined[3 * LONG + 1];
    for (size_t i = 0; i < LONG; i++)
        memcpy(text + 3 * i, "\xe2\x82\xac", 4);
    open_pair(ends);
    handover_send_log(ends[0], text, (size_t)3 * LONG, WAIT_MS);
    receive_log(ends[1], joined);
    assert_string_equal(joined, text);
    close_pair(ends);
}

static void bytes_of_no_character_arrive_as_a_question(void **state)
{
    (void)state;
    int ends[2];
    char joined[64];
    static const char text[] = "\xaboff \xc3* on\xe2";
    open_pair(ends);
    handover_send_log(ends[0], text, strlen(text), WAIT_MS);
    receive_log(ends[1], joined);
    assert_string_equal(joined, "?off ?* on?");
    close_pair(ends);
}

static void an_agent_that_takes_nothing_delays_a_log_once_and_not_for_each_piece(void **state)
{
    (void)state;
    int ends[2];
    static char text[INSTALL_LOG_MAX];
    memset(text, 'x', sizeof text);
    open_pair(ends);
    const int size = 1;
    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    int64_t begin_ms = clock_monotonic_ms();
    handover_send_log(ends[0], text, sizeof text, WAIT_MS);
    int64_t took_ms = clock_monotonic_ms() - begin_ms;
    assert_true(took_ms >= WAIT_MS && took_ms < INT64_C(10) * WAIT_MS);
    close_pair(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_arrives_in_pieces_of_whole_characters),
        cmocka_unit_test(bytes_of_no_character_arrive_as_a_question),
        cmocka_unit_test(an_agent_that_takes_nothing_delays_a_log_once_and_not_for_each_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
