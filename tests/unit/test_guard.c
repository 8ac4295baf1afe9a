/* The decisions of the broker's guard, without a broker. */
#include "guard/directory.h"
#include "guard/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROOT "tc/v1"

static const char fleet[] = "{\"version\":1,\"generation\":\"g\",\"sequence\":1,\"table\":\"whole\",\"devices\":["
                            "{\"id\":\"B1\",\"branch\":\"B1\",\"role\":\"node\"},"
                            "{\"id\":\"A1\",\"branch\":\"B1\",\"role\":\"atm\"},"
                            "{\"id\":\"A2\",\"branch\":\"B2\",\"role\":\"atm\"},"
                            "{\"id\":\"P1\",\"role\":\"pull\"}]}";

static struct guard *opened(struct guard_config config)
{
    struct guard *guard = guard_open(&config);
    struct tc_fault fault;
    assert_int_equal(guard_take_directory(guard, fleet, strlen(fleet), &fault), TC_OK);
    return guard;
}

/* The handle of a client is the address of its ID. */
static const char *connected(struct guard *guard, const char *id, const char *client_id, int64_t now_ms)
{
    struct guard_client client = {.identity = {.kind = IDENTITY_DEVICE},
                                  .client = client_id,
                                  .client_id = client_id,
                                  .serial = "0a",
                                  .not_after_s = INT64_MAX,
                                  .is_bound = true};
    (void)snprintf(client.identity.id, sizeof client.identity.id, "%s", id);
    return denial_name(guard_connect(guard, &client, now_ms));
}

static const char *published(struct guard *guard, const char *name, const void *client, const char *topic,
                             int64_t now_ms)
{
    const struct publication publication = {.topic = topic};
    return denial_name(guard_publish(guard, name, client, &publication, now_ms));
}

static enum tc_error taken(struct guard *guard, const char *text)
{
    struct tc_fault fault;
    return guard_take_directory(guard, text, strlen(text), &fault);
}

static void a_node_dispatches_in_its_branch_alone(void **state)
{
    (void)state;
    struct guard *guard = opened(guard_defaults(ROOT));
    static const char node[] = "B1", machine[] = "A1", stranger[] = "X1";
    assert_string_equal(connected(guard, "B1", node, 0), "allowed");
    assert_string_equal(connected(guard, "A1", machine, 0), "allowed");
    assert_string_equal(connected(guard, "X1", stranger, 0), "allowed");
    assert_string_equal(published(guard, "B1", node, "tc/v1/branch/B1/dispatch/A1", 0), "allowed");
    assert_string_equal(published(guard, "B1", node, "tc/v1/branch/B1/dispatch/A2", 0), "other_branch");
    assert_string_equal(published(guard, "B1", node, "tc/v1/branch/B1/dispatch/P1", 0), "other_branch");
    assert_string_equal(published(guard, "B1", node, "tc/v1/branch/B1/dispatch/A9", 0), "unknown_device");
    assert_string_equal(published(guard, "A1", machine, "tc/v1/branch/A1/dispatch/A1", 0), "unknown_device");
    assert_string_equal(published(guard, "X1", stranger, "tc/v1/branch/X1/dispatch/A1", 0), "unknown_device");
    assert_string_equal(published(guard, "X1", stranger, "tc/v1/device/X1/ask", 0), "allowed");
    assert_string_equal(denial_name(guard_receive(guard, "A1", machine, "A1", "tc/v1/branch/B2/dispatch/A1", 1, true)),
                        "other_branch");
    assert_string_equal(denial_name(guard_receive(guard, "X1", stranger, "X1", "tc/v1/branch/B2/dispatch/X1", 1, true)),
                        "unknown_device");
    guard_close(guard);
}

static void a_filter_is_that_of_the_devices_role(void **state)
{
    (void)state;
    struct guard *guard = opened(guard_defaults(ROOT));
    static const char node[] = "B1", machine[] = "A1";
    (void)connected(guard, "B1", node, 0);
    (void)connected(guard, "A1", machine, 0);
    assert_string_equal(denial_name(guard_subscribe(guard, "B1", node, "tc/v1/branch/B1/start", 0)), "allowed");
    assert_string_equal(denial_name(guard_subscribe(guard, "A1", machine, "tc/v1/branch/A1/start", 0)),
                        "not_permitted");
    assert_string_equal(denial_name(guard_subscribe(guard, "A1", machine, "tc/v1/branch/+/dispatch/A1", 0)), "allowed");
    assert_string_equal(denial_name(guard_subscribe(guard, "B1", node, "tc/v1/branch/+/dispatch/B1", 0)),
                        "not_permitted");
    guard_close(guard);
}

