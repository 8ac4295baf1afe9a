#include "base/thread.h"
#include "tests/integration/broker_sides.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int set_up_for_known_users(void **state)
{
    return broker_set_up_with(state, "allow_anonymous false\n");
}

static void a_broker_that_is_absent_at_first_is_named_and_used_when_it_comes(void **state)
{
    (void)state;
    struct server server;
    server_prepare_mosquitto(&server, "allow_anonymous true\n");
    struct side *side = side_open(&server, "tellercastd-1", 10);
    char reason[256] = "";
    WAIT_FOR((broker_describe(side->broker, reason, sizeof reason), strstr(reason, "refused") != NULL));
    assert_false(broker_is_connected(side->broker));
    assert_int_equal(side_publish(side, TOPIC_CONFIRM, "1", 1, false, NULL), TC_UNAVAILABLE);
    assert_int_equal(side_publish(side, TOPIC_CONFIRM, "1", 0, false, NULL), TC_UNAVAILABLE);
    server_start(&server);
    WAIT_FOR(side->connected);
    assert_true(broker_is_connected(side->broker));
    broker_describe(side->broker, reason, sizeof reason);
    assert_string_equal(reason, "");
    assert_int_equal(side_publish(side, TOPIC_CONFIRM, "1", 1, false, NULL), TC_OK);
    side_close(side);
    server_remove(&server);
}

static void after_a_restart_of_the_broker_every_subscription_is_made_again(void **state)
{
    struct broker_fixture *fixture = *state;
    struct side *side = fixture->side;
    server_end(&fixture->server, SIGKILL);
    WAIT_FOR(!side->connected);
    server_start(&fixture->server);
    WAIT_FOR(side->connected);
    assert_int_equal(side->changes, 3);
    struct peer *peer = peer_open(&fixture->server, NULL);
    peer_publish(peer, "tc/v1/device/ATM-7/ask", "1", 0);
    WAIT_FOR(side->count == 1);
    peer_publish(peer, "tc/v1/device/ATM-7/reply", "1", 1);
    WAIT_FOR(side->count == 2);
    peer_publish(peer, "tc/v1/rollout/submit", "1", 1);
    WAIT_FOR(side->count == 3);
    peer_close(peer);
}

static void a_batch_that_was_under_way_when_the_broker_died_fails(void **state)
{
    struct broker_fixture *fixture = *state;
    struct broker_batch batch = {0};
    assert_int_equal(kill(fixture->server.pid, SIGSTOP), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(side_publish(fixture->side, TOPIC_CONFIRM, "1", 1, false, &batch), TC_OK);
    server_end(&fixture->server, SIGKILL);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &batch, SERVER_DEADLINE_MS), TC_UNAVAILABLE);

    server_start(&fixture->server);
    WAIT_FOR(broker_is_connected(fixture->side->broker));
    assert_int_equal(side_publish(fixture->side, TOPIC_CONFIRM, "1", 1, false, &batch), TC_OK);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &batch, SERVER_DEADLINE_MS), TC_OK);
}

static void a_batch_fails_also_while_the_handler_waits(void **state)
{
    struct broker_fixture *fixture = *state;
    struct broker_batch batch = {0};
    struct peer *peer = peer_open(&fixture->server, NULL);
    fixture->side->hold = true;
    peer_publish(peer, "tc/v1/device/ATM-7/reply", "1", 1);
    WAIT_FOR(fixture->side->holding);
    assert_int_equal(kill(fixture->server.pid, SIGSTOP), 0);
    assert_int_equal(side_publish(fixture->side, TOPIC_CONFIRM, "1", 1, false, &batch), TC_OK);
    server_end(&fixture->server, SIGKILL);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &batch, SERVER_DEADLINE_MS), TC_UNAVAILABLE);
    peer_close(peer);
}

static void a_batch_that_is_not_acknowledged_in_time_is_given_up_and_can_be_used_again(void **state)
{
    struct broker_fixture *fixture = *state;
    struct broker_batch given_up = {0}, later = {0};
    assert_int_equal(kill(fixture->server.pid, SIGSTOP), 0);
    assert_int_equal(side_publish(fixture->side, TOPIC_CONFIRM, "1", 1, false, &given_up), TC_OK);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &given_up, 50), TC_TIMEOUT);
    assert_int_equal(side_publish(fixture->side, TOPIC_CONFIRM, "2", 1, false, &later), TC_OK);
    assert_int_equal(kill(fixture->server.pid, SIGCONT), 0);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &later, SERVER_DEADLINE_MS), TC_OK);
    assert_int_equal(given_up.under_way, 0);
    assert_int_equal(side_publish(fixture->side, TOPIC_CONFIRM, "3", 1, false, &given_up), TC_OK);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &given_up, SERVER_DEADLINE_MS), TC_OK);
}

