#include "topics/message.h"
#include "topics/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_START "{\"instruction\":77,\"attempt\":1,\"sequence\":3,\"state\":\"installing\""

/* ---- checks of every message ---------------------------------------------------------------- */

/* A decoder of any message: decodes, frees the result, and returns its code. */
typedef enum tc_error decoder(const void *bytes, size_t length, struct tc_fault *fault);

static enum tc_error decode_ask(const void *bytes, size_t length, struct tc_fault *fault)
{
    struct ask ask;
    enum tc_error error = ask_decode(bytes, length, &ask, fault);
    if (error != TC_OK)
        assert_null(ask.versions);
    ask_free(&ask);
    return error;
}

static enum tc_error decode_report(const void *bytes, size_t length, struct tc_fault *fault)
{
    struct report report;
    enum tc_error error = report_decode(bytes, length, &report, fault);
    if (error != TC_OK) {
        assert_null(report.versions);
        assert_int_equal(report.code[0] + report.detail[0] + report.at_ms, 0);
    }
    report_free(&report);
    return error;
}

static enum tc_error decode_start(const void *bytes, size_t length, struct tc_fault *fault)
{
    struct start start;
    enum tc_error error = start_decode(bytes, length, &start, fault);
    if (error != TC_OK)
        assert_true(start.devices == NULL && start.device_count == 0 && start.rollout == 0);
    start_free(&start);
    return error;
}

static enum tc_error decode_dispatch(const void *bytes, size_t length, struct tc_fault *fault)
{
    struct dispatch dispatch;
    return dispatch_decode(bytes, length, &dispatch, fault);
}

static enum tc_error decode_confirm(const void *bytes, size_t length, struct tc_fault *fault)
{
    struct confirm confirm;
    return confirm_decode(bytes, length, &confirm, fault);
}

static enum tc_error decode_presence(const void *bytes, size_t length, struct tc_fault *fault)
{
    struct presence presence;
    return presence_decode(bytes, length, &presence, fault);
}

static enum tc_error decode_watch(const void *bytes, size_t length, struct tc_fault *fault)
{
    struct watch_mark mark;
    return watch_mark_decode(bytes, length, &mark, fault);
}

/* Each decoder with the members of its message. */
static const struct {
    decoder *decode;
    const char *members;
} messages[] = {
    {decode_ask,
     "\"versions\":{\"atm-app\":\"4.7.0\"},\"nonce\":\"h3T0vJ5bQz6mXkW1sYcDgA\",\"recalled\":6,\"keys\":[\"b\"]"},
    {decode_report, "\"instruction\":77,\"attempt\":1,\"sequence\":3,\"state\":\"installing\""},
    {decode_start, "\"rollout\":42,\"devices\":[\"A7\"],\"expires\":\"2026-12-01T00:00:00Z\""},
    {decode_dispatch, "\"rollout\":42,\"device\":\"A7\",\"expires\":\"2026-12-01T00:00:00Z\""},
    {decode_confirm, "\"instruction\":77,\"attempt\":1,\"sequence\":3,\"accepted\":true"},
    {decode_presence, "\"online\":true,\"role\":\"atm\",\"branch\":\"B0042\",\"agent\":\"1.0.0\""},
    {decode_watch, "\"watch\":\"9f\",\"step\":1,\"ended\":false"},
};
enum { MESSAGE_COUNT = sizeof messages / sizeof *messages };

/* Decodes the members followed by `more`, and returns the code. The text of the fault is in `fault`. */
static enum tc_error decode_with(int message, const char *more, struct tc_fault *fault)
{
    struct buffer text = {0};
    buffer_format(&text, "{%s%s}", messages[message].members, more);
    enum tc_error error = messages[message].decode(text.bytes, text.length, fault);
    buffer_free(&text);
    return error;
}

static void put_repeated(struct buffer *out, const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_put_text(out, piece);
}

