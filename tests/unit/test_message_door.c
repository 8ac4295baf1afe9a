#include "orchestrator/intake/message.h"

#include "base/clock.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000, LONG_MS = 600000 };

/* The broker's end of the door: what was published. */
static atomic_int published;
static char last_topic[128], last_body[256], last_correlation[64];
static int broker_stand_in;

enum tc_error broker_respond(struct broker *broker, const char *response_topic, const void *correlation,
                             size_t correlation_length, const void *payload, size_t length)
{
    TC_CHECK((void *)broker == (void *)&broker_stand_in);
    (void)snprintf(last_topic, sizeof last_topic, "%s", response_topic);
    (void)snprintf(last_correlation, sizeof last_correlation, "%.*s", (int)correlation_length,
                   correlation == NULL ? "" : (const char *)correlation);
    (void)snprintf(last_body, sizeof last_body, "%.*s", (int)length, (const char *)payload);
    published++;
    return TC_OK;
}

struct hall {
    struct batch_queue *orders;
    struct funnel *funnel;
    struct message_door *door;
};

static struct hall open_hall(size_t limit)
{
    struct hall hall = {.orders = batch_queue_open(sizeof(struct order *), limit)};
    struct tc_fault fault;
    assert_int_equal(funnel_open(hall.orders, LONG_MS, &hall.funnel, &fault), TC_OK);
    assert_int_equal(message_door_open("tc/v1", hall.funnel, &hall.door, &fault), TC_OK);
    published = 0;
    return hall;
}

static void close_hall(struct hall *hall)
{
    funnel_stop(hall->funnel, 0);
    message_door_stop(hall->door);
    message_door_close(hall->door);
    funnel_close(hall->funnel);
    batch_queue_free(hall->orders);
}

static void use_broker(struct hall *hall)
{
    message_door_use_broker(hall->door, (struct broker *)(void *)&broker_stand_in);
}

static void send_plan(struct hall *hall, const char *response_topic)
{
    message_door_take(hall->door, &(struct broker_message){.topic = {.kind = TOPIC_SUBMIT},
                                                           .payload = "plan",
                                                           .length = 4,
                                                           .response_topic = response_topic,
                                                           .correlation = "c-1",
                                                           .correlation_length = 3});
}

static void send_plan_as(struct hall *hall, const char *user, const char *response_topic)
{
    struct broker_message message = {
        .topic = {.kind = TOPIC_SUBMIT_AS}, .payload = "plan", .length = 4, .response_topic = response_topic};
    (void)snprintf(message.topic.user, sizeof message.topic.user, "%s", user);
    message_door_take(hall->door, &message);
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

static void wait_until_published(int count)
{
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (published < count) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)sched_yield();
    }
}

static void a_plan_is_ordered_by_the_user_of_the_response_topic_and_answered_there(void **state)
{
    (void)state;
    struct hall hall = open_hall(4);
    use_broker(&hall);
    send_plan(&hall, "tc/v1/operator/ann/r1");
    struct order *order = take(&hall);
    assert_int_equal(order->door, DOOR_MQTT);
    assert_string_equal(order->author, "ann");
    assert_true(order->author_is_claimed);
    assert_int_equal(order->length, 4);
    assert_memory_equal(order->document, "plan", 4);
    answer(order, 201, "{\"rollout\":1}");
    wait_until_published(1);
    assert_string_equal(last_topic, "tc/v1/operator/ann/r1");
    assert_string_equal(last_correlation, "c-1");
    assert_string_equal(last_body, "{\"rollout\":1}");
    close_hall(&hall);
}

static void an_operators_own_topic_proves_the_author(void **state)
{
    (void)state;
    struct hall hall = open_hall(4);
    use_broker(&hall);
    send_plan_as(&hall, "ann", "tc/v1/operator/ann/r1");
    struct order *order = take(&hall);
    assert_string_equal(order->author, "ann");
    assert_false(order->author_is_claimed);
    answer(order, 201, "{}");
    wait_until_published(1);
    close_hall(&hall);
}

static void an_operators_own_topic_is_not_answered_to_another(void **state)
{
    (void)state;
    static const char *const topics[] = {NULL, "tc/v1/operator/bob/r1", "tc/v1/operator/ann/submit",
                                         "tc/v1/operator/an/r1"};
    struct hall hall = open_hall(4);
    use_broker(&hall);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        send_plan_as(&hall, "ann", topics[i]);
    assert_int_equal(batch_queue_length(hall.orders), 0);
    close_hall(&hall);
    assert_int_equal(published, 0);
}

