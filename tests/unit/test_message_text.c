#include "topics/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_report_is_read_back_as_it_was_written(void **state)
{
    (void)state;
    struct report report = {
        .instruction = INT64_C(9007199254740991),
        .attempt = ATTEMPTS_MAX,
        .sequence = 3,
        .state = REPORT_FAILED,
        .progress = 40,
        .confirm = true,
        .code = "installer-exit-3",
        .detail = "caf\xc3\xa9 \"quoted\" back\\slash\n\ttab \x01 \x7f",
        .versions = json_pack("{s:s}", "atm-app", "4.7.2"),
        .at_ms = INT64_C(1796083200123),
    };
    struct buffer text = {0};
    report_encode(&report, &text);
    struct report back;
    struct tc_fault fault = {.text = "none"};
    if (report_decode(text.bytes, text.length, &back, &fault) != TC_OK)
        fail_msg("%s: %s", text.bytes, fault.text);
    assert_int_equal(back.instruction, report.instruction);
    assert_int_equal(back.attempt, report.attempt);
    assert_int_equal(back.sequence, report.sequence);
    assert_int_equal(back.state, report.state);
    assert_int_equal(back.progress, report.progress);
    assert_true(back.confirm);
    assert_string_equal(back.code, report.code);
    assert_string_equal(back.detail, report.detail);
    assert_true(json_equal(back.versions, report.versions));
    assert_int_equal(back.at_ms, report.at_ms);
    buffer_free(&text);
    report_free(&back);
    report_free(&report);
}

static void a_short_report_says_only_what_there_is_to_say(void **state)
{
    (void)state;
    struct report report = {.instruction = 77, .attempt = 1, .sequence = 3, .state = REPORT_RECEIVED, .progress = -1};
    struct buffer text = {0};
    report_encode(&report, &text);
    assert_string_equal(text.bytes, "{\"instruction\":77,\"attempt\":1,\"sequence\":3,\"state\":\"received\"}");
    struct report back;
    assert_int_equal(report_decode(text.bytes, text.length, &back, NULL), TC_OK);
    assert_int_equal(back.progress, -1);
    assert_false(back.confirm);
    assert_null(back.versions);
    assert_int_equal(back.at_ms, 0);
    buffer_free(&text);
}

