#include "topics/access.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const struct topic examples[] = {
    {.kind = TOPIC_SUBMIT},
    {.kind = TOPIC_SUBMIT_AS, .user = "alice"},
    {.kind = TOPIC_START, .branch = "B0042"},
    {.kind = TOPIC_DISPATCH, .branch = "B0042", .device = "A7"},
    {.kind = TOPIC_ASK, .device = "A7"},
    {.kind = TOPIC_INSTRUCTION, .device = "A7"},
    {.kind = TOPIC_REPLY, .device = "A7"},
    {.kind = TOPIC_CONFIRM, .device = "A7"},
    {.kind = TOPIC_PRESENCE, .device = "A7"},
    {.kind = TOPIC_PROGRESS, .rollout = 42},
    {.kind = TOPIC_EPOCH},
    {.kind = TOPIC_WATCH},
};

static const char *const example_names[] = {
    "tc/v1/rollout/submit",           "tc/v1/operator/alice/submit", "tc/v1/branch/B0042/start",
    "tc/v1/branch/B0042/dispatch/A7", "tc/v1/device/A7/ask",         "tc/v1/device/A7/instruction",
    "tc/v1/device/A7/reply",          "tc/v1/device/A7/confirm",     "tc/v1/device/A7/presence",
    "tc/v1/rollout/42/progress",      "tc/v1/orchestrator/epoch",    "tc/v1/orchestrator/watch",
};
enum { EXAMPLE_COUNT = sizeof examples / sizeof *examples };

static void every_kind_is_written_as_the_protocol_spells_it(void **state)
{
    (void)state;
    for (int i = 0; i < EXAMPLE_COUNT; i++) {
        char name[TOPIC_SIZE];
        topic_format(TOPIC_ROOT_DEFAULT, &examples[i], name);
        assert_string_equal(name, example_names[i]);
    }
}

static void every_kind_is_read_back_as_it_was_written(void **state)
{
    (void)state;
    for (int i = 0; i < EXAMPLE_COUNT; i++) {
        struct topic topic;
        assert_int_equal(topic_parse("tc/v1", example_names[i], strlen(example_names[i]), &topic), TC_OK);
        assert_int_equal(topic.kind, examples[i].kind);
        assert_string_equal(topic.branch, examples[i].branch);
        assert_string_equal(topic.device, examples[i].device);
        assert_string_equal(topic.user, examples[i].user);
        assert_int_equal(topic.rollout, examples[i].rollout);
    }
}

static void the_longest_ids_and_root_fit(void **state)
{
    (void)state;
    char root[TOPIC_ROOT_MAX + 1];
    struct topic topic = {.kind = TOPIC_DISPATCH};
    memset(root, 'r', TOPIC_ROOT_MAX);
    root[TOPIC_ROOT_MAX] = '\0';
    memset(topic.branch, 'b', TC_ID_MAX);
    memset(topic.device, 'd', TC_ID_MAX);
    assert_true(topic_root_is_valid(root));
    char name[TOPIC_SIZE];
    topic_format(root, &topic, name);
    struct topic back;
    assert_int_equal(topic_parse(root, name, strlen(name), &back), TC_OK);
    assert_memory_equal(&back, &topic, sizeof topic);
    char filter[TOPIC_SIZE];
    topic_filter(root, TOPIC_DISPATCH, topic.branch, filter);
}

static void what_is_not_one_of_our_topics_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "tc",
        "tc/v1",
        "tc/v1/",
        "tc/v2/device/A7/ask",
        "xtc/v1/device/A7/ask",
        "tc/v1device/A7/ask",
        "tc/v1xdevice/A7/ask",
        "tc/v1/device/A7",
        "tc/v1/device/A7/",
        "tc/v1/device/A7/ask/",
        "tc/v1/device/A7/ask/more",
        "tc/v1//device/A7/ask",
        "tc/v1/device//ask",
        "tc/v1/device/+/ask",
        "tc/v1/device/#",
        "tc/v1/device/A.7/ask",
        "tc/v1/device/A 7/ask",
        "tc/v1/device/A7/asks",
        "tc/v1/device/A7/as",
        "tc/v1/device/A7/unknown",
        "tc/v1/branch/B/dispatch",
        "tc/v1/branch/B/dispatch/",
        "tc/v1/operator//submit",
        "tc/v1/operator/al.ice/submit",
        "tc/v1/operator/alice/submit/more",
        "tc/v1/operator/alice/answer",
        "tc/v1/rollout/0/progress",
        "tc/v1/rollout/042/progress",
        "tc/v1/rollout/-1/progress",
        "tc/v1/rollout/1e3/progress",
        "tc/v1/rollout/9999999999999999999/progress",
        "tc/v1/rollout//progress",
        "$share/g/tc/v1/device/A7/ask",
        "tc/v1/device/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/ask",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct topic topic;
        if (topic_parse("tc/v1", cases[i], strlen(cases[i]), &topic) != TC_INVALID)
            fail_msg("read as a topic: %s", cases[i]);
    }
    struct topic topic;
    assert_int_equal(topic_parse("tc/v1", "tc/v1/device/A\0/ask", 19, &topic), TC_INVALID);
}

