/* When a webhook's events are posted, and when they are not. The statements, the receiver and the clock are this test's
 * own: a log of a few events, and the position of one webhook. */
#include "orchestrator/webhooks/delivery.h"

#include "base/clock.h"
#include "orchestrator/store/webhooks.h"
#include "orchestrator/webhooks/post.h"
#include "tests/property/engine/stepped_worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NEWEST = 3, POSTS_MAX = 16, FIRST_PAUSE_MS = 1000, SECOND_PAUSE_MS = 2000 };

static struct {
    _Atomic int64_t epoch; /* of the conductor's lease */
    int64_t now_ms, position, tries;
    bool is_over;         /* what fails is given up */
    bool loses_lease;     /* with the next post */
    bool ends;            /* while the next post is under way */
    int moves_fail;       /* so many times */
    enum tc_error answer; /* of the receiver */
    int64_t posted[POSTS_MAX];
    size_t posts;
    struct delivery *delivery;
    struct worker *worker;
} its;

/* ---- the store ---- */

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

void store_use_guard(struct store *store, struct store_guard *guard)
{
    (void)store, (void)guard;
}

enum tc_error store_guard_check(struct store_guard *guard, struct tc_fault *fault)
{
    (void)guard, (void)fault;
    return TC_OK;
}

enum tc_error webhook_read_place(struct store *store, const char *name, int64_t epoch, struct webhook_place *place,
                                 struct tc_fault *fault)
{
    (void)store, (void)name;
    if (epoch != its.epoch)
        return tc_fault_set(fault, TC_DENIED, "another orchestrator conducts");
    *place = (struct webhook_place){.position = {.epoch = 1, .number = its.position}};
    return TC_OK;
}

enum tc_error webhook_move(struct store *store, const char *name, int64_t number, bool delivered,
                           struct tc_fault *fault)
{
    (void)store, (void)name;
    assert_true(delivered);
    if (its.moves_fail > 0) {
        its.moves_fail--;
        return tc_fault_set(fault, TC_UNAVAILABLE, "away");
    }
    its.position = number;
    its.tries = 0;
    return TC_OK;
}

enum tc_error webhook_skip(struct store *store, const char *name, int64_t was, int64_t number, bool *moved,
                           struct tc_fault *fault)
{
    (void)store, (void)name, (void)was, (void)number, (void)moved, (void)fault;
    fail_msg("the log has all events");
    return TC_OK;
}

enum tc_error webhook_fail(struct store *store, const char *name, int64_t number, const char *reason,
                           int64_t give_up_ms, struct webhook_failure *failure, struct tc_fault *fault)
{
    (void)store, (void)name, (void)number, (void)reason, (void)give_up_ms, (void)fault;
    *failure = (struct webhook_failure){.is_over = its.is_over, .tries = ++its.tries};
    return TC_OK;
}

enum tc_error webhook_give_up(struct store *store, const char *name, int64_t number, const char *kind,
                              struct tc_fault *fault)
{
    (void)store, (void)name, (void)kind, (void)fault;
    its.position = number;
    return TC_OK;
}

enum tc_error webhook_write_test(struct store *store, const char *name, int64_t test_at_us, const char *reason,
                                 struct tc_fault *fault)
{
    (void)store, (void)name, (void)test_at_us, (void)reason, (void)fault;
    fail_msg("no test was ordered");
    return TC_OK;
}

void events_position_put(const struct events_position *position, char text[static EVENTS_POSITION_SIZE])
{
    (void)snprintf(text, EVENTS_POSITION_SIZE, "%d-%d", (int)position->epoch, (int)position->number);
}

enum tc_error events_read(struct store *store, const struct events_position *after, int limit, events_take *take,
                          void *context, struct events_state *state, struct tc_fault *fault)
{
    (void)store, (void)limit, (void)fault;
    *state = (struct events_state){.newest = {1, NEWEST}, .oldest = 1};
    for (int64_t number = after->number + 1; number <= NEWEST; number++) {
        const struct logged_event event = {.position = {1, number}, .kind = "freeze", .document = "{}"};
        take(context, &event);
    }
    return TC_OK;
}

/* ---- the receiver and the clock ---- */

enum tc_error webhook_send(const struct webhook_post *post, struct tc_fault *fault)
{
    assert_true(its.posts < POSTS_MAX);
    assert_memory_equal(post->id, "event-1-", strlen("event-1-"));
    its.posted[its.posts++] = strtoll(post->id + strlen("event-1-"), NULL, 10);
    if (its.loses_lease)
        its.epoch++;
    if (its.ends)
        delivery_stop(its.delivery);
    return its.answer == TC_OK ? TC_OK : tc_fault_set(fault, its.answer, "the receiver did not take it");
}

int64_t test_monotonic_ms(void) __asm__("__wrap_clock_monotonic_ms");

int64_t test_monotonic_ms(void)
{
    return its.now_ms;
}

