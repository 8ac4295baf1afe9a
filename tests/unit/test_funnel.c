#include "orchestrator/intake/funnel.h"

#include "base/clock.h"
#include "topics/topic.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000, LONG_MS = 600000, SHORT_MS = 20 };

/* What a door was told. */
struct told {
    atomic_int times;
    int status;
    char body[512];
};

static void tell(void *context, const struct order_answer *answer)
{
    struct told *told = context;
    told->status = answer->status;
    assert_true(answer->length < sizeof told->body);
    memcpy(told->body, answer->body, answer->length);
    told->body[answer->length] = '\0';
    told->times++;
}

static void wait_until_told(struct told *told)
{
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (told->times == 0) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)sched_yield();
    }
}

struct desk {
    struct batch_queue *orders;
    struct funnel *funnel;
};

static struct desk open_desk(size_t limit, int answer_ms)
{
    struct desk desk = {.orders = batch_queue_open(sizeof(struct order *), limit)};
    struct tc_fault fault;
    assert_int_equal(funnel_open(desk.orders, answer_ms, &desk.funnel, &fault), TC_OK);
    return desk;
}

static void close_desk(struct desk *desk)
{
    funnel_stop(desk->funnel, 0);
    funnel_close(desk->funnel);
    batch_queue_free(desk->orders);
}

static void submit(struct desk *desk, const char *document, struct told *told)
{
    funnel_submit(desk->funnel,
                  &(struct submission){.door = DOOR_SOCKET,
                                       .author = "ann",
                                       .idempotency_key = "k1",
                                       .document = strdup(document),
                                       .length = strlen(document),
                                       .answered = tell,
                                       .context = told},
                  0);
}

static struct order *take(struct desk *desk)
{
    struct order *order = NULL;
    assert_int_equal(batch_queue_take(desk->orders, &order, 1, DEADLINE_MS, 0), 1);
    return order;
}

static void answer(struct order *order, int status, const char *body)
{
    order->answered(order, &(struct order_answer){status, body, strlen(body)});
}

static void the_planner_gets_the_plan_and_its_answer_reaches_the_door_once(void **state)
{
    (void)state;
    struct desk desk = open_desk(4, LONG_MS);
    struct told told = {0};
    submit(&desk, "plan", &told);
    struct order *order = take(&desk);
    assert_int_equal(order->door, DOOR_SOCKET);
    assert_string_equal(order->author, "ann");
    assert_string_equal(order->idempotency_key, "k1");
    assert_int_equal(order->length, 4);
    assert_memory_equal(order->document, "plan", 4);
    assert_int_equal(told.times, 0);
    answer(order, 201, "{\"rollout\":1}");
    assert_int_equal(told.times, 1);
    assert_int_equal(told.status, 201);
    assert_string_equal(told.body, "{\"rollout\":1}");
    close_desk(&desk);
    assert_int_equal(told.times, 1);
}

static void a_plan_over_the_limit_never_reaches_the_planner(void **state)
{
    (void)state;
    struct desk desk = open_desk(4, LONG_MS);
    struct told told = {0};
    for (size_t length = PLAN_SIZE_MAX; length <= PLAN_SIZE_MAX + 1; length++)
        funnel_submit(
            desk.funnel,
            &(struct submission){
                .author = "ann", .document = calloc(1, length), .length = length, .answered = tell, .context = &told},
            0);
    assert_int_equal(told.times, 1);
    assert_int_equal(told.status, 413);
    assert_non_null(strstr(told.body, "\"status\":413"));
    struct order *order = take(&desk);
    assert_int_equal(order->length, PLAN_SIZE_MAX);
    answer(order, 422, "{}");
    assert_int_equal(batch_queue_length(desk.orders), 0);
    close_desk(&desk);
}

static void a_full_queue_is_told_at_once_and_nothing_is_taken(void **state)
{
    (void)state;
    struct desk desk = open_desk(1, LONG_MS);
    struct told first = {0}, second = {0};
    submit(&desk, "a", &first);
    submit(&desk, "b", &second);
    assert_int_equal(second.times, 1);
    assert_int_equal(second.status, 503);
    assert_int_equal(first.times, 0);
    answer(take(&desk), 201, "{}");
    assert_int_equal(first.status, 201);
    close_desk(&desk);
}

static void a_planner_that_does_not_answer_in_time_is_given_up_and_may_answer_later(void **state)
{
    (void)state;
    struct desk desk = open_desk(4, SHORT_MS);
    struct told told = {0};
    submit(&desk, "a", &told);
    struct order *order = take(&desk);
    wait_until_told(&told);
    assert_int_equal(told.status, 504);
    assert_non_null(strstr(told.body, "may or may not have been accepted"));
    answer(order, 201, "{}");
    assert_int_equal(told.times, 1);
    assert_int_equal(told.status, 504);
    close_desk(&desk);
}