static void a_plan_without_a_response_topic_of_an_operator_is_not_ordered(void **state)
{
    (void)state;
    static const char *const topics[] = {
        NULL, "", "tc/v1/device/A7/ask", "tc/v1/operator/ann", "other/operator/ann/r1", "tc/v1/operator/a b/r1"};
    struct hall hall = open_hall(4);
    use_broker(&hall);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        send_plan(&hall, topics[i]);
    message_door_take(hall.door,
                      &(struct broker_message){
                          .payload = "plan", .length = 4, .retained = true, .response_topic = "tc/v1/operator/ann/r1"});
    assert_int_equal(batch_queue_length(hall.orders), 0);
    close_hall(&hall);
    assert_int_equal(published, 0);
}

static void a_plan_that_is_too_large_is_answered_and_not_ordered(void **state)
{
    (void)state;
    struct hall hall = open_hall(4);
    char *large = calloc(1, PLAN_SIZE_MAX + 1);
    use_broker(&hall);
    message_door_take(hall.door, &(struct broker_message){.topic = {.kind = TOPIC_SUBMIT},
                                                          .payload = large,
                                                          .length = PLAN_SIZE_MAX + 1,
                                                          .response_topic = "tc/v1/operator/ann/r1"});
    wait_until_published(1);
    assert_string_equal(last_topic, "tc/v1/operator/ann/r1");
    assert_non_null(strstr(last_body, "\"status\":413"));
    assert_int_equal(batch_queue_length(hall.orders), 0);
    free(large);
    close_hall(&hall);
}

static void an_answer_waits_for_the_broker_to_be_known(void **state)
{
    (void)state;
    struct hall hall = open_hall(4);
    send_plan(&hall, "tc/v1/operator/ann/r1");
    answer(take(&hall), 201, "{}");
    assert_int_equal(published, 0);
    use_broker(&hall);
    wait_until_published(1);
    close_hall(&hall);
}

static void a_full_planner_is_told_to_the_sender(void **state)
{
    (void)state;
    struct hall hall = open_hall(1);
    use_broker(&hall);
    send_plan(&hall, "tc/v1/operator/ann/r1");
    send_plan(&hall, "tc/v1/operator/bob/r2");
    wait_until_published(1);
    assert_string_equal(last_topic, "tc/v1/operator/bob/r2");
    assert_non_null(strstr(last_body, "\"status\":503"));
    answer(take(&hall), 201, "{}");
    wait_until_published(2);
    assert_string_equal(last_topic, "tc/v1/operator/ann/r1");
    close_hall(&hall);
}

static void stopping_sends_the_last_answers_and_drops_what_comes_later(void **state)
{
    (void)state;
    struct hall hall = open_hall(4);
    use_broker(&hall);
    send_plan(&hall, "tc/v1/operator/ann/r1");
    struct order *order = take(&hall);
    funnel_stop(hall.funnel, 0);
    message_door_stop(hall.door);
    assert_int_equal(published, 1);
    assert_non_null(strstr(last_body, "\"status\":503"));
    send_plan(&hall, "tc/v1/operator/ann/r2");
    assert_int_equal(batch_queue_length(hall.orders), 0);
    assert_int_equal(published, 1);
    message_door_close(hall.door);
    funnel_close(hall.funnel);
    answer(order, 201, "{}");
    batch_queue_free(hall.orders);
}

static void stopping_without_a_broker_ends(void **state)
{
    (void)state;
    struct hall hall = open_hall(4);
    send_plan(&hall, "tc/v1/operator/ann/r1");
    answer(take(&hall), 201, "{}");
    close_hall(&hall);
    assert_int_equal(published, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_ordered_by_the_user_of_the_response_topic_and_answered_there),
        cmocka_unit_test(an_operators_own_topic_proves_the_author),
        cmocka_unit_test(an_operators_own_topic_is_not_answered_to_another),
        cmocka_unit_test(a_plan_without_a_response_topic_of_an_operator_is_not_ordered),
        cmocka_unit_test(a_plan_that_is_too_large_is_answered_and_not_ordered),
        cmocka_unit_test(an_answer_waits_for_the_broker_to_be_known),
        cmocka_unit_test(a_full_planner_is_told_to_the_sender),
        cmocka_unit_test(stopping_sends_the_last_answers_and_drops_what_comes_later),
        cmocka_unit_test(stopping_without_a_broker_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