static void fields_that_are_not_known_are_ignored(void **state)
{
    (void)state;
    struct tc_fault fault;
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        assert_int_equal(decode_with(i, "", &fault), TC_OK);
        assert_int_equal(decode_with(i, ",\"later\":{\"a\":[1.5,null,\"\\u00e9]]]]\"]}", &fault), TC_OK);
    }
}

static void a_key_that_is_there_twice_is_refused(void **state)
{
    (void)state;
    struct tc_fault fault;
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        assert_int_equal(decode_with(i, ",\"later\":1,\"later\":1", &fault), TC_INVALID);
        assert_non_null(strstr(fault.text, "duplicate"));
        assert_int_equal(decode_with(i, ",\"later\":{\"a\":1,\"\\u0061\":2}", &fault), TC_INVALID);
    }
}

static void deep_nesting_is_refused_before_it_is_read(void **state)
{
    (void)state;
    struct tc_fault fault;
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        for (size_t depth = 15; depth <= 16; depth++) { /* the message itself is a level */
            struct buffer more = {0};
            buffer_put_text(&more, ",\"deep\":");
            put_repeated(&more, "[", depth);
            put_repeated(&more, "]", depth);
            assert_int_equal(decode_with(i, more.bytes, &fault), depth == 15 ? TC_OK : TC_INVALID);
            buffer_free(&more);
        }
        assert_non_null(strstr(fault.text, "deeper"));
        struct buffer brackets = {0};
        put_repeated(&brackets, "[", MESSAGE_SIZE_MAX);
        assert_int_equal(messages[i].decode(brackets.bytes, brackets.length, &fault), TC_INVALID);
        buffer_free(&brackets);
    }
}

static void brackets_in_a_text_are_no_nesting(void **state)
{
    (void)state;
    struct tc_fault fault;
    for (int i = 0; i < MESSAGE_COUNT; i++)
        assert_int_equal(
            decode_with(i, ",\"later\":\"\\\"[[[[[[[[[[[[[[[[[[[[\\\\\",\"b\":\"{{{{{{{{{{{{{{{{{{{{\"", &fault),
            TC_OK);
}

static void sixty_four_kibibytes_are_read_and_one_byte_more_is_not(void **state)
{
    (void)state;
    struct tc_fault fault;
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        struct buffer text = {0};
        buffer_format(&text, "{%s}", messages[i].members);
        put_repeated(&text, " ", MESSAGE_SIZE_MAX - text.length);
        assert_int_equal(messages[i].decode(text.bytes, text.length, &fault), TC_OK);
        buffer_put_text(&text, " ");
        assert_int_equal(messages[i].decode(text.bytes, text.length, &fault), TC_TOO_LARGE);
        assert_string_equal(fault.text, "found 65537 bytes, allowed: at most 65536");
        buffer_free(&text);
    }
}

static void what_is_not_utf8_is_refused(void **state)
{
    (void)state;
    struct tc_fault fault;
    static const char *const wrong[] = {"\xff", "\xc3(", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) {
            char more[64];
            (void)snprintf(more, sizeof more, ",\"later\":\"%s\"", wrong[j]);
            assert_int_equal(decode_with(i, more, &fault), TC_INVALID);
            (void)snprintf(more, sizeof more, ",\"%s\":1", wrong[j]);
            assert_int_equal(decode_with(i, more, &fault), TC_INVALID);
        }
    }
}

static void what_is_not_a_json_object_is_refused(void **state)
{
    (void)state;
    struct tc_fault fault;
    static const char *const wrong[] = {"[]",         "1",          "null",        "\"\"",           "{", "{}}",
                                        "{}{}",       "{\"a\"}",    "{a:1}",       "\xef\xbb\xbf{}", " ", "{'a':1}",
                                        "{\"a\":01}", "{\"a\":+1}", "{\"a\":NaN}", "{\"a\":1,}"};
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) {
            if (messages[i].decode(wrong[j], strlen(wrong[j]), &fault) != TC_INVALID)
                fail_msg("read as message %d: %s", i, wrong[j]);
        }
        assert_int_equal(messages[i].decode("{}\0", 3, &fault), TC_INVALID);
        assert_int_equal(messages[i].decode("", 0, &fault), messages[i].decode == decode_ask ? TC_OK : TC_INVALID);
        assert_int_equal(messages[i].decode(NULL, 0, &fault), messages[i].decode == decode_ask ? TC_OK : TC_INVALID);
    }
}

