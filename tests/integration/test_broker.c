#include "orchestrator/metrics/metrics.h"
#include "tests/integration/broker_sides.h"

#include <mqtt_protocol.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_message_comes_with_its_topic_and_its_payload(void **state)
{
    const struct broker_fixture *fixture = *state;
    struct peer *peer = peer_open(&fixture->server, NULL);
    peer_publish(peer, "tc/v1/device/ATM-7/reply", "12345", 1);
    WAIT_FOR(fixture->side->count == 1);
    assert_int_equal(fixture->side->topic.kind, TOPIC_REPLY);
    assert_string_equal(fixture->side->topic.device, "ATM-7");
    assert_int_equal(fixture->side->length, 5);
    assert_int_equal(fixture->side->numbers[0], 12345);
    assert_string_equal(fixture->side->response_topic, "");
    assert_string_equal(fixture->side->correlation, "");
    peer_close(peer);
}

static void an_empty_message_is_a_message(void **state)
{
    const struct broker_fixture *fixture = *state;
    struct peer *peer = peer_open(&fixture->server, "tc/v1/device/+/instruction");
    peer_publish(peer, "tc/v1/device/ATM-7/ask", "", 0);
    WAIT_FOR(fixture->side->count == 1);
    assert_int_equal(fixture->side->length, 0);
    struct topic topic = {.kind = TOPIC_INSTRUCTION, .device = "ATM-7"};
    assert_int_equal(broker_publish(fixture->side->broker, &topic, NULL, 0, 1, false, NULL), TC_OK);
    WAIT_FOR(peer->count == 1);
    peer_close(peer);
}

static void a_submission_brings_its_response_topic_and_the_answer_finds_its_way_back(void **state)
{
    const struct broker_fixture *fixture = *state;
    struct peer *peer = peer_open(&fixture->server, "tc/v1/operator/alice/#");
    mosquitto_property *properties = NULL;
    (void)mosquitto_property_add_string(&properties, MQTT_PROP_RESPONSE_TOPIC, "tc/v1/operator/alice/1");
    (void)mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, "c-1", 3);
    assert_int_equal(
        mosquitto_publish_v5(peer->mosquitto, NULL, "tc/v1/rollout/submit", 4, "plan", 1, false, properties),
        MOSQ_ERR_SUCCESS);
    mosquitto_property_free_all(&properties);
    WAIT_FOR(fixture->side->count == 1);
    assert_int_equal(fixture->side->topic.kind, TOPIC_SUBMIT);
    assert_string_equal(fixture->side->response_topic, "tc/v1/operator/alice/1");
    assert_string_equal(fixture->side->correlation, "c-1");

    assert_int_equal(broker_respond(fixture->side->broker, "tc/v1/operator/alice/1", "c-1", 3, "done", 4), TC_OK);
    WAIT_FOR(peer->count == 1);
    assert_string_equal(peer->payload, "done");
    assert_string_equal(peer->correlation, "c-1");
    peer_close(peer);
}

static void a_retained_message_is_there_for_who_comes_later(void **state)
{
    const struct broker_fixture *fixture = *state;
    struct broker_batch batch = {0};
    assert_int_equal(side_publish(fixture->side, TOPIC_EPOCH, "7", 1, true, &batch), TC_OK);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &batch, SERVER_DEADLINE_MS), TC_OK);
    struct side *later = side_open(&fixture->server, "tellercastd-2", 10);
    WAIT_FOR(later->count == 1);
    assert_true(later->retained);
    assert_int_equal(later->topic.kind, TOPIC_EPOCH);
    assert_int_equal(later->numbers[0], 7);
    side_close(later);
}

static void what_is_too_large_is_refused_and_counted_but_a_plan_whose_sender_is_to_be_told(void **state)
{
    const struct broker_fixture *fixture = *state;
    struct peer *peer = peer_open(&fixture->server, NULL);
    int64_t refused_before = metric_value(METRIC_BROKER_MESSAGES_REFUSED);
    char *large = calloc(1, PLAN_SIZE_MAX + 1);
    struct mosquitto *mosquitto = peer->mosquitto;
    assert_int_equal(mosquitto_publish(mosquitto, NULL, "tc/v1/device/A/reply", MESSAGE_SIZE_MAX + 1, large, 1, false),
                     0);
    assert_int_equal(mosquitto_publish(mosquitto, NULL, "tc/v1/rollout/submit", PLAN_SIZE_MAX + 1, large, 1, false), 0);
    WAIT_FOR(fixture->side->count == 1);
    assert_int_equal(fixture->side->topic.kind, TOPIC_SUBMIT);
    assert_int_equal(fixture->side->length, PLAN_SIZE_MAX + 1);
    assert_int_equal(mosquitto_publish(mosquitto, NULL, "tc/v1/device/A/reply", MESSAGE_SIZE_MAX, large, 1, false), 0);
    WAIT_FOR(fixture->side->count == 2);
    assert_int_equal(fixture->side->topic.kind, TOPIC_REPLY);
    assert_int_equal(fixture->side->length, MESSAGE_SIZE_MAX);
    assert_int_equal(metric_value(METRIC_BROKER_MESSAGES_REFUSED), refused_before + 1);
    free(large);
    peer_close(peer);
}

