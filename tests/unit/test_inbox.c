/* The inbox: merged and dropped messages, and that only the worker's thread ever waits. */
#include "base/buffer.h"
#include "clients/agent/inbox.h"
#include "clients/agent/inbox_merge.h"
#include "topics/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 100000 };

static int open_inbox(void **state)
{
    *state = inbox_create();
    return 0;
}

static int close_inbox(void **state)
{
    inbox_destroy(*state);
    return 0;
}

static void put(struct inbox *inbox, enum topic_kind kind, const char *payload, bool retained)
{
    struct inbox_item item = {.kind = INBOX_MESSAGE};
    item.message.topic.kind = kind;
    item.message.payload = strdup(payload);
    item.message.length = strlen(payload);
    item.message.retained = retained;
    inbox_put(inbox, &item);
}

/* Takes a message that must have this payload. */
static void assert_next(struct inbox *inbox, const char *payload)
{
    struct inbox_item item;
    assert_true(inbox_take(inbox, &item));
    assert_int_equal(item.kind, INBOX_MESSAGE);
    assert_int_equal(item.message.length, strlen(payload));
    assert_memory_equal(item.message.payload, payload, item.message.length);
    inbox_item_free(&item);
}

static void assert_empty(struct inbox *inbox)
{
    struct inbox_item item;
    assert_false(inbox_take(inbox, &item));
}

#define DISPATCH(rollout, year) "{\"rollout\":" #rollout ",\"device\":\"A7\",\"expires\":\"" #year "-01-01T00:00:00Z\"}"
#define START(rollout, devices, year)                                                                                  \
    "{\"rollout\":" #rollout ",\"devices\":[" devices "],\"expires\":\"" #year "-01-01T00:00:00Z\"}"

static void many_dispatches_are_one_which_is_good_for_as_long_as_the_longest(void **state)
{
    struct inbox *inbox = *state;
    put(inbox, TOPIC_DISPATCH, DISPATCH(42, 2030), false);
    for (int i = 0; i < MANY; i++)
        put(inbox, TOPIC_DISPATCH, DISPATCH(1, 2029), false);
    assert_next(inbox, DISPATCH(42, 2030));
    assert_empty(inbox);
    put(inbox, TOPIC_DISPATCH, DISPATCH(42, 2030), false);
    put(inbox, TOPIC_DISPATCH, DISPATCH(43, 2030), false);
    assert_next(inbox, DISPATCH(43, 2030));
    assert_empty(inbox);
}

static void a_dispatch_that_is_retained_or_cannot_be_read_takes_the_place_of_none(void **state)
{
    struct inbox *inbox = *state;
    put(inbox, TOPIC_DISPATCH, DISPATCH(42, 2030), false);
    for (int i = 0; i < MANY; i++)
        put(inbox, TOPIC_DISPATCH, i % 2 ? "{" : DISPATCH(1, 2031), i % 2 == 0);
    assert_next(inbox, DISPATCH(42, 2030));
    for (int i = 0; i < INBOX_OTHERS_MAX; i++)
        assert_next(inbox, i % 2 ? "{" : DISPATCH(1, 2031));
    assert_empty(inbox);
}

static void many_starts_are_as_many_as_their_devices(void **state)
{
    struct inbox *inbox = *state;
    put(inbox, TOPIC_START, START(1, "\"A1\",\"A2\",\"A3\"", 2030), false);
    for (int i = 0; i < MANY; i++)
        put(inbox, TOPIC_START, i % 2 ? START(2, "\"A2\",\"A4\"", 2030) : START(3, "\"A3\"", 2031), false);
    put(inbox, TOPIC_START, START(4, "\"A3\"", 2030), false);
    assert_next(inbox, START(1, "\"A1\"", 2030));
    assert_next(inbox, START(3, "\"A3\"", 2031));
    assert_next(inbox, START(2, "\"A2\",\"A4\"", 2030));
    assert_empty(inbox);
}

static void of_starts_for_more_devices_than_a_branch_has_the_newest_are_kept(void **state)
{
    struct inbox *inbox = *state;
    struct inbox_item item;
    for (int i = 0; i < 2 * INBOX_STARTS_MAX; i++) {
        struct buffer text = {0};
        buffer_format(&text, START(1, "\"A%d\"", 2030), i);
        put(inbox, TOPIC_START, text.bytes, false);
        buffer_free(&text);
    }
    assert_next(inbox, START(1, "\"A1024\"", 2030));
    int count = 1;
    for (; inbox_take(inbox, &item); count++)
        inbox_item_free(&item);
    assert_int_equal(count, INBOX_STARTS_MAX);
}

static void of_instructions_and_other_messages_the_newest_are_kept_and_events_all(void **state)
{
    struct inbox *inbox = *state;
    struct inbox_item item;
    char text[16];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        put(inbox, TOPIC_INSTRUCTION, text, i % 2);
    }
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        put(inbox, TOPIC_CONFIRM, text, false);
    }
    inbox_put(inbox, &(struct inbox_item){.kind = INBOX_CONNECTION_LOST});
    for (int i = MANY - INBOX_INSTRUCTIONS_MAX; i < MANY; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        assert_next(inbox, text);
    }
    for (int i = MANY - INBOX_OTHERS_MAX; i < MANY; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        assert_next(inbox, text);
    }
    assert_true(inbox_take(inbox, &item));
    assert_int_equal(item.kind, INBOX_CONNECTION_LOST);
    assert_empty(inbox);
}

static void the_newest_progress_is_kept_and_comes_before_the_end(void **state)
{
    struct inbox *inbox = *state;
    struct inbox_item item;
    for (int i = 1; i <= MANY; i++)
        inbox_put(inbox, &(struct inbox_item){.kind = INBOX_INSTALL_PROGRESS, .percent = i});
    inbox_put_work(inbox, &(struct inbox_item){.kind = INBOX_INSTALLED});
    assert_true(inbox_take(inbox, &item));
    assert_int_equal(item.percent, MANY);
    assert_true(inbox_take(inbox, &item));
    assert_int_equal(item.kind, INBOX_INSTALLED);
    assert_empty(inbox);
}

#define WITH_INBOX(test) cmocka_unit_test_setup_teardown(test, open_inbox, close_inbox)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_INBOX(many_dispatches_are_one_which_is_good_for_as_long_as_the_longest),
        WITH_INBOX(a_dispatch_that_is_retained_or_cannot_be_read_takes_the_place_of_none),
        WITH_INBOX(many_starts_are_as_many_as_their_devices),
        WITH_INBOX(of_starts_for_more_devices_than_a_branch_has_the_newest_are_kept),
        WITH_INBOX(of_instructions_and_other_messages_the_newest_are_kept_and_events_all),
        WITH_INBOX(the_newest_progress_is_kept_and_comes_before_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