static void a_root_is_levels_of_words(void **state)
{
    (void)state;
    assert_true(topic_root_is_valid("tc/v1"));
    assert_true(topic_root_is_valid("bank.example/tellercast/v1"));
    static const char *const wrong[] = {"", "/", "/tc", "tc/", "tc//v1", "tc/+", "tc/#", "$SYS", "tc v1", "t\xc3\xa9"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(topic_root_is_valid(wrong[i]));
    char root[TOPIC_ROOT_MAX + 2];
    memset(root, 'r', sizeof root - 1);
    root[sizeof root - 1] = '\0';
    assert_false(topic_root_is_valid(root));
}

static void a_filter_takes_every_topic_of_its_kind(void **state)
{
    (void)state;
    char filter[TOPIC_SIZE];
    topic_filter("tc/v1", TOPIC_ASK, NULL, filter);
    assert_string_equal(filter, "tc/v1/device/+/ask");
    topic_filter("tc/v1", TOPIC_REPLY, "orchestrators", filter);
    assert_string_equal(filter, "$share/orchestrators/tc/v1/device/+/reply");
    topic_filter("tc/v1", TOPIC_DISPATCH, NULL, filter);
    assert_string_equal(filter, "tc/v1/branch/+/dispatch/+");
    topic_filter("tc/v1", TOPIC_SUBMIT_AS, NULL, filter);
    assert_string_equal(filter, "tc/v1/operator/+/submit");
    topic_filter("tc/v1", TOPIC_PROGRESS, NULL, filter);
    assert_string_equal(filter, "tc/v1/rollout/+/progress");
    topic_filter("tc/v1", TOPIC_EPOCH, NULL, filter);
    assert_string_equal(filter, "tc/v1/orchestrator/epoch");
    topic_filter_dispatch_to("tc/v1", "A7", filter);
    assert_string_equal(filter, "tc/v1/branch/+/dispatch/A7");
}

static void a_response_topic_is_read_as_it_is_written(void **state)
{
    (void)state;
    char name[TOPIC_SIZE];
    char user[TC_ID_SIZE];
    topic_format_response("tc/v1", "alice", "9f2c", name);
    assert_string_equal(name, "tc/v1/operator/alice/9f2c");
    assert_true(topic_parse_response("tc/v1", name, strlen(name), user));
    assert_string_equal(user, "alice");
}

static void an_answer_goes_only_below_an_operators_own_level(void **state)
{
    (void)state;
    char user[TC_ID_SIZE];
    assert_true(topic_parse_response("tc/v1", "tc/v1/operator/alice/x/1", 24, user));
    assert_string_equal(user, "alice");
    static const char *const wrong[] = {
        "",
        "tc/v1/operator",
        "tc/v1/operator/alice",
        "tc/v1/operator/alice/",
        "tc/v1/operator/alice/submit",
        "tc/v1/operator//x",
        "tc/v1/operators/alice/x",
        "tc/v1/operato/alice/x",
        "tc/v1/operator/al.ice/x",
        "tc/v1/operator/alice/+",
        "tc/v1/operator/alice/a#",
        "tc/v1/operator/alice/a b",
        "tc/v1/operator/alice/\xc3\xa9",
        "tc/v1/device/A7/instruction",
        "other/operator/alice/x",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (topic_parse_response("tc/v1", wrong[i], strlen(wrong[i]), user))
            fail_msg("taken as a response topic: %s", wrong[i]);
    }
    char endless[2000] = "tc/v1/operator/alice/";
    memset(endless + strlen(endless), 'x', sizeof endless - strlen(endless) - 1);
    assert_false(topic_parse_response("tc/v1", endless, strlen(endless), user));
}

static void the_digits_of_a_client_id_are_the_same_for_a_name_and_a_secret_alone(void **state)
{
    (void)state;
    char digits[TOPIC_CLIENT_DIGITS_SIZE], again[TOPIC_CLIENT_DIGITS_SIZE], other[TOPIC_CLIENT_DIGITS_SIZE];
    topic_client_digits("a secret", "central-1", digits);
    topic_client_digits("a secret", "central-1", again);
    assert_int_equal(strspn(digits, "0123456789abcdef"), TOPIC_CLIENT_DIGITS_SIZE - 1);
    assert_string_equal(digits, again);
    topic_client_digits("a secret", "central-2", other);
    assert_string_not_equal(digits, other);
    topic_client_digits("a secreT", "central-1", other);
    assert_string_not_equal(digits, other);
}

static void a_share_name_is_an_id_that_only_the_secret_gives(void **state)
{
    (void)state;
    char name[TC_ID_SIZE], again[TC_ID_SIZE], other[TC_ID_SIZE];
    topic_share_name("a secret", name);
    topic_share_name("a secret", again);
    topic_share_name("a secreT", other);
    assert_true(id_is_valid(name, strlen(name)));
    assert_string_equal(name, again);
    assert_string_not_equal(name, other);
    assert_null(strstr(name, "secret"));
}

static void the_access_list_needs_no_line_a_device(void **state)
{
    (void)state;
    struct buffer acl = {0};
    access_write_list("tc/v1", TOPIC_ORCHESTRATOR_USER, &acl);
    access_write_operator("tc/v1", "alice", &acl);
    assert_string_equal(buffer_text(&acl), "# A device, a node included: its user name is its device ID.\n"
                                           "pattern read tc/v1/device/%u/instruction\n"
                                           "pattern read tc/v1/device/%u/confirm\n"
                                           "pattern write tc/v1/device/%u/ask\n"
                                           "pattern write tc/v1/device/%u/reply\n"
                                           "pattern write tc/v1/device/%u/presence\n"
                                           "pattern read tc/v1/branch/%u/start\n"
                                           "pattern write tc/v1/branch/%u/dispatch/+\n"
                                           "pattern read tc/v1/branch/+/dispatch/%u\n"
                                           "# The answers to what an operator submitted.\n"
                                           "pattern read tc/v1/operator/%u/#\n"
                                           "\n"
                                           "# The orchestrators.\n"
                                           "user " TOPIC_ORCHESTRATOR_USER "\n"
                                           "topic read tc/v1/rollout/submit\n"
                                           "topic read tc/v1/operator/+/submit\n"
                                           "topic write tc/v1/branch/+/start\n"
                                           "topic read tc/v1/device/+/ask\n"
                                           "topic write tc/v1/device/+/instruction\n"
                                           "topic read tc/v1/device/+/reply\n"
                                           "topic write tc/v1/device/+/confirm\n"
                                           "topic read tc/v1/device/+/presence\n"
                                           "topic write tc/v1/rollout/+/progress\n"
                                           "topic readwrite tc/v1/orchestrator/epoch\n"
                                           "topic readwrite tc/v1/orchestrator/watch\n"
                                           "topic write tc/v1/operator/+/#\n"
                                           "\n"
                                           "# An operator.\n"
                                           "user alice\n"
                                           "topic write tc/v1/operator/alice/submit\n"
                                           "topic write tc/v1/rollout/submit\n"
                                           "topic read tc/v1/device/+/presence\n"
                                           "topic read tc/v1/rollout/+/progress\n"
                                           "topic read tc/v1/orchestrator/epoch\n");
    struct buffer page = {0};
    assert_int_equal(file_read("docs/protocol.md", 1000000, &page, NULL), TC_OK);
    if (strstr(page.bytes, acl.bytes) == NULL)
        fail_msg("docs/protocol.md shows another access list");
    buffer_free(&page);
    buffer_free(&acl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_written_as_the_protocol_spells_it),
        cmocka_unit_test(every_kind_is_read_back_as_it_was_written),
        cmocka_unit_test(the_longest_ids_and_root_fit),
        cmocka_unit_test(what_is_not_one_of_our_topics_is_refused),
        cmocka_unit_test(a_root_is_levels_of_words),
        cmocka_unit_test(a_filter_takes_every_topic_of_its_kind),
        cmocka_unit_test(a_response_topic_is_read_as_it_is_written),
        cmocka_unit_test(an_answer_goes_only_below_an_operators_own_level),
        cmocka_unit_test(the_digits_of_a_client_id_are_the_same_for_a_name_and_a_secret_alone),
        cmocka_unit_test(a_share_name_is_an_id_that_only_the_secret_gives),
        cmocka_unit_test(the_access_list_needs_no_line_a_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