static void *publish_many(void *argument)
{
    struct side *side = argument;
    while (side_publish(side, TOPIC_CONFIRM, "1", 1, false, NULL) == TC_OK)
        continue;
    return NULL;
}

static void a_publisher_that_waits_for_headroom_is_let_go_when_the_broker_dies(void **state)
{
    struct broker_fixture *fixture = *state;
    pthread_t threads[3];
    assert_int_equal(kill(fixture->server.pid, SIGSTOP), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(thread_start(&threads[i], "publisher", publish_many, fixture->side, NULL), TC_OK);
    server_end(&fixture->server, SIGKILL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void a_connection_that_is_ended_on_purpose_comes_back(void **state)
{
    const struct broker_fixture *fixture = *state;
    broker_reconnect(fixture->side->broker);
    WAIT_FOR(fixture->side->changes >= 3 && fixture->side->connected);
    assert_int_equal(side_publish(fixture->side, TOPIC_CONFIRM, "1", 1, false, NULL), TC_OK);
}

static void a_broker_that_does_not_let_us_in_is_not_connected_and_says_why(void **state)
{
    const struct broker_fixture *fixture = *state;
    char reason[256] = "";
    WAIT_FOR((broker_describe(fixture->side->broker, reason, sizeof reason), strstr(reason, "uthor") != NULL));
    assert_false(fixture->side->connected);
}

/* Makes a key and a self-signed certificate for localhost, as {name}.key and {name}.pem. */
static void make_certificate(const struct server *server, const char *name, char path[static SERVER_PATH_SIZE])
{
    char key_path[SERVER_PATH_SIZE];
    (void)snprintf(path, SERVER_PATH_SIZE, "%s/%s.pem", server->folder, name);
    (void)snprintf(key_path, sizeof key_path, "%s/%s.key", server->folder, name);
    char *const arguments[] = {"openssl", "req",    "-x509",         "-newkey", "ed25519",
                               "-nodes",  "-subj",  "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                               "-keyout", key_path, "-out",          path,      NULL};
    server_run_tool(arguments);
}

static void a_broker_is_spoken_to_over_tls_only_when_its_certificate_is_trusted(void **state)
{
    (void)state;
    struct server server;
    char trusted[SERVER_PATH_SIZE], other[SERVER_PATH_SIZE], settings[3 * SERVER_PATH_SIZE];
    server_prepare_mosquitto(&server, "allow_anonymous true\n");
    make_certificate(&server, "trusted", trusted);
    make_certificate(&server, "other", other);
    (void)snprintf(settings, sizeof settings, "certfile %s\nkeyfile %s/trusted.key\ntls_version tlsv1.3\n", trusted,
                   server.folder);
    server_add_settings(&server, settings);
    server_start(&server);

    struct side *stranger = side_open_with_tls(&server, "tellercastd-2", 10, other);
    char reason[256] = "connecting";
    WAIT_FOR((broker_describe(stranger->broker, reason, sizeof reason), strcmp(reason, "connecting") != 0));
    assert_false(stranger->connected);
    side_close(stranger);

    struct side *side = side_open_with_tls(&server, "tellercastd-1", 10, trusted);
    WAIT_FOR(side->connected);
    struct broker_batch batch = {0};
    assert_int_equal(side_publish(side, TOPIC_REPLY, "9", 1, false, &batch), TC_OK);
    assert_int_equal(broker_batch_wait(side->broker, &batch, SERVER_DEADLINE_MS), TC_OK);
    WAIT_FOR(side->count == 1);
    assert_int_equal(side->numbers[0], 9);
    side_close(side);
    server_remove(&server);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_that_is_absent_at_first_is_named_and_used_when_it_comes),
        WITH_BROKER(after_a_restart_of_the_broker_every_subscription_is_made_again),
        WITH_BROKER(a_batch_that_was_under_way_when_the_broker_died_fails),
        WITH_BROKER(a_batch_fails_also_while_the_handler_waits),
        WITH_BROKER(a_batch_that_is_not_acknowledged_in_time_is_given_up_and_can_be_used_again),
        WITH_BROKER(a_publisher_that_waits_for_headroom_is_let_go_when_the_broker_dies),
        WITH_BROKER(a_connection_that_is_ended_on_purpose_comes_back),
        cmocka_unit_test_setup_teardown(a_broker_that_does_not_let_us_in_is_not_connected_and_says_why,
                                        set_up_for_known_users, broker_tear_down),
        cmocka_unit_test(a_broker_is_spoken_to_over_tls_only_when_its_certificate_is_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