static void who_is_not_connected_publishes_a_will_alone(void **state)
{
    (void)state;
    struct guard *guard = opened(guard_defaults(ROOT));
    static const char first[] = "A1";
    (void)connected(guard, "A1", first, 0);
    assert_string_equal(published(guard, "A1", first, "tc/v1/device/A1/ask", 0), "allowed");
    const struct publication ask = {.topic = "tc/v1/device/A1/ask"};
    const struct publication presence = {.topic = "tc/v1/device/A1/presence", .retained = true};
    const void *other = &ask; /* a handle that never connected */
    assert_int_equal(guard_publish(guard, "A1", other, &ask, 0), DENIAL_WILL);
    assert_int_equal(guard_publish(guard, "A1", other, &presence, 0), DENIAL_NONE);
    guard_disconnect(guard, "A1", first, 0);
    assert_int_equal(guard_publish(guard, "A1", first, &ask, 0), DENIAL_WILL);
    assert_int_equal(guard_publish(guard, "operator:alice", other, &presence, 0), DENIAL_NOT_PERMITTED);
    guard_close(guard);
}

static void a_device_has_one_client_id(void **state)
{
    (void)state;
    struct guard *guard = opened(guard_defaults(ROOT));
    assert_string_equal(connected(guard, "A1", "A1", 0), "allowed");
    assert_string_equal(connected(guard, "A1", "A1", 0), "allowed"); /* takes its own over */
    assert_string_equal(connected(guard, "A1", "A1/2", 0), "client_id");
    assert_string_equal(connected(guard, "A1", "A2", 0), "client_id");
    guard_close(guard);
}

static const char *connected_operator(struct guard *guard, const char *client_id)
{
    const struct guard_client client = {.identity = {.kind = IDENTITY_OPERATOR, .id = "alice"},
                                        .client = client_id,
                                        .client_id = client_id,
                                        .serial = "0a",
                                        .not_after_s = INT64_MAX,
                                        .is_bound = true};
    return denial_name(guard_connect(guard, &client, 0));
}

static void an_operator_has_no_more_connections_than_he_may(void **state)
{
    (void)state;
    struct guard_config config = guard_defaults(ROOT);
    config.connections = 2;
    struct guard *guard = opened(config);
    static const char one[] = "alice/first", two[] = "alice/2", three[] = "alice/3";
    assert_string_equal(connected_operator(guard, one), "allowed");
    assert_string_equal(connected_operator(guard, two), "allowed");
    assert_string_equal(connected_operator(guard, three), "connections");
    assert_string_equal(connected_operator(guard, two), "allowed"); /* takes his own over */
    guard_disconnect(guard, "operator:alice", one, 0);
    assert_string_equal(connected_operator(guard, three), "allowed");
    guard_close(guard);
}

static void properties_of_any_length_are_not_for_devices(void **state)
{
    (void)state;
    struct guard *guard = opened(guard_defaults(ROOT));
    static const char machine[] = "A1", first[] = "alice/first";
    (void)connected(guard, "A1", machine, 0);
    (void)connected_operator(guard, first);
    assert_int_equal(guard_check_properties(guard, "A1", machine, 0), DENIAL_PROPERTIES);
    assert_int_equal(guard_check_properties(guard, "operator:alice", first, 0), DENIAL_NONE);
    guard_close(guard);
}

static void too_much_that_is_denied_suspends_an_identity_for_a_while(void **state)
{
    (void)state;
    struct guard_config config = guard_defaults(ROOT);
    config.rates[METER_DENIED] = (struct rate){.burst = 3, .per_minute = 1};
    config.suspension_ms = 1000;
    struct guard *guard = opened(config);
    static const char machine[] = "A1";
    (void)connected(guard, "A1", machine, 0);
    for (int i = 0; i < 3; i++)
        assert_string_equal(published(guard, "A1", machine, "tc/v1/device/A2/ask", 0), "not_own");
    assert_string_equal(published(guard, "A1", machine, "tc/v1/device/A2/ask", 0), "suspended");
    assert_string_equal(published(guard, "A1", machine, "tc/v1/device/A1/ask", 10), "suspended");
    assert_string_equal(connected(guard, "A1", machine, 20), "suspended");
    assert_string_equal(connected(guard, "A1", machine, 5000), "allowed");
    assert_string_equal(published(guard, "A1", machine, "tc/v1/device/A1/ask", 5000), "allowed");
    guard_close(guard);
}