/* ---- wrong values --------------------------------------------------------------------------- */

struct wrong {
    const char *text;
    const char *fault; /* how its text begins */
};

static void assert_refused(decoder *decode, const struct wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tc_fault fault = {.text = "none"};
        enum tc_error error = decode(cases[i].text, strlen(cases[i].text), &fault);
        if (error != TC_INVALID || strncmp(fault.text, cases[i].fault, strlen(cases[i].fault)) != 0)
            fail_msg("%s: %s: %s", cases[i].text, tc_error_name(error), fault.text);
    }
}
#define ASSERT_REFUSED(decode, cases) assert_refused((decode), (cases), sizeof(cases) / sizeof *(cases))

static void a_report_with_a_wrong_value_is_refused_and_the_field_is_named(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"{}", "instruction: is missing"},
        {"{\"instruction\":\"77\"}", "instruction: found \"77\", allowed: an integer, 1 to 9007199254740991"},
        {"{\"instruction\":77.0}", "instruction: found 77, not an integer"},
        {"{\"instruction\":1e3}", "instruction: found 1000, not an integer"},
        {"{\"instruction\":0}", "instruction: found 0"},
        {"{\"instruction\":-1}", "instruction: found -1"},
        {"{\"instruction\":9007199254740992}", "instruction: found 9007199254740992"},
        {"{\"instruction\":99999999999999999999999}", "not JSON at byte"},
        {"{\"instruction\":1e999}", "not JSON at byte"},
        {"{\"instruction\":null}", "instruction: found null"},
        {"{\"instruction\":true}", "instruction: found true"},
        {"{\"instruction\":[77]}", "instruction: found an array"},
        {"{\"instruction\":77}", "attempt: is missing"},
        {"{\"instruction\":77,\"attempt\":2147483648}", "attempt: found 2147483648"},
        {"{\"instruction\":77,\"attempt\":1000001}", "attempt: found 1000001, allowed: an integer, 1 to 1000000"},
        {"{\"instruction\":77,\"attempt\":1}", "sequence: is missing"},
        {"{\"instruction\":77,\"attempt\":1,\"sequence\":0}", "sequence: found 0"},
        {"{\"instruction\":77,\"attempt\":1,\"sequence\":1}", "state: is missing"},
        {"{\"instruction\":77,\"attempt\":1,\"sequence\":1,\"state\":\"sent\"}", "state: allowed:"},
        {"{\"instruction\":77,\"attempt\":1,\"sequence\":1,\"state\":\"Completed\"}", "state: allowed:"},
        {"{\"instruction\":77,\"attempt\":1,\"sequence\":1,\"state\":4}", "state: found 4, allowed: a string"},
        {STATUS_START ",\"progress\":101}", "progress: found 101, allowed: an integer, 0 to 100"},
        {STATUS_START ",\"progress\":-1}", "progress: found -1"},
        {STATUS_START ",\"progress\":40.5}", "progress: found 40.5"},
        {STATUS_START ",\"confirm\":1}", "confirm: found 1, allowed: true or false"},
        {STATUS_START ",\"code\":7}", "code: found 7, allowed: a string"},
        {STATUS_START ",\"code\":\"a\\u0000b\"}", "not JSON at byte"},
        {STATUS_START ",\"detail\":{}}", "detail: found an object"},
        {STATUS_START ",\"at\":\"yesterday\\n\"}", "at: found \"yesterday?\", allowed: a time"},
        {STATUS_START ",\"at\":1796083200}", "at: found 1796083200, allowed: a string"},
        {STATUS_START ",\"at\":\"2026-02-30T00:00:00Z\"}", "at: found"},
    };
    ASSERT_REFUSED(decode_report, cases);
}

