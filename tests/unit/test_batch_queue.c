#include "base/clock.h"
#include "orchestrator/worker/batch_queue.h"
#include "orchestrator/worker/worker.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000, SHORT_MS = 20 };

static void wait_until_true(const atomic_bool *condition)
{
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (!*condition) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)sched_yield();
    }
}

static void put(struct batch_queue *queue, int item)
{
    assert_int_equal(batch_queue_put(queue, &item, 0), TC_OK);
}

static void items_come_out_in_their_order_also_around_the_ring_s_end(void **state)
{
    (void)state;
    struct batch_queue *queue = batch_queue_open(sizeof(int), 5);
    int next_in = 0, next_out = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 4; i++)
            put(queue, next_in++);
        int items[3];
        size_t count = batch_queue_take(queue, items, 3, 0, 0);
        assert_int_equal(count, 3);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(items[i], next_out++);
        assert_int_equal(batch_queue_take(queue, items, 3, 0, 0), 1);
        assert_int_equal(items[0], next_out++);
    }
    assert_int_equal(batch_queue_length(queue), 0);
    batch_queue_free(queue);
}

static void a_full_queue_refuses_and_takes_nothing(void **state)
{
    (void)state;
    struct batch_queue *queue = batch_queue_open(sizeof(int), 2);
    put(queue, 1);
    put(queue, 2);
    int item = 3;
    assert_int_equal(batch_queue_put(queue, &item, 0), TC_BUSY);
    int64_t before_ms = clock_monotonic_ms();
    assert_int_equal(batch_queue_put(queue, &item, SHORT_MS), TC_BUSY);
    assert_true(clock_monotonic_ms() >= before_ms + SHORT_MS - 1);
    assert_int_equal(batch_queue_length(queue), 2);
    int items[4];
    assert_int_equal(batch_queue_take(queue, items, 4, 0, 0), 2);
    batch_queue_free(queue);
}

static void an_empty_queue_lets_its_taker_go_when_the_time_is_up(void **state)
{
    (void)state;
    struct batch_queue *queue = batch_queue_open(sizeof(int), 2);
    int item;
    assert_int_equal(batch_queue_take(queue, &item, 1, 0, 0), 0);
    int64_t before_ms = clock_monotonic_ms();
    assert_int_equal(batch_queue_take(queue, &item, 1, SHORT_MS, 0), 0);
    assert_true(clock_monotonic_ms() >= before_ms + SHORT_MS - 1);
    batch_queue_free(queue);
}

static void a_closed_queue_takes_nothing_in_and_gives_out_what_it_has(void **state)
{
    (void)state;
    struct batch_queue *queue = batch_queue_open(sizeof(int), 4);
    put(queue, 1);
    batch_queue_wake(queue);
    batch_queue_close(queue);
    assert_true(batch_queue_is_closed(queue));
    int item = 2;
    assert_int_equal(batch_queue_put(queue, &item, -1), TC_UNAVAILABLE);
    assert_int_equal(batch_queue_take(queue, &item, 1, -1, 0), 1);
    assert_int_equal(item, 1);
    assert_int_equal(batch_queue_take(queue, &item, 1, -1, 0), 0);
    batch_queue_free(queue);
}

struct taker {
    struct batch_queue *queue;
    size_t most;
    int linger_ms;
    size_t count;
    int items[16];
    atomic_bool begun;
    atomic_bool done;
};

static void *take_once(void *argument)
{
    struct taker *taker = argument;
    taker->begun = true;
    taker->count = batch_queue_take(taker->queue, taker->items, taker->most, DEADLINE_MS, taker->linger_ms);
    taker->done = true;
    return NULL;
}

static void a_wake_up_ends_a_wait_without_an_item(void **state)
{
    (void)state;
    struct taker taker = {.queue = batch_queue_open(sizeof(int), 4), .most = 4};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_once, &taker), 0);
    wait_until_true(&taker.begun);
    batch_queue_wake(taker.queue);
    wait_until_true(&taker.done);
    assert_int_equal(taker.count, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    batch_queue_free(taker.queue);
}

static void a_wake_up_is_kept_and_comes_before_the_items(void **state)
{
    (void)state;
    struct batch_queue *queue = batch_queue_open(sizeof(int), 4);
    put(queue, 1);
    batch_queue_wake(queue);
    batch_queue_wake(queue);
    int item;
    assert_int_equal(batch_queue_take(queue, &item, 1, DEADLINE_MS, 0), 0);
    assert_int_equal(batch_queue_take(queue, &item, 1, DEADLINE_MS, 0), 1);
    batch_queue_free(queue);
}

