/* The table of who may do what on which topic. The whole of it is tried on a real broker,
 * tests/scenario/test_guard_matrix.py. */
#include "topics/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROOT "tc/v1"

static const struct identity machine = {IDENTITY_DEVICE, "A1"}, node = {IDENTITY_DEVICE, "B1"},
                             central = {IDENTITY_ORCHESTRATOR, "central"}, alice = {IDENTITY_OPERATOR, "alice"},
                             server = {IDENTITY_SERVER, "broker"};

static const char *published(const struct identity *identity, const char *topic, size_t bytes, bool retained, bool will)
{
    struct topic parsed;
    const struct publication publication = {topic, bytes, retained, will};
    return denial_name(access_publish(ROOT, identity, &publication, &parsed));
}

static const char *received(const struct identity *identity, const char *topic)
{
    struct topic parsed;
    return denial_name(access_receive(ROOT, identity, topic, &parsed));
}

static const char *subscribed(const struct identity *identity, const char *filter)
{
    enum topic_kind kind;
    return denial_name(access_subscribe(ROOT, identity, filter, &kind));
}

static void a_device_publishes_on_its_own_topics_alone(void **state)
{
    (void)state;
    assert_string_equal(published(&machine, "tc/v1/device/A1/ask", 0, false, false), "allowed");
    assert_string_equal(published(&machine, "tc/v1/device/A2/ask", 0, false, false), "not_own");
    assert_string_equal(published(&machine, "tc/v1/device/A1/instruction", 0, false, false), "not_permitted");
    assert_string_equal(published(&machine, "tc/v1/branch/B1/dispatch/A2", 0, false, false), "not_own");
    assert_string_equal(published(&node, "tc/v1/branch/B1/dispatch/A2", 0, false, false), "allowed");
    assert_string_equal(published(&machine, "tc/v2/device/A1/ask", 0, false, false), "unknown_topic");
    assert_string_equal(published(&machine, "$CONTROL/tellercast", 0, false, false), "not_permitted");
    assert_string_equal(published(&machine, "$CONTROL/other", 0, false, false), "unknown_topic");
}

static void only_presence_is_retained_and_the_will_of_a_device(void **state)
{
    (void)state;
    assert_string_equal(published(&machine, "tc/v1/device/A1/presence", 0, true, true), "allowed");
    assert_string_equal(published(&machine, "tc/v1/device/A1/ask", 0, true, false), "retained");
    assert_string_equal(published(&machine, "tc/v1/device/A1/ask", 0, false, true), "will");
    assert_string_equal(published(&node, "tc/v1/branch/B1/dispatch/A1", 0, true, false), "retained");
    assert_string_equal(published(&central, "tc/v1/device/A1/instruction", 0, true, false), "allowed");
    assert_string_equal(published(&central, "tc/v1/device/A1/instruction", 0, true, true), "will");
    assert_string_equal(published(&central, "tc/v1/device/A1/confirm", 0, true, false), "retained");
}

static void a_payload_has_the_size_of_a_real_one(void **state)
{
    (void)state;
    assert_string_equal(published(&machine, "tc/v1/device/A1/presence", 1024, true, false), "allowed");
    assert_string_equal(published(&machine, "tc/v1/device/A1/presence", 1025, true, false), "too_large");
    assert_string_equal(published(&node, "tc/v1/branch/B1/dispatch/A1", 1 << 20, false, false), "too_large");
    assert_string_equal(published(&alice, "tc/v1/operator/alice/submit", PLAN_SIZE_MAX, false, false), "allowed");
}

static void a_device_subscribes_to_its_agents_filters_alone(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"#", "wildcard"},
        {"tc/v1/device/+/ask", "wildcard"},
        {"tc/v1/device/A1/+", "wildcard"},
        {"tc/v1/branch/+/dispatch/A2", "wildcard"},
        {"$share/tellercast/tc/v1/device/+/ask", "shared"},
        {"$share/x/tc/v1/device/A1/instruction", "shared"},
        {"$SYS/broker/uptime", "shared"},
        {"tc/v1/device/A2/instruction", "not_own"},
        {"tc/v1/device/A1/ask", "not_permitted"},
        {"tc/v1/branch/B1/dispatch/A1", "not_permitted"},
        {"elsewhere", "unknown_topic"},
    };
    assert_string_equal(subscribed(&machine, "tc/v1/device/A1/instruction"), "allowed");
    assert_string_equal(subscribed(&machine, "tc/v1/branch/+/dispatch/A1"), "allowed");
    assert_string_equal(subscribed(&node, "tc/v1/branch/B1/start"), "allowed");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (strcmp(subscribed(&machine, wrong[i][0]), wrong[i][1]) != 0)
            fail_msg("%s: %s", wrong[i][0], subscribed(&machine, wrong[i][0]));
    }
}

static void others_subscribe_to_filters_within_what_they_receive(void **state)
{
    (void)state;
    assert_string_equal(subscribed(&central, "tc/v1/device/+/ask"), "allowed");
    assert_string_equal(subscribed(&central, "tc/v1/device/A1/ask"), "allowed");
    assert_string_equal(subscribed(&central, "$share/any/tc/v1/device/+/ask"), "allowed");
    assert_string_equal(subscribed(&central, "$share/any/tc/v1/device/#"), "wildcard");
    assert_string_equal(subscribed(&central, "$share/a+b/tc/v1/device/+/ask"), "shared");
    assert_string_equal(subscribed(&central, "tc/v1/+/+/ask"), "wildcard");
    assert_string_equal(subscribed(&alice, "tc/v1/operator/alice/#"), "allowed");
    assert_string_equal(subscribed(&alice, "tc/v1/operator/alice/answer"), "allowed");
    assert_string_equal(subscribed(&alice, "tc/v1/operator/+/answer"), "wildcard");
    assert_string_equal(subscribed(&alice, "$share/any/tc/v1/device/+/presence"), "shared");
    assert_string_equal(received(&alice, "tc/v1/operator/alice/answer"), "allowed");
    assert_string_equal(received(&alice, "tc/v1/operator/bob/answer"), "not_own");
    assert_string_equal(received(&machine, "tc/v1/device/A2/ask"), "not_permitted");
    assert_string_equal(received(&server, "tc/v1/device/A2/ask"), "not_permitted");
}

static void every_kind_and_every_reason_has_a_name(void **state)
{
    (void)state;
    enum identity_kind kind;
    for (int i = 0; i < IDENTITY_KINDS; i++) {
        assert_true(identity_kind_parse(identity_kind_name((enum identity_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    assert_false(identity_kind_parse("devices", &kind));
    for (int i = 0; i < DENIALS; i++)
        assert_true(*denial_name((enum denial)i) != '\0' && *denial_meaning((enum denial)i) != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_publishes_on_its_own_topics_alone),
        cmocka_unit_test(only_presence_is_retained_and_the_will_of_a_device),
        cmocka_unit_test(a_payload_has_the_size_of_a_real_one),
        cmocka_unit_test(a_device_subscribes_to_its_agents_filters_alone),
        cmocka_unit_test(others_subscribe_to_filters_within_what_they_receive),
        cmocka_unit_test(every_kind_and_every_reason_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