static void stopping_answers_what_waits_and_the_planner_may_outlive_the_funnel(void **state)
{
    (void)state;
    struct desk desk = open_desk(4, LONG_MS);
    struct told with_planner = {0}, queued = {0}, late = {0};
    submit(&desk, "a", &with_planner);
    struct order *order = take(&desk);
    submit(&desk, "b", &queued);
    funnel_stop(desk.funnel, SHORT_MS);
    assert_int_equal(with_planner.status, 503);
    assert_int_equal(queued.status, 503);
    submit(&desk, "c", &late);
    assert_int_equal(late.status, 503);
    assert_int_equal(batch_queue_length(desk.orders), 1);
    funnel_close(desk.funnel);
    assert_int_equal(batch_queue_length(desk.orders), 0);
    answer(order, 201, "{}");
    assert_int_equal(with_planner.times + queued.times + late.times, 3);
    assert_int_equal(with_planner.status, 503);
    batch_queue_free(desk.orders);
}

static void *plan_one(void *argument)
{
    struct desk *desk = argument;
    struct order *order = NULL;
    TC_CHECK(batch_queue_take(desk->orders, &order, 1, DEADLINE_MS, 0) == 1);
    answer(order, 201, "{}");
    return NULL;
}

static void stopping_waits_for_the_answers_under_way(void **state)
{
    (void)state;
    struct desk desk = open_desk(4, LONG_MS);
    struct told told = {0};
    submit(&desk, "a", &told);
    pthread_t planner;
    assert_int_equal(pthread_create(&planner, NULL, plan_one, &desk), 0);
    funnel_stop(desk.funnel, DEADLINE_MS);
    assert_int_equal(told.status, 201);
    assert_int_equal(pthread_join(planner, NULL), 0);
    funnel_close(desk.funnel);
    batch_queue_free(desk.orders);
}

enum { SUBMITTERS = 4, EACH = 2000 };

static atomic_int answers_given;

static void count_answer(void *context, const struct order_answer *given)
{
    (void)context;
    TC_CHECK(given->status == 201 || given->status == 503 || given->status == 504);
    answers_given++;
}

static void *submit_many(void *argument)
{
    struct desk *desk = argument;
    for (int i = 0; i < EACH; i++)
        funnel_submit(
            desk->funnel,
            &(struct submission){.author = "ann", .document = strdup("a"), .length = 1, .answered = count_answer},
            i % 2);
    return NULL;
}

static void *plan_all(void *argument)
{
    struct desk *desk = argument;
    struct order *orders[8];
    size_t count;
    while ((count = batch_queue_take(desk->orders, orders, 8, -1, 0)) > 0) {
        for (size_t i = 0; i < count; i++)
            answer(orders[i], 201, "{}");
    }
    return NULL;
}

static void every_submission_is_answered_exactly_once_whoever_is_first(void **state)
{
    (void)state;
    struct desk desk = open_desk(8, 1);
    pthread_t submitters[SUBMITTERS], planner;
    answers_given = 0;
    assert_int_equal(pthread_create(&planner, NULL, plan_all, &desk), 0);
    for (int i = 0; i < SUBMITTERS; i++)
        assert_int_equal(pthread_create(&submitters[i], NULL, submit_many, &desk), 0);
    for (int i = 0; i < SUBMITTERS; i++)
        assert_int_equal(pthread_join(submitters[i], NULL), 0);
    funnel_stop(desk.funnel, 0);
    assert_int_equal(answers_given, SUBMITTERS * EACH);
    funnel_close(desk.funnel);
    batch_queue_close(desk.orders);
    assert_int_equal(pthread_join(planner, NULL), 0);
    assert_int_equal(answers_given, SUBMITTERS * EACH);
    batch_queue_free(desk.orders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_planner_gets_the_plan_and_its_answer_reaches_the_door_once),
        cmocka_unit_test(a_plan_over_the_limit_never_reaches_the_planner),
        cmocka_unit_test(a_full_queue_is_told_at_once_and_nothing_is_taken),
        cmocka_unit_test(a_planner_that_does_not_answer_in_time_is_given_up_and_may_answer_later),
        cmocka_unit_test(stopping_answers_what_waits_and_the_planner_may_outlive_the_funnel),
        cmocka_unit_test(stopping_waits_for_the_answers_under_way),
        cmocka_unit_test(every_submission_is_answered_exactly_once_whoever_is_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