static void closing_ends_a_wait(void **state)
{
    (void)state;
    struct taker taker = {.queue = batch_queue_open(sizeof(int), 4), .most = 4};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_once, &taker), 0);
    wait_until_true(&taker.begun);
    batch_queue_close(taker.queue);
    wait_until_true(&taker.done);
    assert_int_equal(taker.count, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    batch_queue_free(taker.queue);
}

static void a_lingering_taker_gets_a_full_batch_and_no_later_than_that(void **state)
{
    (void)state;
    struct taker taker = {.queue = batch_queue_open(sizeof(int), 16), .most = 8, .linger_ms = 10 * DEADLINE_MS};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_once, &taker), 0);
    wait_until_true(&taker.begun);
    for (int i = 0; i < 8; i++) {
        assert_false(taker.done);
        put(taker.queue, i);
    }
    wait_until_true(&taker.done);
    assert_int_equal(taker.count, 8);
    assert_int_equal(pthread_join(thread, NULL), 0);
    batch_queue_free(taker.queue);
}

static void a_lingering_taker_goes_with_what_it_has_when_the_time_is_up(void **state)
{
    (void)state;
    struct batch_queue *queue = batch_queue_open(sizeof(int), 16);
    put(queue, 1);
    put(queue, 2);
    int items[8];
    int64_t before_ms = clock_monotonic_ms();
    assert_int_equal(batch_queue_take(queue, items, 8, DEADLINE_MS, SHORT_MS), 2);
    assert_true(clock_monotonic_ms() >= before_ms + SHORT_MS - 1);
    batch_queue_free(queue);
}

static void nobody_lingers_on_a_queue_that_cannot_get_fuller(void **state)
{
    (void)state;
    struct batch_queue *queue = batch_queue_open(sizeof(int), 2);
    put(queue, 1);
    put(queue, 2);
    int items[8];
    int64_t before_ms = clock_monotonic_ms();
    assert_int_equal(batch_queue_take(queue, items, 8, DEADLINE_MS, DEADLINE_MS), 2);
    assert_true(clock_monotonic_ms() < before_ms + DEADLINE_MS);
    batch_queue_free(queue);
}

/* ---- workers ---- */

enum { PRODUCERS = 4, THREADS = 3, ITEMS_EACH = 20000, TOTAL = PRODUCERS * ITEMS_EACH };

struct job {
    struct batch_queue *queue;
    atomic_int seen[TOTAL];
    atomic_int handled, ticks, opened, closed;
    atomic_bool hold, inside, ticked, signals_blocked;
};

static void *open_thread(void *context, int thread)
{
    struct job *job = context;
    assert_in_range(thread, 0, THREADS - 1);
    job->opened++;
    return &job->opened;
}

static void close_thread(void *context, void *thread_state)
{
    struct job *job = context;
    assert_ptr_equal(thread_state, &job->opened);
    job->closed++;
}

static void count_items(void *context, void *thread_state, void *items, size_t count)
{
    struct job *job = context;
    (void)thread_state;
    const int *item = items;
    if (count == 0) {
        job->ticks++;
        job->ticked = true;
    }
    for (size_t i = 0; i < count; i++)
        job->seen[item[i]]++;
    job->handled += (int)count;
}

static struct worker *start(struct job *job, const struct worker_config *config)
{
    struct worker_config complete = *config;
    struct worker *worker = NULL;
    struct tc_fault fault;
    complete.name = "counter";
    complete.context = job;
    complete.item_size = sizeof(int);
    if (complete.queues == NULL)
        complete.queue = job->queue;
    assert_int_equal(worker_start(&complete, &worker, &fault), TC_OK);
    return worker;
}

struct producer {
    struct job *job;
    int first;
};

static void *produce(void *argument)
{
    struct producer *producer = argument;
    for (int i = 0; i < ITEMS_EACH; i++) {
        int item = producer->first + i;
        TC_CHECK(batch_queue_put(producer->job->queue, &item, -1) == TC_OK);
    }
    return NULL;
}

