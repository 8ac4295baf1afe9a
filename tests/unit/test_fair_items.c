#include "orchestrator/worker/fair_items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LIMIT = 100, WAITING_MAX = 8, WAITING_BYTES_MAX = 1000, BYTES_MAX = 5000, BURST = 4, INTERVAL_MS = 100 };

struct item {
    int number;
    int kind; /* of kind 1 one waits, the newest */
    int *drops;
};

static bool replaces(const void *item, const void *waiting)
{
    return ((const struct item *)item)->kind == 1 && ((const struct item *)waiting)->kind == 1;
}

static void drop(void *item)
{
    const struct item *dropped = item;
    if (dropped->drops != NULL)
        ++*dropped->drops;
}

static const struct fair_rules rules = {
    .waiting_max = WAITING_MAX,
    .waiting_bytes_max = WAITING_BYTES_MAX,
    .bytes_max = BYTES_MAX,
    .burst = BURST,
    .interval_ms = INTERVAL_MS,
    .replaces = replaces,
    .drop = drop,
};

static int set_up(void **state)
{
    *state = fair_items_open(sizeof(struct item), LIMIT, &rules);
    return 0;
}

static int tear_down(void **state)
{
    fair_items_free(*state);
    return 0;
}

static enum fair_verdict put_bytes(struct fair_items *items, const char *id, int number, size_t bytes)
{
    const struct fair_sender sender = {.id = id, .bytes = bytes};
    return fair_items_put(items, &sender, &(struct item){.number = number});
}

static enum fair_verdict put(struct fair_items *items, const char *id, int number)
{
    return put_bytes(items, id, number, 10);
}