static void a_report_that_is_refused_still_says_what_it_is_about(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int sequence;
    } cases[] = {
        {"{\"instruction\":77,\"attempt\":2,\"sequence\":3,\"state\":\"sent\"}", 3},
        {"{\"instruction\":77,\"attempt\":2,\"sequence\":3,\"state\":\"failed\",\"progress\":101,\"versions\":{\"a\":"
         "\"1\"}}",
         3},
        {"{\"instruction\":77,\"attempt\":2,\"sequence\":0,\"state\":\"failed\"}", 0},
        {"{\"instruction\":77,\"attempt\":2,\"sequence\":3,\"sequence\":4,\"state\":\"failed\"}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report report;
        struct tc_fault fault;
        assert_int_equal(report_decode(cases[i].text, strlen(cases[i].text), &report, &fault), TC_INVALID);
        assert_int_equal(report.sequence, cases[i].sequence);
        if (report.sequence != 0) {
            assert_int_equal(report.instruction, 77);
            assert_int_equal(report.attempt, 2);
        }
        assert_null(report.versions);
    }
}

static void versions_that_are_wrong_are_left_out_and_the_rest_is_taken(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"[]", "versions: found an array, allowed: an object"},
        {"null", "versions: found null"},
        {"\"4.7.0\"", "versions: found \"4.7.0\", allowed: an object"},
        {"{\"a\":1}", "versions: found 1, allowed: a version"},
        {"{\"a\":\"\"}", "versions: found \"\""},
        {"{\"a\":\"1\",\"b\":\"4.7 beta\"}", "versions: found \"4.7 beta\""},
        {"{\"a b\":\"1\"}", "versions: the name of an artifact"},
        {"{\"\":\"1\"}", "versions: the name of an artifact"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report report;
        struct ask ask;
        struct tc_fault fault;
        struct buffer text = {0};
        buffer_format(&text, STATUS_START ",\"versions\":%s,\"at\":\"2026-12-01T00:00:00Z\"}", cases[i].text);
        assert_int_equal(report_decode(text.bytes, text.length, &report, &fault), TC_OK);
        assert_null(report.versions);
        assert_true(report.at_ms > 0);
        assert_non_null(strstr(report.versions_fault, cases[i].fault));
        buffer_clear(&text);
        buffer_format(&text, "{\"versions\":%s,\"nonce\":\"n1\"}", cases[i].text);
        assert_int_equal(ask_decode(text.bytes, text.length, &ask, &fault), TC_OK);
        assert_null(ask.versions);
        assert_string_equal(ask.nonce, "n1");
        assert_non_null(strstr(ask.versions_fault, cases[i].fault));
        buffer_free(&text);
    }
}