static void every_item_of_many_producers_is_handled_once_also_those_left_at_the_end(void **state)
{
    (void)state;
    static const int lingers_ms[] = {0, 1};
    for (size_t round = 0; round < 2; round++) {
        struct job *job = calloc(1, sizeof *job);
        job->queue = batch_queue_open(sizeof(int), 64);
        struct worker *worker = start(job, &(struct worker_config){.threads = THREADS,
                                                                   .batch_limit = 50,
                                                                   .period_ms = -1,
                                                                   .linger_ms = lingers_ms[round],
                                                                   .open = open_thread,
                                                                   .handle = count_items,
                                                                   .close = close_thread});
        struct producer producers[PRODUCERS];
        pthread_t threads[PRODUCERS];
        for (int i = 0; i < PRODUCERS; i++) {
            producers[i] = (struct producer){job, i * ITEMS_EACH};
            assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
        }
        for (int i = 0; i < PRODUCERS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        worker_stop(worker);
        assert_int_equal(job->handled, TOTAL);
        for (int i = 0; i < TOTAL; i++)
            assert_int_equal(job->seen[i], 1);
        assert_int_equal(job->opened, THREADS);
        assert_int_equal(job->closed, THREADS);
        batch_queue_free(job->queue);
        free(job);
    }
}

static void a_worker_with_nothing_to_do_is_called_each_period_and_when_woken(void **state)
{
    (void)state;
    static const int periods_ms[] = {1, DEADLINE_MS * 10};
    for (size_t round = 0; round < 2; round++) {
        struct job *job = calloc(1, sizeof *job);
        job->queue = batch_queue_open(sizeof(int), 4);
        struct worker *worker =
            start(job, &(struct worker_config){
                           .threads = 1, .batch_limit = 4, .period_ms = periods_ms[round], .handle = count_items});
        if (round == 1)
            batch_queue_wake(job->queue);
        wait_until_true(&job->ticked);
        worker_stop(worker);
        batch_queue_free(job->queue);
        free(job);
    }
}

static void hold_on(void *context, void *thread_state, void *items, size_t count)
{
    struct job *job = context;
    (void)thread_state, (void)items, (void)count;
    sigset_t blocked;
    TC_CHECK(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0);
    job->signals_blocked = sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGSEGV) == 0;
    job->inside = true;
    while (job->hold)
        (void)sched_yield();
}

static void a_handler_that_hangs_shows_as_no_progress_and_an_idle_one_does_not(void **state)
{
    (void)state;
    struct job *job = calloc(1, sizeof *job);
    struct batch_queue *queues[] = {batch_queue_open(sizeof(int), 4), batch_queue_open(sizeof(int), 4)};
    job->hold = true;
    struct worker *worker = start(
        job,
        &(struct worker_config){.queues = queues, .threads = 2, .batch_limit = 4, .period_ms = -1, .handle = hold_on});
    int64_t begun_ms = clock_monotonic_ms(), idle_deadline_ms = begun_ms + DEADLINE_MS;
    while (worker_last_progress_ms(worker) <= begun_ms) /* until both threads wait for items */
        assert_true(clock_monotonic_ms() < idle_deadline_ms);
    put(queues[1], 7);
    wait_until_true(&job->inside);
    int64_t hung_ms = worker_last_progress_ms(worker);
    while (clock_monotonic_ms() <= hung_ms + 1)
        (void)sched_yield();
    assert_true(worker_last_progress_ms(worker) == hung_ms);

    job->hold = false;
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (worker_last_progress_ms(worker) == hung_ms)
        assert_true(clock_monotonic_ms() < deadline_ms);
    assert_true(job->signals_blocked);
    worker_stop(worker);
    batch_queue_free(queues[0]);
    batch_queue_free(queues[1]);
    free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_their_order_also_around_the_ring_s_end),
        cmocka_unit_test(a_full_queue_refuses_and_takes_nothing),
        cmocka_unit_test(an_empty_queue_lets_its_taker_go_when_the_time_is_up),
        cmocka_unit_test(a_closed_queue_takes_nothing_in_and_gives_out_what_it_has),
        cmocka_unit_test(a_wake_up_ends_a_wait_without_an_item),
        cmocka_unit_test(a_wake_up_is_kept_and_comes_before_the_items),
        cmocka_unit_test(closing_ends_a_wait),
        cmocka_unit_test(a_lingering_taker_gets_a_full_batch_and_no_later_than_that),
        cmocka_unit_test(a_lingering_taker_goes_with_what_it_has_when_the_time_is_up),
        cmocka_unit_test(nobody_lingers_on_a_queue_that_cannot_get_fuller),
        cmocka_unit_test(every_item_of_many_producers_is_handled_once_also_those_left_at_the_end),
        cmocka_unit_test(a_worker_with_nothing_to_do_is_called_each_period_and_when_woken),
        cmocka_unit_test(a_handler_that_hangs_shows_as_no_progress_and_an_idle_one_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