static void in_report_mode_nobody_is_suspended(void **state)
{
    (void)state;
    struct guard_config config = guard_defaults(ROOT);
    config.enforces = false;
    config.rates[METER_DENIED] = (struct rate){.burst = 1, .per_minute = 1};
    struct guard *guard = opened(config);
    static const char machine[] = "A1";
    (void)connected(guard, "A1", machine, 0);
    for (int i = 0; i < 9; i++)
        assert_string_equal(published(guard, "A1", machine, "tc/v1/device/A2/ask", 0), "not_own");
    struct buffer status = {0};
    guard_write_status(guard, 0, 0, &status);
    assert_non_null(strstr(status.bytes, "\"mode\":\"report\""));
    assert_non_null(strstr(status.bytes, "\"denied\":{\"not_own\":9}"));
    buffer_free(&status);
    guard_close(guard);
}

static void the_status_shows_that_user_names_are_believed(void **state)
{
    (void)state;
    struct guard_config config = guard_defaults(ROOT);
    for (int i = 0; i < 2; i++) {
        struct buffer text = {0};
        struct guard_status status;
        config.is_insecure = i == 1;
        struct guard *guard = opened(config);
        guard_write_status(guard, 0, 0, &text);
        assert_int_equal(strstr(text.bytes, "\"insecure_loopback\":true") != NULL, i == 1);
        assert_int_equal(guard_status_decode(text.bytes, text.length, &status, NULL), TC_OK);
        buffer_free(&text);
        guard_close(guard);
    }
}

static bool shows(const struct guard *guard, int64_t now_ms, const char *text)
{
    struct buffer status = {0};
    guard_write_status(guard, now_ms, now_ms, &status);
    bool is_shown = strstr(status.bytes, text) != NULL;
    buffer_free(&status);
    return is_shown;
}

static void who_has_no_certificate_is_counted_and_named_until_it_is_long_ago(void **state)
{
    (void)state;
    struct guard_config config = guard_defaults(ROOT);
    config.enforces = false;
    config.opened_ms = 1000;
    struct guard *guard = opened(config);
    struct guard_client bare = {.identity = {.kind = IDENTITY_DEVICE, .id = "A1"},
                                .client = "a",
                                .client_id = "A1",
                                .serial = "",
                                .is_bound = true};
    struct guard_client other = {
        .identity = {.kind = IDENTITY_ORCHESTRATOR, .id = "central"}, .client = "c", .client_id = "c", .serial = ""};
    assert_true(shows(guard, 1000, "\"devices_without_certificate\":{\"connected\":0},"));
    (void)connected(guard, "A2", "A2", 2000);
    assert_true(shows(guard, 2000, "\"devices_without_certificate\":{\"connected\":0},"));
    assert_int_equal(guard_connect(guard, &bare, 2000), DENIAL_NONE);
    assert_int_equal(guard_connect(guard, &other, 2000), DENIAL_NONE);
    assert_false(guard_has_certificate(guard, "A1", bare.client));
    assert_true(shows(guard, 5000,
                      "\"devices_without_certificate\":{\"connected\":1,\"last\":\"1970-01-01T00:00:05Z\","
                      "\"name\":\"A1\"},\"others_without_certificate\":{\"connected\":1,"
                      "\"last\":\"1970-01-01T00:00:05Z\",\"name\":\"orchestrator:central\"}"));
    guard_disconnect(guard, "A1", bare.client, 6000);
    assert_true(shows(guard, 86400000, "{\"connected\":0,\"last\":\"1970-01-01T00:00:06Z\",\"name\":\"A1\"}"));
    assert_true(shows(guard, 86400000, "\"since\":\"1970-01-01T00:00:01Z\""));
    guard_close(guard);
}