static void the_other_messages_refuse_wrong_values_too(void **state)
{
    (void)state;
    static const struct wrong starts[] = {
        {"{\"devices\":[\"A7\"],\"expires\":\"2026-12-01T00:00:00Z\"}", "rollout: is missing"},
        {"{\"rollout\":42,\"devices\":[\"A7\"]}", "expires: is missing"},
        {"{\"rollout\":42,\"expires\":\"2026-12-01T00:00:00Z\"}", "devices: is missing"},
        {"{\"rollout\":42,\"devices\":[],\"expires\":\"2026-12-01T00:00:00Z\"}", "devices: found 0 entries"},
        {"{\"rollout\":42,\"devices\":\"A7\",\"expires\":\"2026-12-01T00:00:00Z\"}", "devices: found \"A7\""},
        {"{\"rollout\":42,\"devices\":[\"A7\",7],\"expires\":\"2026-12-01T00:00:00Z\"}", "devices: entry 2"},
        {"{\"rollout\":42,\"devices\":[\"A/7\"],\"expires\":\"2026-12-01T00:00:00Z\"}", "devices: entry 1"},
        {"{\"rollout\":42,\"devices\":[\"\"],\"expires\":\"2026-12-01T00:00:00Z\"}", "devices: entry 1"},
    };
    ASSERT_REFUSED(decode_start, starts);
    static const struct wrong dispatches[] = {
        {"{\"rollout\":42,\"expires\":\"2026-12-01T00:00:00Z\"}", "device: is missing"},
        {"{\"rollout\":42,\"device\":\"+\",\"expires\":\"2026-12-01T00:00:00Z\"}", "device: found \"+\", allowed:"},
        {"{\"rollout\":42,\"device\":\"\",\"expires\":\"2026-12-01T00:00:00Z\"}", "device: found \"\""},
        {"{\"rollout\":42,\"device\":\"A7\"}", "expires: is missing"},
    };
    ASSERT_REFUSED(decode_dispatch, dispatches);
    static const struct wrong confirms[] = {
        {"{\"instruction\":77,\"attempt\":1,\"sequence\":3}", "accepted: is missing"},
        {"{\"instruction\":77,\"attempt\":1,\"sequence\":3,\"accepted\":\"true\"}", "accepted: found \"true\""},
        {"{\"instruction\":77,\"attempt\":1,\"sequence\":3,\"accepted\":false,\"reason\":0}", "reason: found 0"},
    };
    ASSERT_REFUSED(decode_confirm, confirms);
    static const struct wrong presences[] = {
        {"{\"role\":\"atm\",\"branch\":\"B0042\"}", "online: is missing"},
        {"{\"online\":true,\"branch\":\"B0042\"}", "role: is missing"},
        {"{\"online\":true,\"role\":\"server\"}", "role: allowed:"},
        {"{\"online\":true,\"role\":\"atm\"}", "branch: is missing; only a pull client may have none"},
        {"{\"online\":true,\"role\":\"pull\",\"agent\":\"1 0\"}", "agent: found \"1 0\""},
        {"{\"online\":true,\"role\":\"pull\",\"held_until\":\"soon\"}", "held_until: "},
        {"{\"online\":true,\"role\":\"pull\",\"held_reason\":5}", "held_reason: "},
    };
    ASSERT_REFUSED(decode_presence, presences);
    static const struct wrong watches[] = {
        {"{\"step\":1,\"ended\":false}", "watch: is missing"},
        {"{\"watch\":\"9f\",\"ended\":false}", "step: is missing"},
        {"{\"watch\":\"9f\",\"step\":3,\"ended\":false}", "step: found 3"},
        {"{\"watch\":\"9f\",\"step\":1}", "ended: is missing"},
    };
    ASSERT_REFUSED(decode_watch, watches);
    static const struct wrong asks[] = {
        {"{\"versions\":{\"a\":\"1\"},\"nonce\":7}", "nonce: found 7"},
        {"{\"recalled\":0}", "recalled: found 0"},
        {"{\"recalled\":\"6\"}", "recalled: found \"6\""},
        {"{\"nonce\":\"a b\"}", "nonce: found \"a b\", allowed: 1 to 64"},
        {"{\"keys\":\"a\"}", "keys: found \"a\""},
        {"{\"keys\":[\"a\",7]}", "keys: allowed: IDs of keys"},
        {"{\"keys\":[\"a b\"]}", "keys: allowed: IDs of keys"},
        {"{\"keys\":[\"b\",\"a\",\"b\"]}", "keys: found \"b\" twice"},
    };
    ASSERT_REFUSED(decode_ask, asks);
}

