/* What readers of the feed get, and when they end. The statements are this test's own: a log of three thousand events,
 * one rollout with progress, and one device. */
#include "base/clock.h"
#include "orchestrator/events/event_feed_private.h"
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/event_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NEWEST = 3000, DEADLINE_MS = 8000, LOOK_MS = 2, TEXT_SIZE = 1024 };

static struct {
    atomic_bool hangs, is_hanging;     /* a page for somebody who is behind */
    atomic_int reads, checks;          /* of the log, of a standing that is not FEED_MAY */
    atomic_int log_fails, whole_fails; /* so many times from now on; below 0: always */
    atomic_int standing;
    atomic_bool has_progress;
} its;

/* ---- the store ---- */

static bool fails(atomic_int *times)
{
    int left = *times;
    if (left > 0)
        *times = left - 1;
    return left != 0;
}

enum tc_error store_open(const char *connection, const char *role, struct store **store, struct tc_fault *fault)
{
    (void)connection, (void)role, (void)fault;
    *store = NULL;
    return TC_OK;
}

void store_close(struct store *store)
{
    (void)store;
}

void events_position_put(const struct events_position *position, char text[static EVENTS_POSITION_SIZE])
{
    (void)snprintf(text, EVENTS_POSITION_SIZE, "%d-%d", (int)position->epoch, (int)position->number);
}

enum tc_error events_read_state(struct store *store, struct events_state *state, struct tc_fault *fault)
{
    (void)store, (void)fault;
    *state = (struct events_state){.newest = {1, NEWEST}, .oldest = 1};
    return TC_OK;
}

enum tc_error events_read(struct store *store, const struct events_position *after, int limit, events_take *take,
                          void *context, struct events_state *state, struct tc_fault *fault)
{
    static const char document[] = "{}";
    while (limit < EVENTS_READ_MAX && its.hangs) {
        its.is_hanging = true;
        clock_sleep_ms(LOOK_MS);
    }
    its.reads++;
    if (fails(&its.log_fails))
        return tc_fault_set(fault, TC_UNAVAILABLE, "away");
    (void)events_read_state(store, state, fault);
    int64_t last = after->number + limit < NEWEST ? after->number + limit : NEWEST;
    for (int64_t number = after->number + 1; number <= last; number++) {
        const struct logged_event event = {.position = {1, number},
                                           .kind = EVENT_OF_ROLLOUT,
                                           .readers = READERS_OF_ROLLOUT,
                                           .document = document,
                                           .document_of_part = document};
        take(context, &event);
    }
    state->has_more = last < NEWEST;
    return TC_OK;
}

enum tc_error events_read_sights(struct store *store, const char *patterns, const int64_t *numbers, size_t count,
                                 enum event_sight *sights, struct tc_fault *fault)
{
    (void)store, (void)patterns, (void)numbers, (void)fault;
    for (size_t i = 0; i < count; i++)
        sights[i] = EVENT_WHOLE;
    return TC_OK;
}

enum tc_error event_facts_read_progress(struct store *store, const int64_t *rollouts, size_t count,
                                        event_facts_take_progress *take, void *context, struct tc_fault *fault)
{
    (void)store, (void)rollouts, (void)count, (void)fault;
    if (its.has_progress)
        take(context, 1, false, "{}");
    return TC_OK;
}

enum tc_error event_facts_read_whole(struct store *store, const char *patterns, const int64_t *rollouts, size_t count,
                                     bool *is_whole, struct tc_fault *fault)
{
    (void)store, (void)patterns, (void)rollouts;
    if (fails(&its.whole_fails))
        return tc_fault_set(fault, TC_UNAVAILABLE, "away");
    for (size_t i = 0; i < count; i++)
        is_whole[i] = true;
    return TC_OK;
}

enum tc_error event_facts_read_devices(struct store *store, const char *const *devices, const char *const *patterns,
                                       size_t count, event_facts_take_device *take, void *context,
                                       struct tc_fault *fault)
{
    (void)store, (void)devices, (void)patterns, (void)fault;
    for (size_t i = 0; i < count; i++)
        take(context, i, "{}");
    return TC_OK;
}

/* ---- a client ---- */

struct client {
    struct feed_reader *reader;
    atomic_bool waits;
    atomic_int wakes;
};

static void wait_for_more(void *context)
{
    ((struct client *)context)->waits = true;
}

static void wake(void *context)
{
    struct client *client = context;
    client->wakes++;
    client->waits = false;
}

static enum feed_standing check(void *context)
{
    (void)context;
    its.checks += its.standing != FEED_MAY;
    return (enum feed_standing)its.standing;
}

static bool has_gone(void *context)
{
    (void)context;
    return false;
}