static void whatever_an_installer_printed_is_still_reported(void **state)
{
    (void)state;
    struct report report = {.instruction = 77, .attempt = 1, .sequence = 3, .state = REPORT_FAILED, .progress = -1};
    for (int i = 0; i < REPORT_DETAIL_MAX; i++)
        report.detail[i] = (char)(i % 255 + 1); /* every byte but NUL */
    struct buffer text = {0};
    report_encode(&report, &text);
    struct report back;
    struct tc_fault fault = {.text = "none"};
    if (report_decode(text.bytes, text.length, &back, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    assert_int_equal(strlen(back.detail), REPORT_DETAIL_MAX);
    assert_memory_equal(back.detail, report.detail, 0x7f);
    assert_int_equal(back.detail[0x80], '?');
    buffer_free(&text);
    report_free(&back);
}

static void presence_is_the_same_after_a_round_trip(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct tc_fault fault;
    struct presence presence = {.online = true, .role = ROLE_PULL, .agent = "1.0.0"}, presence_back;
    presence_encode(&presence, &text);
    assert_string_equal(text.bytes, "{\"online\":true,\"role\":\"pull\",\"agent\":\"1.0.0\"}");
    assert_int_equal(presence_decode(text.bytes, text.length, &presence_back, &fault), TC_OK);
    assert_int_equal(presence_back.role, ROLE_PULL);
    assert_true(presence_back.online);
    assert_int_equal(presence_back.held_until_ms, 0);
    buffer_clear(&text);
    presence.held_until_ms = INT64_C(1796400000000);
    (void)snprintf(presence.held_reason, sizeof presence.held_reason, "a \"new\" dispenser");
    presence_encode(&presence, &text);
    assert_string_equal(text.bytes,
                        "{\"online\":true,\"role\":\"pull\",\"agent\":\"1.0.0\","
                        "\"held_until\":\"2026-12-04T16:00:00Z\",\"held_reason\":\"a \\\"new\\\" dispenser\"}");
    assert_int_equal(presence_decode(text.bytes, text.length, &presence_back, &fault), TC_OK);
    assert_int_equal(presence_back.held_until_ms, presence.held_until_ms);
    assert_string_equal(presence_back.held_reason, presence.held_reason);
    buffer_free(&text);
}

static void the_reason_of_a_hold_is_shown_without_controls_and_cut_to_whole_characters(void **state)
{
    (void)state;
    struct presence presence_back;
    struct buffer text = {0};
    struct tc_fault fault;
    static const char shown[] = "{\"online\":true,\"role\":\"pull\",\"held_until\":\"2026-12-04T16:00:00Z\","
                                "\"held_reason\":\"a\\u001b[2J\\nb\\u009bc\\u202ed\\u2066e\\u00fc\"}";
    assert_int_equal(presence_decode(shown, strlen(shown), &presence_back, &fault), TC_OK);
    assert_string_equal(presence_back.held_reason, "a [2J b c d eü");

    buffer_put_text(&text, "{\"online\":true,\"role\":\"pull\",\"held_reason\":\"x");
    for (int i = 0; i < HELD_REASON_MAX; i++)
        buffer_put_text(&text, "ü");
    buffer_put_text(&text, "\"}");
    assert_int_equal(presence_decode(text.bytes, text.length, &presence_back, &fault), TC_OK);
    assert_int_equal(strlen(presence_back.held_reason), HELD_REASON_MAX - 1); /* a whole character less */
    buffer_free(&text);
}

static void the_other_messages_are_read_back_as_they_were_written(void **state)
{
    (void)state;
    struct tc_fault fault;
    struct buffer text = {0};

    struct start start = {.rollout = 42, .device_count = 2, .expires_ms = INT64_C(1796083200000)};
    start.devices = calloc(start.device_count, sizeof *start.devices);
    (void)snprintf(start.devices[0], TC_ID_SIZE, "B0042");
    (void)snprintf(start.devices[1], TC_ID_SIZE, "A7");
    start_encode(&start, &text);
    assert_string_equal(text.bytes,
                        "{\"rollout\":42,\"devices\":[\"B0042\",\"A7\"],\"expires\":\"2026-12-01T00:00:00Z\"}");
    struct start start_back;
    assert_int_equal(start_decode(text.bytes, text.length, &start_back, &fault), TC_OK);
    assert_int_equal(start_back.device_count, 2);
    assert_string_equal(start_back.devices[1], "A7");
    assert_int_equal(start_back.expires_ms, start.expires_ms);
    start_free(&start);
    start_free(&start_back);

    buffer_clear(&text);
    struct dispatch dispatch = {42, "A7", INT64_C(1796083200000)}, dispatch_back;
    dispatch_encode(&dispatch, &text);
    assert_string_equal(text.bytes, "{\"rollout\":42,\"device\":\"A7\",\"expires\":\"2026-12-01T00:00:00Z\"}");
    assert_int_equal(dispatch_decode(text.bytes, text.length, &dispatch_back, &fault), TC_OK);
    assert_string_equal(dispatch_back.device, "A7");

    buffer_clear(&text);
    struct confirm confirm = {77, 1, 3, false, "not \"yours\""}, confirm_back;
    confirm_encode(&confirm, &text);
    assert_string_equal(text.bytes, "{\"instruction\":77,\"attempt\":1,\"sequence\":3,\"accepted\":false,"
                                    "\"reason\":\"not \\\"yours\\\"\"}");
    assert_int_equal(confirm_decode(text.bytes, text.length, &confirm_back, &fault), TC_OK);
    assert_string_equal(confirm_back.reason, confirm.reason);

    buffer_clear(&text);
    struct ask ask = {.nonce = "h3T0vJ5bQz6mXkW1sYcDgA"}, ask_back;
    ask_encode(&ask, &text);
    assert_string_equal(text.bytes, "{\"nonce\":\"h3T0vJ5bQz6mXkW1sYcDgA\"}");
    buffer_clear(&text);
    ask.versions = json_pack("{s:s}", "atm-app", "4.7.0");
    ask_encode(&ask, &text);
    assert_string_equal(text.bytes, "{\"versions\":{\"atm-app\":\"4.7.0\"},\"nonce\":\"h3T0vJ5bQz6mXkW1sYcDgA\"}");
    assert_int_equal(ask_decode(text.bytes, text.length, &ask_back, &fault), TC_OK);
    assert_string_equal(ask_back.nonce, ask.nonce);
    assert_int_equal(ask_back.recalled, 0);
    ask_free(&ask);
    ask_free(&ask_back);
    buffer_clear(&text);
    ask.recalled = 6;
    ask_encode(&ask, &text);
    assert_string_equal(text.bytes, "{\"recalled\":6}");
    assert_int_equal(ask_decode(text.bytes, text.length, &ask_back, &fault), TC_OK);
    assert_int_equal(ask_back.recalled, 6);
    ask_free(&ask);

    buffer_clear(&text);
    ask_encode(&ask, &text);
    assert_int_equal(text.length, 0);
    buffer_free(&text);
}

static void only_what_ends_an_attempt_is_final(void **state)
{
    (void)state;
    static const bool final[] = {[REPORT_RECEIVED] = false, [REPORT_DEFERRED] = true, [REPORT_INSTALLING] = false,
                                 [REPORT_COMPLETED] = true, [REPORT_FAILED] = true,   [REPORT_REJECTED] = true};
    for (int i = REPORT_RECEIVED; i <= REPORT_REJECTED; i++) {
        enum report_state back;
        assert_true(report_state_parse(report_state_name((enum report_state)i), &back));
        assert_int_equal(back, i);
        assert_int_equal(report_state_is_final(back), final[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_read_back_as_it_was_written),
        cmocka_unit_test(a_short_report_says_only_what_there_is_to_say),
        cmocka_unit_test(whatever_an_installer_printed_is_still_reported),
        cmocka_unit_test(the_other_messages_are_read_back_as_they_were_written),
        cmocka_unit_test(presence_is_the_same_after_a_round_trip),
        cmocka_unit_test(the_reason_of_a_hold_is_shown_without_controls_and_cut_to_whole_characters),
        cmocka_unit_test(only_what_ends_an_attempt_is_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
