/* The queues of asks and updates: what a device can put into them, and what becomes of the rest. */
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/queues/queued_ask.h"
#include "orchestrator/queues/update.h"
#include "topics/topic.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIMIT = 1000, WAIT_MS = 20000 };

static void ask(struct batch_queue *asks, const char *device, const char *payload)
{
    assert_int_equal(queued_ask_put(asks, device, payload, strlen(payload)), TC_OK);
}

static void of_a_device_that_asks_again_the_newest_ask_waits_in_the_place_of_the_first(void **state)
{
    (void)state;
    struct batch_queue *asks = ask_queue_open(LIMIT);
    int64_t received = metric_value(METRIC_ASKS_RECEIVED), replaced = metric_value(METRIC_ASKS_REPLACED);
    ask(asks, "A1", "first");
    ask(asks, "A2", "other");
    for (int i = 0; i < 5000; i++)
        ask(asks, "A1", "again");
    ask(asks, "A1", "newest");
    struct queued_ask taken[4];
    assert_int_equal(batch_queue_take(asks, taken, 4, WAIT_MS, 0), 2);
    assert_string_equal(taken[0].device, "A1");
    assert_memory_equal(taken[0].payload, "newest", taken[0].length);
    assert_string_equal(taken[1].device, "A2");
    assert_int_equal(metric_value(METRIC_ASKS_RECEIVED) - received, 5003);
    assert_int_equal(metric_value(METRIC_ASKS_REPLACED) - replaced, 5001);
    free(taken[0].payload);
    free(taken[1].payload);
    batch_queue_free(asks);
}

struct updates {
    struct batch_queue *queue;
    struct update_queues queues;
};

static int open_updates(void **state)
{
    struct updates *updates = calloc(1, sizeof *updates);
    updates->queue = update_queue_open(LIMIT, 1);
    updates->queues = (struct update_queues){&updates->queue, 1};
    *state = updates;
    return 0;
}

static int free_updates(void **state)
{
    struct updates *updates = *state;
    batch_queue_free(updates->queue);
    free(updates);
    return 0;
}

static void reports_of_a_device_over_its_share_are_left_out_and_counted(void **state)
{
    const struct updates *updates = *state;
    int64_t before = metric_value(METRIC_STATUSES_LEFT_OUT);
    for (int i = 0; i < UPDATE_REPORTS_MAX; i++)
        assert_int_equal(update_put_report(&updates->queues, "A1", "{}", 2), TC_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(update_put_report(&updates->queues, "A1", "{}", 2), TC_BUSY);
    assert_int_equal(metric_value(METRIC_STATUSES_LEFT_OUT) - before, 100);
    assert_int_equal(update_put_report(&updates->queues, "A2", "{}", 2), TC_OK);
    assert_int_equal(update_put_sent(&updates->queues, "A1", 77, 1), TC_OK); /* ours is never left out */
    assert_int_equal(batch_queue_length(updates->queue), UPDATE_REPORTS_MAX + 2);
}

static void the_largest_reports_of_a_device_take_no_more_space_than_its_share(void **state)
{
    const struct updates *updates = *state;
    char *large = calloc(1, MESSAGE_SIZE_MAX);
    size_t taken = 0;
    while (taken < UPDATE_REPORTS_MAX && update_put_report(&updates->queues, "A1", large, MESSAGE_SIZE_MAX) == TC_OK)
        taken++;
    assert_int_equal(taken, UPDATE_REPORTS_BYTES_MAX / MESSAGE_SIZE_MAX);
    free(large);
}

static void versions_and_keys_of_a_device_that_wait_are_replaced_by_newer_ones(void **state)
{
    const struct updates *updates = *state;
    assert_int_equal(update_put_report(&updates->queues, "A1", "{}", 2), TC_OK);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(update_put_versions(&updates->queues, "A1", "{\"a\":\"1\"}", i), TC_OK);
        assert_int_equal(update_put_keys(&updates->queues, "A1", "old new"), TC_OK);
    }
    assert_int_equal(update_put_versions(&updates->queues, "A1", "{\"a\":\"2\"}", 500), TC_OK);
    assert_int_equal(update_put_keys(&updates->queues, "A1", "new"), TC_OK);
    struct update taken[4];
    assert_int_equal(batch_queue_take(updates->queue, taken, 4, WAIT_MS, 0), 3);
    assert_int_equal(taken[0].kind, UPDATE_REPORT);
    assert_string_equal(taken[1].payload, "{\"a\":\"2\"}");
    assert_int_equal(taken[1].received_ms, 500);
    assert_string_equal(taken[2].payload, "new");
    free(taken[2].payload);
    free(taken[0].payload);
    free(taken[1].payload);
}