static void assert_takes(struct fair_items *items, size_t most, int64_t now_ms, const char *expected)
{
    struct item taken[LIMIT];
    char text[256] = "";
    size_t count = fair_items_take(items, taken, most, now_ms);
    for (size_t i = 0; i < count; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", i == 0 ? "" : " ", taken[i].number);
    assert_string_equal(text, expected);
}

static void waiting_senders_take_turns_and_the_items_of_each_keep_their_order(void **state)
{
    struct fair_items *items = *state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(put(items, "much", 10 + i), FAIR_TAKEN);
    assert_int_equal(put(items, "little", 20), FAIR_TAKEN);
    assert_int_equal(put(items, "other", 30), FAIR_TAKEN);
    assert_int_equal(put(items, "other", 31), FAIR_TAKEN);
    assert_takes(items, LIMIT, 1, "10 20 30 11 31 12 13");
    assert_int_equal(fair_items_length(items), 0);
}

static void a_sender_that_sends_all_the_time_gets_its_burst_and_then_one_item_an_interval(void **state)
{
    struct fair_items *items = *state;
    int taken = 0;
    for (int64_t now_ms = 1000; now_ms < 3000; now_ms += 5) {
        while (put(items, "flood", 1) == FAIR_TAKEN) {
        }
        struct item out[LIMIT];
        taken += (int)fair_items_take(items, out, LIMIT, now_ms);
    }
    assert_int_equal(taken, BURST + (3000 - 1000) / INTERVAL_MS - 1);
}

static void a_sender_that_rests_delays_no_other(void **state)
{
    struct fair_items *items = *state;
    for (int i = 0; i < WAITING_MAX; i++)
        assert_int_equal(put(items, "flood", i), FAIR_TAKEN);
    assert_takes(items, LIMIT, 1000, "0 1 2 3");
    assert_false(fair_items_are_ready(items));
    assert_int_equal(fair_items_next_ms(items), 1000 + INTERVAL_MS);
    assert_int_equal(put(items, "honest", 50), FAIR_TAKEN);
    assert_true(fair_items_are_ready(items));
    assert_takes(items, LIMIT, 1001, "50");
    assert_takes(items, LIMIT, 1000 + INTERVAL_MS - 1, "");
    assert_takes(items, LIMIT, 1000 + INTERVAL_MS, "4");
}

static void a_sender_that_stays_away_for_long_has_its_whole_burst_again(void **state)
{
    struct fair_items *items = *state;
    for (int64_t now_ms = 1000; now_ms <= 5000; now_ms += INT64_C(2) * BURST * INTERVAL_MS) {
        for (int i = 0; i < BURST; i++)
            assert_int_equal(put(items, "device", i), FAIR_TAKEN);
        assert_takes(items, LIMIT, now_ms, "0 1 2 3");
    }
}

static void a_sender_that_leaves_and_returns_at_once_has_not_its_burst_again(void **state)
{
    struct fair_items *items = *state;
    for (int i = 0; i < BURST; i++)
        assert_int_equal(put(items, "flood", i), FAIR_TAKEN);
    assert_takes(items, LIMIT, 1000, "0 1 2 3");
    assert_takes(items, LIMIT, 1000 + INTERVAL_MS, ""); /* its rest has ended */
    assert_int_equal(put(items, "flood", 4), FAIR_TAKEN);
    assert_int_equal(put(items, "flood", 5), FAIR_TAKEN);
    assert_takes(items, LIMIT, 1000 + INTERVAL_MS, "4");
}

static void the_items_and_the_bytes_of_a_sender_that_wait_are_bounded(void **state)
{
    struct fair_items *items = *state;
    for (int i = 0; i < WAITING_MAX; i++)
        assert_int_equal(put(items, "many", i), FAIR_TAKEN);
    assert_int_equal(put(items, "many", 9), FAIR_OVER);
    assert_int_equal(put_bytes(items, "large", 1, WAITING_BYTES_MAX + 1), FAIR_TAKEN);
    assert_int_equal(put_bytes(items, "large", 2, 1), FAIR_OVER);
    assert_int_equal(put(items, "honest", 1), FAIR_TAKEN);
    const struct fair_sender own = {.id = "many", .bytes = 1, .is_exempt = true};
    assert_int_equal(fair_items_put(items, &own, &(struct item){.number = 10}), FAIR_TAKEN);
}

/* The part is an eighth of the share: two items. */
static void a_full_queue_refuses_senders_with_their_part_in_it_and_makes_the_others_wait(void **state)
{
    (void)state;
    struct fair_rules larger = rules;
    larger.waiting_max = (size_t)2 * WAITING_MAX;
    struct fair_items *items = fair_items_open(sizeof(struct item), LIMIT, &larger);
    char id[16];
    for (int i = 0; i < LIMIT; i++) {
        (void)snprintf(id, sizeof id, "S%d", (i + 1) / 2);
        assert_int_equal(put(items, id, i), FAIR_TAKEN);
    }
    assert_int_equal(put(items, "S1", 1), FAIR_OVER);
    assert_int_equal(put(items, "S0", 1), FAIR_FULL);
    assert_int_equal(put(items, "new", 1), FAIR_FULL);
    struct item out;
    assert_int_equal(fair_items_take(items, &out, 1, 1), 1);
    assert_int_equal(put(items, "new", 1), FAIR_TAKEN);
    fair_items_free(items);
}

static void the_bytes_of_all_senders_are_bounded(void **state)
{
    struct fair_items *items = *state;
    char id[16];
    for (int i = 0; i < BYTES_MAX / WAITING_BYTES_MAX; i++) {
        (void)snprintf(id, sizeof id, "S%d", i);
        assert_int_equal(put_bytes(items, id, i, WAITING_BYTES_MAX), FAIR_TAKEN);
    }
    assert_int_equal(put_bytes(items, "new", 1, 1), FAIR_FULL);
    struct item out;
    assert_int_equal(fair_items_take(items, &out, 1, 1), 1);
    assert_int_equal(put_bytes(items, "new", 1, 1), FAIR_TAKEN);
}

static void the_newest_item_takes_the_place_of_the_one_it_replaces(void **state)
{
    struct fair_items *items = *state;
    int drops = 0;
    const struct fair_sender sender = {.id = "device", .bytes = WAITING_BYTES_MAX};
    const struct fair_sender small = {.id = "device", .bytes = 1};
    assert_int_equal(fair_items_put(items, &small, &(struct item){.number = 1}), FAIR_TAKEN);
    assert_int_equal(fair_items_put(items, &small, &(struct item){.number = 2, .kind = 1, .drops = &drops}),
                     FAIR_TAKEN);
    assert_int_equal(put(items, "other", 9), FAIR_TAKEN);
    for (int i = 3; i < 50; i++)
        assert_int_equal(fair_items_put(items, &sender, &(struct item){.number = i, .kind = 1, .drops = &drops}),
                         FAIR_REPLACED);
    assert_int_equal(drops, 47);
    assert_int_equal(fair_items_length(items), 3);
    assert_takes(items, LIMIT, 1, "1 9 49");
}

static void the_end_of_the_queue_ends_every_rest(void **state)
{
    struct fair_items *items = *state;
    for (int i = 0; i < WAITING_MAX; i++)
        assert_int_equal(put(items, "flood", i), FAIR_TAKEN);
    assert_takes(items, LIMIT, 1000, "0 1 2 3");
    assert_takes(items, LIMIT, INT64_MAX, "4 5 6 7");
}

static void items_that_are_left_are_dropped_with_the_queue(void **state)
{
    (void)state;
    int drops = 0;
    struct fair_items *items = fair_items_open(sizeof(struct item), LIMIT, &rules);
    const struct fair_sender sender = {.id = "device"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(fair_items_put(items, &sender, &(struct item){.drops = &drops}), FAIR_TAKEN);
    fair_items_free(items);
    assert_int_equal(drops, 3);
}

/* Each sender is new: those that went are forgotten, and one that still floods is not. */
static void many_senders_come_and_go_and_the_one_that_floods_is_remembered(void **state)
{
    struct fair_items *items = *state;
    int of_flood = 0;
    int64_t now_ms = 1000;
    for (int i = 0; i < 100000; i++, now_ms += i % 100 == 0) {
        char id[16];
        (void)snprintf(id, sizeof id, "S%d", i);
        assert_int_equal(put(items, id, 0), FAIR_TAKEN);
        (void)put(items, "flood", 1);
        struct item out[LIMIT];
        size_t count = fair_items_take(items, out, LIMIT, now_ms);
        for (size_t k = 0; k < count; k++)
            of_flood += out[k].number;
    }
    assert_in_range(of_flood, BURST, BURST + (now_ms - 1000) / INTERVAL_MS + 1);
}

/* A new sender takes the place of the one that was silent longest. */
static void when_all_senders_are_remembered_the_one_silent_longest_is_forgotten(void **state)
{
    struct fair_items *items = *state;
    for (int i = 0; i < LIMIT + 16384; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "S%d", i);
        for (int turn = 0; turn < BURST - 1; turn++)
            assert_int_equal(put(items, id, i), FAIR_TAKEN);
        struct item out[LIMIT];
        assert_int_equal(fair_items_take(items, out, LIMIT, 1000), BURST - 1);
    }
    char latest[16];
    (void)snprintf(latest, sizeof latest, "S%d", LIMIT + 16384 - 1);
    assert_int_equal(put(items, "new", 1), FAIR_TAKEN);
    for (int i = 0; i < BURST; i++) {
        assert_int_equal(put(items, latest, 2), FAIR_TAKEN);
        assert_int_equal(put(items, "S0", 3), FAIR_TAKEN);
    }
    assert_takes(items, LIMIT, 1000, "1 2 3 3 3 3");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(waiting_senders_take_turns_and_the_items_of_each_keep_their_order),
        TEST(a_sender_that_sends_all_the_time_gets_its_burst_and_then_one_item_an_interval),
        TEST(a_sender_that_rests_delays_no_other),
        TEST(a_sender_that_stays_away_for_long_has_its_whole_burst_again),
        TEST(a_sender_that_leaves_and_returns_at_once_has_not_its_burst_again),
        TEST(the_items_and_the_bytes_of_a_sender_that_wait_are_bounded),
        cmocka_unit_test(a_full_queue_refuses_senders_with_their_part_in_it_and_makes_the_others_wait),
        TEST(the_bytes_of_all_senders_are_bounded),
        TEST(the_newest_item_takes_the_place_of_the_one_it_replaces),
        TEST(the_end_of_the_queue_ends_every_rest),
        cmocka_unit_test(items_that_are_left_are_dropped_with_the_queue),
        TEST(when_all_senders_are_remembered_the_one_silent_longest_is_forgotten),
        TEST(many_senders_come_and_go_and_the_one_that_floods_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