/* ---- a webhook ---- */

static int set_up(void **state)
{
    (void)state;
    memset(&its, 0, sizeof its);
    its.epoch = 1;
    its.now_ms = FIRST_PAUSE_MS;
    static const struct webhooks_config config = {.conducting_epoch = &its.epoch};
    struct webhook_settings settings = {.name = "siem", .url = strdup("https://a"), .ca_file = strdup("")};
    if (delivery_open(&config, &settings, &its.delivery, NULL) != TC_OK)
        return -1;
    its.worker = stepped_worker_last("webhook");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    delivery_close(its.delivery);
    return 0;
}

static void take_turn_after(int64_t ms)
{
    its.now_ms += ms;
    stepped_worker_turn(its.worker);
}

/* Checks the numbers of the events that were posted since the last look, as "1 2". */
static void was_posted(const char *wanted)
{
    char found[64] = "";
    for (size_t i = 0, length = 0; i < its.posts && length < sizeof found; i++)
        length +=
            (size_t)snprintf(found + length, sizeof found - length, "%s%d", i == 0 ? "" : " ", (int)its.posted[i]);
    assert_string_equal(found, wanted);
    its.posts = 0;
}

/* ---- the tests ---- */

static void an_event_that_was_not_taken_is_posted_again_when_its_pause_is_over(void **state)
{
    (void)state;
    its.answer = TC_UNAVAILABLE;
    take_turn_after(0);
    was_posted("1");
    take_turn_after(FIRST_PAUSE_MS / 2 - 1);
    was_posted("");
    take_turn_after(FIRST_PAUSE_MS / 2 + 1);
    was_posted("1");
    take_turn_after(SECOND_PAUSE_MS / 2 - 1);
    was_posted("");
    its.answer = TC_OK;
    take_turn_after(SECOND_PAUSE_MS / 2 + 1);
    was_posted("1 2 3");
}

static void the_next_conductor_does_not_wait_for_the_pause_of_the_one_before(void **state)
{
    (void)state;
    its.answer = TC_UNAVAILABLE;
    take_turn_after(0);
    was_posted("1");
    its.epoch = 2;
    take_turn_after(0);
    was_posted("1");
}

static void a_receiver_that_wants_no_more_is_asked_again_by_the_next_conductor_alone(void **state)
{
    (void)state;
    its.answer = TC_NOT_FOUND;
    take_turn_after(0);
    was_posted("1");
    its.answer = TC_OK;
    take_turn_after(86400000);
    was_posted("");
    its.epoch = 0; /* another orchestrator conducts */
    take_turn_after(0);
    was_posted("");
    its.epoch = 3;
    take_turn_after(0);
    was_posted("1 2 3");
}

static void a_receiver_that_wants_no_more_is_asked_again_when_the_settings_are_read_again(void **state)
{
    (void)state;
    its.answer = TC_NOT_FOUND;
    take_turn_after(0);
    was_posted("1");
    delivery_begin_again(its.delivery);
    take_turn_after(0);
    was_posted("1");
}

static void an_event_whose_position_was_not_kept_is_posted_again_before_the_next_one(void **state)
{
    (void)state;
    its.moves_fail = 1;
    take_turn_after(0);
    was_posted("1");
    take_turn_after(0);
    was_posted("1 2 3");
    assert_int_equal(its.position, NEWEST);
}

static void after_an_event_that_is_given_up_the_next_one_is_posted_at_once(void **state)
{
    (void)state;
    its.answer = TC_UNAVAILABLE;
    its.is_over = true;
    take_turn_after(0);
    was_posted("1");
    take_turn_after(0);
    was_posted("2");
}

static void who_conducts_no_more_posts_no_more_of_what_it_has_read(void **state)
{
    (void)state;
    its.loses_lease = true;
    take_turn_after(0);
    was_posted("1");
}

static void a_post_that_was_cut_short_by_the_end_is_no_failure_of_the_receiver(void **state)
{
    (void)state;
    its.ends = true;
    its.answer = TC_UNAVAILABLE;
    take_turn_after(0);
    was_posted("1");
    assert_int_equal(its.tries, 0);
    assert_int_equal(its.position, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_that_was_not_taken_is_posted_again_when_its_pause_is_over),
        TEST(the_next_conductor_does_not_wait_for_the_pause_of_the_one_before),
        TEST(a_receiver_that_wants_no_more_is_asked_again_by_the_next_conductor_alone),
        TEST(a_receiver_that_wants_no_more_is_asked_again_when_the_settings_are_read_again),
        TEST(an_event_whose_position_was_not_kept_is_posted_again_before_the_next_one),
        TEST(after_an_event_that_is_given_up_the_next_one_is_posted_at_once),
        TEST(who_conducts_no_more_posts_no_more_of_what_it_has_read),
        TEST(a_post_that_was_cut_short_by_the_end_is_no_failure_of_the_receiver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