static void *report_when_there_is_space(void *context)
{
    const struct updates *updates = context;
    return update_put_report(&updates->queues, "honest", "{}", 2) == TC_OK ? context : NULL;
}

static void a_report_waits_for_space_when_the_reports_of_others_fill_the_queue(void **state)
{
    struct updates *updates = *state;
    char device[16];
    assert_int_equal(update_put_report(&updates->queues, "honest", "{}", 2), TC_OK);
    for (int i = 1; i < LIMIT; i++) {
        (void)snprintf(device, sizeof device, "F%d", i % 50);
        assert_int_equal(update_put_report(&updates->queues, device, "{}", 2), TC_OK);
    }
    assert_int_equal(update_put_report(&updates->queues, "F1", "{}", 2), TC_BUSY);
    pthread_t thread; /* one report of it is in the queue: far from its share */
    assert_int_equal(pthread_create(&thread, NULL, report_when_there_is_space, updates), 0);
    struct update taken;
    int of_honest = 0;
    for (int i = 0; i < LIMIT + 1; i++) {
        assert_int_equal(batch_queue_take(updates->queue, &taken, 1, WAIT_MS, 0), 1);
        of_honest += strcmp(taken.device, "honest") == 0;
        free(taken.payload);
    }
    void *result = NULL;
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    assert_int_equal(of_honest, 2);
}

/* Of one device more than its burst: the taker, which waits for ever, is woken when the rest ends. */
static void a_taker_gets_what_a_resting_device_has_left_without_a_further_item(void **state)
{
    const struct updates *updates = *state;
    int taken_count = 0;
    (void)alarm(WAIT_MS / 1000); /* ends the test that hangs */
    struct update taken[LIMIT];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < UPDATE_REPORTS_MAX; i++)
            assert_int_equal(update_put_report(&updates->queues, "A1", "{}", 2), TC_OK);
        while (batch_queue_length(updates->queue) > 0) {
            size_t count = batch_queue_take(updates->queue, taken, LIMIT, -1, 0);
            assert_true(count > 0);
            for (size_t i = 0; i < count; i++)
                free(taken[i].payload);
            taken_count += (int)count;
        }
    }
    (void)alarm(0);
    assert_int_equal(taken_count, 3 * UPDATE_REPORTS_MAX);
}

static void a_closed_queue_gives_all_that_a_resting_device_has_in_it(void **state)
{
    const struct updates *updates = *state;
    struct update taken[LIMIT];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < UPDATE_REPORTS_MAX; i++)
            assert_int_equal(update_put_sent(&updates->queues, "A1", i + 1, 1), TC_OK);
        if (round < 2)
            assert_int_equal(batch_queue_take(updates->queue, taken, LIMIT, WAIT_MS, 0), UPDATE_REPORTS_MAX);
    }
    batch_queue_close(updates->queue);
    assert_int_equal(batch_queue_take(updates->queue, taken, LIMIT, 0, 0), UPDATE_REPORTS_MAX);
    assert_int_equal(update_put_report(&updates->queues, "A1", "{}", 2), TC_UNAVAILABLE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_updates, free_updates)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_device_that_asks_again_the_newest_ask_waits_in_the_place_of_the_first),
        TEST(reports_of_a_device_over_its_share_are_left_out_and_counted),
        TEST(the_largest_reports_of_a_device_take_no_more_space_than_its_share),
        TEST(versions_and_keys_of_a_device_that_wait_are_replaced_by_newer_ones),
        TEST(a_report_waits_for_space_when_the_reports_of_others_fill_the_queue),
        TEST(a_taker_gets_what_a_resting_device_has_left_without_a_further_item),
        TEST(a_closed_queue_gives_all_that_a_resting_device_has_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