static void a_topic_that_is_not_ours_is_refused_and_counted(void **state)
{
    const struct broker_fixture *fixture = *state;
    struct peer *peer = peer_open(&fixture->server, NULL);
    int64_t refused_before = metric_value(METRIC_BROKER_MESSAGES_REFUSED);
    peer_publish(peer, "tc/v1/device/no such id!/reply", "1", 1);
    peer_publish(peer, "tc/v1/device/A/reply", "2", 1);
    WAIT_FOR(fixture->side->count == 1);
    assert_int_equal(fixture->side->numbers[0], 2);
    assert_int_equal(metric_value(METRIC_BROKER_MESSAGES_REFUSED), refused_before + 1);
    peer_close(peer);
}

static void a_handler_that_waits_stops_the_reading_but_not_the_publishing_and_loses_nothing(void **state)
{
    enum { COUNT = 5000 };
    const struct broker_fixture *fixture = *state;
    struct side *side = fixture->side;
    struct peer *peer = peer_open(&fixture->server, "tc/v1/device/+/confirm");
    side->hold = true;
    for (int i = 0; i < COUNT; i++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%d", i);
        peer_publish(peer, "tc/v1/device/ATM-7/reply", number, 1);
    }
    WAIT_FOR(side->holding);

    struct broker_batch batch = {0};
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(side_publish(side, TOPIC_CONFIRM, "c", i % 2, false, &batch), TC_OK);
    assert_int_equal(broker_batch_wait(side->broker, &batch, SERVER_DEADLINE_MS), TC_OK);
    WAIT_FOR(peer->count == COUNT);
    assert_int_equal(side->count, 0);

    side->hold = false;
    WAIT_FOR(side->count == COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(side->numbers[i], i);
    peer_close(peer);
}

static void two_orchestrators_share_the_messages_each_going_to_one(void **state)
{
    enum { COUNT = 1000 };
    const struct broker_fixture *fixture = *state;
    struct side *other = side_open(&fixture->server, "tellercastd-2", 10);
    WAIT_FOR(other->connected);
    struct peer *peer = peer_open(&fixture->server, NULL);
    for (int i = 0; i < COUNT; i++)
        peer_publish(peer, "tc/v1/device/ATM-7/reply", "1", 1);
    WAIT_FOR(fixture->side->count + other->count == COUNT);
    assert_true(fixture->side->count > 0);
    assert_true(other->count > 0);
    peer_close(peer);
    side_close(other);
}

static void more_messages_than_may_be_under_way_all_arrive(void **state)
{
    enum { COUNT = 500 };
    const struct broker_fixture *fixture = *state;
    struct side *narrow = side_open(&fixture->server, "tellercastd-2", 3);
    WAIT_FOR(narrow->connected);
    struct peer *peer = peer_open(&fixture->server, "tc/v1/device/+/confirm");
    struct broker_batch batch = {0};
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(side_publish(narrow, TOPIC_CONFIRM, "1", 1, false, &batch), TC_OK);
    assert_int_equal(broker_batch_wait(narrow->broker, &batch, SERVER_DEADLINE_MS), TC_OK);
    WAIT_FOR(peer->count == COUNT);
    peer_close(peer);
    side_close(narrow);
}

static void what_was_published_before_closing_still_goes_out(void **state)
{
    enum { COUNT = 1500 };
    const struct broker_fixture *fixture = *state;
    struct side *leaving = side_open(&fixture->server, "tellercastd-2", 100);
    WAIT_FOR(leaving->connected);
    struct peer *peer = peer_open(&fixture->server, "tc/v1/device/+/confirm");
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(side_publish(leaving, TOPIC_CONFIRM, "1", i % 2, false, NULL), TC_OK);
    side_close(leaving);
    WAIT_FOR(peer->count == COUNT);
    peer_close(peer);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_BROKER(a_message_comes_with_its_topic_and_its_payload),
        WITH_BROKER(an_empty_message_is_a_message),
        WITH_BROKER(a_submission_brings_its_response_topic_and_the_answer_finds_its_way_back),
        WITH_BROKER(a_retained_message_is_there_for_who_comes_later),
        WITH_BROKER(what_is_too_large_is_refused_and_counted_but_a_plan_whose_sender_is_to_be_told),
        WITH_BROKER(a_topic_that_is_not_ours_is_refused_and_counted),
        WITH_BROKER(a_handler_that_waits_stops_the_reading_but_not_the_publishing_and_loses_nothing),
        WITH_BROKER(two_orchestrators_share_the_messages_each_going_to_one),
        WITH_BROKER(more_messages_than_may_be_under_way_all_arrive),
        WITH_BROKER(what_was_published_before_closing_still_goes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