static void join(struct event_feed *feed, struct client *client, struct feed_reader_config config)
{
    struct tc_fault fault;
    *client = (struct client){0};
    config.person = "ann";
    config.wait = wait_for_more;
    config.wake = wake;
    config.check = check;
    config.has_gone = has_gone;
    config.context = client;
    config.kinds = config.kinds == 0 ? FEED_EVERY_KIND : config.kinds;
    assert_int_equal(event_feed_join(feed, &config, &client->reader, &fault), TC_OK);
}

#define wait_until(condition)                                                                                          \
    for (int64_t until_ms = clock_monotonic_ms() + DEADLINE_MS; !(condition); clock_sleep_ms(LOOK_MS))                 \
    assert_true(clock_monotonic_ms() < until_ms)

/* What it gets next: at most `size` bytes, or as event_feed_take returns. */
static ssize_t next(struct client *client, char *text, size_t size)
{
    ssize_t count;
    while ((count = event_feed_take(client->reader, text, size)) == 0)
        wait_until(!client->waits);
    text[count > 0 ? count : 0] = '\0';
    return count;
}

/* What it gets in the end. */
static ssize_t end(struct client *client)
{
    ssize_t count;
    char text[TEXT_SIZE + 1];
    while ((count = next(client, text, TEXT_SIZE)) > 0)
        assert_null(strstr(text, "reset"));
    return count;
}

static void pass_cycles(int count)
{
    int before = its.reads;
    wait_until(its.reads >= before + count);
}

static int open_feed(void **state)
{
    struct tc_fault fault;
    struct event_feed *feed;
    memset(&its, 0, sizeof its);
    if (event_feed_open("", 100, &feed, &fault) != TC_OK)
        return -1;
    *state = feed;
    return 0;
}

static int close_feed(void **state)
{
    its.hangs = false;
    event_feed_close(*state);
    return 0;
}

/* ---- the tests ---- */

static void test_who_may_no_longer_read_ends_in_the_middle_of_a_page(void **state)
{
    char text[TEXT_SIZE + 1];
    struct client client;
    join(*state, &client, (struct feed_reader_config){.from_oldest = true});
    assert_int_equal(next(&client, text, 10), 10);
    assert_string_equal(text, "id: 1-1\nev");
    its.standing = FEED_MAY_NOT;
    wait_until(its.checks > 0);
    assert_int_equal(end(&client), FEED_END);
    event_feed_leave(client.reader);
}

static void test_who_does_not_want_progress_is_not_woken_by_it(void **state)
{
    char text[TEXT_SIZE + 1];
    struct client client, other;
    its.has_progress = true;
    join(*state, &client, (struct feed_reader_config){.kinds = FEED_KIND_BIT(FEED_ROLLOUT)});
    join(*state, &other, (struct feed_reader_config){0});
    assert_true(next(&client, text, TEXT_SIZE) > 0);
    assert_string_equal(text, "id: 1-3000\n\n");
    assert_int_equal(event_feed_take(client.reader, text, TEXT_SIZE), 0);
    int before = client.wakes;
    do
        assert_true(next(&other, text, TEXT_SIZE) > 0);
    while (strstr(text, "event: progress") == NULL);
    pass_cycles(2);
    assert_int_equal(client.wakes, before);
    event_feed_leave(client.reader);
    event_feed_leave(other.reader);
}

static bool has_forgotten(struct event_feed *feed)
{
    (void)pthread_mutex_lock(&feed->lock);
    bool has = TAILQ_EMPTY(&feed->progress);
    (void)pthread_mutex_unlock(&feed->lock);
    return has;
}

static void test_who_need_not_follow_ends_although_progress_was_dropped(void **state)
{
    char text[TEXT_SIZE + 1];
    struct client client;
    its.has_progress = true;
    join(*state, &client, (struct feed_reader_config){0});
    do
        assert_true(next(&client, text, TEXT_SIZE) > 0);
    while (strstr(text, "event: progress") == NULL);
    event_feed_leave(client.reader);
    its.has_progress = false;
    wait_until(has_forgotten(*state));
    join(*state, &client, (struct feed_reader_config){.ends = true});
    assert_int_equal(end(&client), FEED_END);
    event_feed_leave(client.reader);
}

static void test_at_the_end_of_the_feed_nobody_waits_although_a_page_is_read_for_it(void **state)
{
    char text[TEXT_SIZE + 1];
    struct client client;
    its.hangs = true;
    join(*state, &client, (struct feed_reader_config){.from_oldest = true});
    wait_until(its.is_hanging);
    assert_int_equal(event_feed_take(client.reader, text, TEXT_SIZE), 0);
    assert_true(client.waits);
    event_feed_end(*state);
    assert_false(client.waits);
    assert_int_equal(event_feed_take(client.reader, text, TEXT_SIZE), FEED_END);
    assert_false(client.waits);
    event_feed_leave(client.reader);
    its.hangs = false;
}