static void what_waits_for_a_device_that_is_away_is_bounded(void **state)
{
    (void)state;
    struct guard_config config = guard_defaults(ROOT);
    config.waiting_messages = 3;
    config.waiting_bytes = 1000;
    struct guard *guard = opened(config);
    static const char machine[] = "A1", topic[] = "tc/v1/branch/B1/dispatch/A1";
    (void)connected(guard, "A1", machine, 0);
    for (int i = 0; i < 9; i++) /* it is there */
        assert_int_equal(guard_receive(guard, "A1", machine, "A1", topic, 10, true), DENIAL_NONE);
    guard_disconnect(guard, "A1", machine, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(guard_receive(guard, "A1", machine, "A1", topic, 10, true), DENIAL_NONE);
    assert_int_equal(guard_receive(guard, "A1", machine, "A1", topic, 10, true), DENIAL_QUEUE_FULL);
    assert_int_equal(guard_receive(guard, "A1", machine, "A1", topic, 10, false), DENIAL_NONE); /* does not wait */
    (void)connected(guard, "A1", machine, 0);
    guard_disconnect(guard, "A1", machine, 0);
    assert_int_equal(guard_receive(guard, "A1", machine, "A1", topic, 900, true), DENIAL_NONE);
    assert_int_equal(guard_receive(guard, "A1", machine, "A1", topic, 900, true), DENIAL_QUEUE_FULL);
    guard_close(guard);
}

static void collect(void *context, const struct unwanted *unwanted)
{
    struct buffer *all = context;
    buffer_format(all, "%s;", unwanted->client_id);
}

static void who_is_retired_or_revoked_is_to_go(void **state)
{
    (void)state;
    struct guard *guard = opened(guard_defaults(ROOT));
    struct buffer gone = {0};
    static const char machine[] = "A1";
    (void)connected(guard, "A1", machine, 0);
    assert_int_equal(taken(guard, "{\"version\":1,\"generation\":\"g\",\"sequence\":2,\"devices\":"
                                  "[{\"id\":\"A1\",\"branch\":\"B1\",\"role\":\"atm\",\"retired\":true}]}"),
                     TC_OK);
    guard_visit_unwanted(guard, collect, &gone);
    assert_string_equal(buffer_text(&gone), "A1;");
    assert_string_equal(connected(guard, "A1", machine, 0), "retired");
    assert_string_equal(published(guard, "A1", machine, "tc/v1/device/A1/ask", 0), "retired");
    buffer_clear(&gone);
    static const char node[] = "B1";
    (void)connected(guard, "B1", node, 0);
    assert_int_equal(taken(guard, "{\"version\":1,\"generation\":\"g\",\"sequence\":3,\"revoked\":[\"00a\"]}"), TC_OK);
    guard_visit_unwanted(guard, collect, &gone);
    assert_non_null(strstr(buffer_text(&gone), "B1;"));
    assert_string_equal(connected(guard, "B1", node, 0), "revoked");
    buffer_free(&gone);
    guard_close(guard);
}

static void all_connections_of_a_suspended_identity_are_to_go(void **state)
{
    (void)state;
    struct guard_config config = guard_defaults(ROOT);
    config.rates[METER_DENIED] = (struct rate){.burst = 1, .per_minute = 1};
    struct guard *guard = opened(config);
    struct buffer gone = {0};
    static const char first[] = "alice/first", second[] = "alice/2", other[] = "B1";
    static const char ask[] = "tc/v1/device/A2/ask", operator[] = "operator:alice";
    (void)connected_operator(guard, first);
    (void)connected_operator(guard, second);
    (void)connected(guard, "B1", other, 0);
    assert_string_equal(published(guard, operator, first, ask, 0), "not_permitted");
    guard_visit_unwanted(guard, collect, &gone);
    assert_string_equal(buffer_text(&gone), "");
    for (int i = 0; i < 3; i++)
        assert_string_equal(published(guard, operator, first, ask, 0), "suspended");
    guard_visit_unwanted(guard, collect, &gone);
    assert_string_equal(buffer_text(&gone), "alice/first;alice/2;");
    buffer_free(&gone);
    guard_close(guard);
}

static void a_table_is_in_force_when_its_last_message_has_come(void **state)
{
    (void)state;
    struct guard *guard = opened(guard_defaults(ROOT));
    assert_int_equal(taken(guard, "{\"version\":1,\"generation\":\"h\",\"sequence\":1,\"table\":\"begins\",\"devices\":"
                                  "[{\"id\":\"A7\",\"branch\":\"B7\",\"role\":\"atm\"}]}"),
                     TC_OK);
    assert_true(guard_knows_device(guard, "A1"));
    assert_false(guard_knows_device(guard, "A7"));
    assert_int_equal(taken(guard, "{\"version\":1,\"generation\":\"h\",\"sequence\":2}"),
                     TC_CONFLICT); /* a change inside */
    assert_int_equal(taken(guard, "{\"version\":1,\"generation\":\"h\",\"sequence\":3,\"table\":\"ends\"}"),
                     TC_CONFLICT);
    assert_int_equal(taken(guard, "{\"version\":1,\"generation\":\"g\",\"sequence\":2,\"table\":\"ends\"}"),
                     TC_CONFLICT);
    assert_int_equal(taken(guard, "{\"version\":1,\"generation\":\"h\",\"sequence\":2,\"table\":\"ends\"}"), TC_OK);
    assert_int_equal(taken(guard, "{\"version\":1,\"generation\":\"h\",\"sequence\":2,\"table\":\"ends\"}"),
                     TC_OK); /* again */
    assert_true(guard_knows_device(guard, "A7"));
    assert_false(guard_knows_device(guard, "A1"));
    assert_int_equal(taken(guard, "{\"version\":1,\"generation\":\"h\",\"sequence\":4}"), TC_CONFLICT);
    guard_close(guard);
}

static void a_wrong_message_changes_nothing_and_is_told(void **state)
{
    (void)state;
    struct guard *guard = opened(guard_defaults(ROOT));
    static const char *const wrong[] = {
        "",
        "{}",
        "{\"version\":2,\"generation\":\"g\",\"sequence\":2}",
        "{\"version\":1,\"generation\":\"g\",\"sequence\":0}",
        "{\"version\":1,\"generation\":\"g h\",\"sequence\":2}",
        "{\"version\":1,\"generation\":\"g\",\"sequence\":2,\"table\":\"all\"}",
        "{\"version\":1,\"generation\":\"g\",\"sequence\":2,\"devices\":[{\"id\":\"A1\",\"role\":\"atm\"}]}",
        "{\"version\":1,\"generation\":\"g\",\"sequence\":2,\"devices\":[{\"id\":\"A 1\",\"role\":\"pull\"}]}",
        "{\"version\":1,\"generation\":\"g\",\"sequence\":2,\"devices\":[7]}",
        "{\"version\":1,\"generation\":\"g\",\"sequence\":2,\"revoked\":[\"0A\"]}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (taken(guard, wrong[i]) != TC_INVALID)
            fail_msg("taken: %s", wrong[i]);
        struct buffer text = {0};
        struct guard_status status;
        guard_write_status(guard, 0, 0, &text);
        assert_int_equal(guard_status_decode(text.bytes, text.length, &status, NULL), TC_OK);
        assert_true(status.fault[0] != '\0' && status.devices == 4 && status.sequence == 1);
        buffer_free(&text);
    }
    guard_close(guard);
}

static void a_table_of_many_devices_is_read_as_it_was_written(void **state)
{
    (void)state;
    enum { DEVICES = 5000 };
    struct guard *guard = opened(guard_defaults(ROOT));
    struct buffer text = {0};
    struct directory_writer writer;
    int64_t sequence = 2;
    directory_write_begin(&writer, &text, "g", sequence, DIRECTORY_CHANGE);
    for (int i = 0; i < DEVICES; i++) {
        struct directory_entry entry = {.branch = "B1", .role = ROLE_ATM, .retired = i % 2 == 0};
        (void)snprintf(entry.id, sizeof entry.id, "device-with-a-long-name-that-fills-the-messages-%d", i);
        if (!directory_writer_has_space(&writer)) {
            directory_write_end(&writer);
            assert_int_equal(taken(guard, text.bytes), TC_OK);
            directory_write_begin(&writer, &text, "g", ++sequence, DIRECTORY_CHANGE);
        }
        directory_write_entry(&writer, &entry);
    }
    directory_write_revoked(&writer, "beef");
    directory_write_end(&writer);
    assert_int_equal(taken(guard, text.bytes), TC_OK);
    assert_true(sequence > 3);

    struct buffer saved = {0};
    struct tc_fault fault;
    struct guard_config config = guard_defaults(ROOT);
    struct guard *other = guard_open(&config);
    guard_write_directory(guard, &saved);
    assert_int_equal(guard_read_directory(other, saved.bytes, saved.length, &fault), TC_OK);
    assert_true(guard_knows_device(other, "device-with-a-long-name-that-fills-the-messages-4999"));
    buffer_clear(&text);
    guard_write_status(other, 0, 0, &text);
    assert_non_null(strstr(text.bytes, "\"devices\":5004,\"retired\":2500,\"revoked\":1"));
    /* Half of a file is no table. */
    assert_int_equal(guard_read_directory(other, saved.bytes, saved.length / 2, &fault), TC_INVALID);
    assert_true(guard_knows_device(other, "A1"));
    buffer_free(&saved);
    buffer_free(&text);
    guard_close(other);
    guard_close(guard);
}

static void a_filter_from_before_the_guard_makes_its_session_go_once(void **state)
{
    (void)state;
    struct guard *guard = opened(guard_defaults(ROOT));
    struct buffer gone = {0};
    int handle = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(guard_receive(guard, "A2", &handle, "A2", "tc/v1/device/A1/ask", 1, true),
                         DENIAL_NOT_PERMITTED);
    /* A name of another kind proves nothing: such a session was never connected here. */
    assert_int_equal(guard_receive(guard, "orchestrator:x", &handle, "y", "tc/v1/device/A1/ask", 1, true),
                     DENIAL_NOT_PERMITTED);
    /* A connection that dies may still get its own mark. */
    assert_int_equal(guard_receive(guard, "orchestrator:x", &handle, "x/1", "tc/v1/orchestrator/watch", 1, true),
                     DENIAL_NONE);
    guard_visit_unwanted(guard, collect, &gone);
    assert_string_equal(buffer_text(&gone), "A2;y;");
    buffer_free(&gone);
    guard_close(guard);
}

static void names_of_identities_are_read_as_they_were_written(void **state)
{
    (void)state;
    static const struct identity identities[] = {
        {IDENTITY_DEVICE, "A1"}, {IDENTITY_ORCHESTRATOR, "central"}, {IDENTITY_OPERATOR, "A1"}};
    for (size_t i = 0; i < sizeof identities / sizeof *identities; i++) {
        char name[PEER_NAME_SIZE];
        struct identity read;
        peer_name(&identities[i], name);
        assert_true(peer_name_parse(name, &read));
        assert_int_equal(read.kind, identities[i].kind);
        assert_string_equal(read.id, identities[i].id);
    }
    static const char *const wrong[] = {
        "", ":", "device:A1", "robot:A1", "operator:", "operator:a:b", "a b", "a-kind-of-a-very-long-name:A1"};
    struct identity read;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(peer_name_parse(wrong[i], &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_dispatches_in_its_branch_alone),
        cmocka_unit_test(a_filter_is_that_of_the_devices_role),
        cmocka_unit_test(who_is_not_connected_publishes_a_will_alone),
        cmocka_unit_test(a_device_has_one_client_id),
        cmocka_unit_test(an_operator_has_no_more_connections_than_he_may),
        cmocka_unit_test(properties_of_any_length_are_not_for_devices),
        cmocka_unit_test(too_much_that_is_denied_suspends_an_identity_for_a_while),
        cmocka_unit_test(in_report_mode_nobody_is_suspended),
        cmocka_unit_test(the_status_shows_that_user_names_are_believed),
        cmocka_unit_test(who_has_no_certificate_is_counted_and_named_until_it_is_long_ago),
        cmocka_unit_test(what_waits_for_a_device_that_is_away_is_bounded),
        cmocka_unit_test(who_is_retired_or_revoked_is_to_go),
        cmocka_unit_test(all_connections_of_a_suspended_identity_are_to_go),
        cmocka_unit_test(a_table_is_in_force_when_its_last_message_has_come),
        cmocka_unit_test(a_wrong_message_changes_nothing_and_is_told),
        cmocka_unit_test(a_table_of_many_devices_is_read_as_it_was_written),
        cmocka_unit_test(a_filter_from_before_the_guard_makes_its_session_go_once),
        cmocka_unit_test(names_of_identities_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