static void the_keys_of_an_ask_are_read_in_ascending_order(void **state)
{
    (void)state;
    struct ask ask;
    struct tc_fault fault;
    const char text[] = "{\"keys\":[\"c\",\"a\",\"b\"]}";
    assert_int_equal(ask_decode(text, sizeof text - 1, &ask, &fault), TC_OK);
    assert_int_equal(ask.key_count, 3);
    assert_string_equal(ask.keys[0], "a");
    assert_string_equal(ask.keys[2], "c");
    struct buffer again = {0};
    ask_encode(&ask, &again);
    assert_string_equal(buffer_text(&again), "{\"keys\":[\"a\",\"b\",\"c\"]}");
    buffer_free(&again);
    ask_free(&ask);
}

static void texts_and_lists_over_their_limit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *head, *piece, *tail;
        size_t most;
        decoder *decode;
    } cases[] = {
        {STATUS_START ",\"code\":\"", "c", "\"}", REPORT_CODE_MAX, decode_report},
        {STATUS_START ",\"detail\":\"", "d", "\"}", REPORT_DETAIL_MAX, decode_report},
        {"{\"nonce\":\"", "n", "\"}", TC_ID_MAX, decode_ask},
        {"{\"rollout\":42,\"expires\":\"2026-12-01T00:00:00Z\",\"devices\":[\"A7\"", ",\"A7\"", "]}",
         START_DEVICES_MAX - 1, decode_start},
        {"{\"instruction\":77,\"attempt\":1,\"sequence\":3,\"accepted\":false,\"reason\":\"", "r", "\"}", 127,
         decode_confirm},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t over = 0; over <= 1; over++) {
            struct buffer text = {0};
            struct tc_fault fault = {.text = "none"};
            buffer_put_text(&text, cases[i].head);
            put_repeated(&text, cases[i].piece, cases[i].most + over);
            buffer_put_text(&text, cases[i].tail);
            enum tc_error error = cases[i].decode(text.bytes, text.length, &fault);
            if (error != (over == 0 ? TC_OK : TC_INVALID))
                fail_msg("%s with %zu: %s", cases[i].head, cases[i].most + over, fault.text);
            buffer_free(&text);
        }
    }
}

static void more_versions_than_allowed_are_left_out(void **state)
{
    (void)state;
    for (int count = VERSIONS_MAX; count <= VERSIONS_MAX + 1; count++) {
        struct ask ask = {.versions = json_object()};
        for (int i = 0; i < count; i++) {
            char name[16];
            (void)snprintf(name, sizeof name, "app-%d", i);
            assert_int_equal(json_object_set_new(ask.versions, name, json_string("1.0")), 0);
        }
        struct buffer text = {0};
        struct tc_fault fault;
        ask_encode(&ask, &text);
        struct ask back;
        assert_int_equal(ask_decode(text.bytes, text.length, &back, &fault), TC_OK);
        assert_int_equal(back.versions != NULL, count <= VERSIONS_MAX);
        assert_int_equal(back.versions_fault[0] == '\0', count <= VERSIONS_MAX);
        ask_free(&back);
        buffer_free(&text);
        ask_free(&ask);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_are_not_known_are_ignored),
        cmocka_unit_test(a_key_that_is_there_twice_is_refused),
        cmocka_unit_test(deep_nesting_is_refused_before_it_is_read),
        cmocka_unit_test(brackets_in_a_text_are_no_nesting),
        cmocka_unit_test(sixty_four_kibibytes_are_read_and_one_byte_more_is_not),
        cmocka_unit_test(what_is_not_utf8_is_refused),
        cmocka_unit_test(what_is_not_a_json_object_is_refused),
        cmocka_unit_test(a_report_with_a_wrong_value_is_refused_and_the_field_is_named),
        cmocka_unit_test(the_other_messages_refuse_wrong_values_too),
        cmocka_unit_test(the_keys_of_an_ask_are_read_in_ascending_order),
        cmocka_unit_test(texts_and_lists_over_their_limit_are_refused),
        cmocka_unit_test(more_versions_than_allowed_are_left_out),
        cmocka_unit_test(a_report_that_is_refused_still_says_what_it_is_about),
        cmocka_unit_test(versions_that_are_wrong_are_left_out_and_the_rest_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