static void test_who_need_not_follow_ends_well_with_all_that_there_is(void **state)
{
    struct client client;
    its.has_progress = true;
    join(*state, &client, (struct feed_reader_config){.ends = true, .from_oldest = true});
    assert_int_equal(end(&client), FEED_END);
    assert_int_equal(client.reader->number, NEWEST);
    assert_int_equal(client.reader->change, 1);
    event_feed_leave(client.reader);
}

static void test_who_need_not_follow_ends_badly_when_the_log_cannot_be_read(void **state)
{
    char text[TEXT_SIZE + 1];
    struct client client, other;
    join(*state, &other, (struct feed_reader_config){0});
    assert_true(next(&other, text, TEXT_SIZE) > 0);
    its.log_fails = -1;
    pass_cycles(1);
    join(*state, &client, (struct feed_reader_config){.ends = true});
    assert_int_equal(end(&client), FEED_CUT);
    event_feed_leave(client.reader);
    event_feed_leave(other.reader);
}

static void test_who_need_not_follow_ends_badly_when_it_is_unknown_whether_it_may_read(void **state)
{
    char text[TEXT_SIZE + 1];
    struct client client;
    join(*state, &client, (struct feed_reader_config){.ends = true, .from_oldest = true});
    assert_int_equal(next(&client, text, 10), 10);
    its.standing = FEED_UNKNOWN;
    wait_until(its.checks > 0);
    assert_int_equal(end(&client), FEED_CUT);
    event_feed_leave(client.reader);
}

static void test_a_position_is_looked_up_in_a_log_that_was_read(void **state)
{
    char text[TEXT_SIZE + 1];
    struct client client;
    const struct events_position after = {1, NEWEST - 1};
    its.log_fails = 2;
    join(*state, &client, (struct feed_reader_config){.after = &after});
    assert_true(next(&client, text, TEXT_SIZE) > 0);
    assert_string_equal(text, "id: 1-3000\nevent: rollout\ndata: {}\n\n");
    event_feed_leave(client.reader);
}

static void test_who_follows_a_device_gets_nothing_of_the_log(void **state)
{
    char text[TEXT_SIZE + 1];
    struct client client;
    for (int is_old = 0; is_old < 2; is_old++) {
        join(*state, &client, (struct feed_reader_config){.device = "A1", .from_oldest = is_old, .ends = true});
        assert_true(next(&client, text, TEXT_SIZE) > 0);
        assert_string_equal(text, "event: device\ndata: {}\n\n");
        assert_int_equal(end(&client), FEED_END);
        event_feed_leave(client.reader);
    }
}

static void test_which_rollouts_somebody_sees_is_read_again_at_once_when_that_failed(void **state)
{
    char text[TEXT_SIZE + 1];
    struct client client;
    its.has_progress = true;
    its.whole_fails = 1;
    join(*state, &client, (struct feed_reader_config){.patterns = "[]", .kinds = FEED_KIND_BIT(FEED_PROGRESS)});
    assert_true(next(&client, text, TEXT_SIZE) > 0); /* its position */
    assert_true(next(&client, text, TEXT_SIZE) > 0);
    assert_string_equal(text, "event: progress\ndata: {}\n\n");
    event_feed_leave(client.reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_may_no_longer_read_ends_in_the_middle_of_a_page, open_feed,
                                        close_feed),
        cmocka_unit_test_setup_teardown(test_who_does_not_want_progress_is_not_woken_by_it, open_feed, close_feed),
        cmocka_unit_test_setup_teardown(test_who_need_not_follow_ends_although_progress_was_dropped, open_feed,
                                        close_feed),
        cmocka_unit_test_setup_teardown(test_at_the_end_of_the_feed_nobody_waits_although_a_page_is_read_for_it,
                                        open_feed, close_feed),
        cmocka_unit_test_setup_teardown(test_who_need_not_follow_ends_well_with_all_that_there_is, open_feed,
                                        close_feed),
        cmocka_unit_test_setup_teardown(test_who_need_not_follow_ends_badly_when_the_log_cannot_be_read, open_feed,
                                        close_feed),
        cmocka_unit_test_setup_teardown(test_who_need_not_follow_ends_badly_when_it_is_unknown_whether_it_may_read,
                                        open_feed, close_feed),
        cmocka_unit_test_setup_teardown(test_a_position_is_looked_up_in_a_log_that_was_read, open_feed, close_feed),
        cmocka_unit_test_setup_teardown(test_who_follows_a_device_gets_nothing_of_the_log, open_feed, close_feed),
        cmocka_unit_test_setup_teardown(test_which_rollouts_somebody_sees_is_read_again_at_once_when_that_failed,
                                        open_feed, close_feed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
