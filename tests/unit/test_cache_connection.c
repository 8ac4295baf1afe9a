/* The cache at a Redis that answers each command with the same words. */
#include "base/clock.h"
#include "orchestrator/cache/cache.h"
#include "tests/unit/temporary_folder.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000 };

static struct temporary_folder folder;

struct fake_redis {
    int listener;
    pthread_t thread;
    _Atomic(const char *) reply; /* to each command */
    atomic_int accepted, closed; /* connections; closed by the client */
};

static const char good[] = "+OK\r\n";

/* A command begins with its only asterisk: no text of this test has one. */
static void answer(struct fake_redis *redis, int handle, const char *piece, size_t length)
{
    const char *reply = redis->reply;
    for (size_t i = 0; i < length; i++) {
        if (piece[i] == '*')
            (void)send(handle, reply, strlen(reply), MSG_NOSIGNAL);
    }
}

static void *serve(void *argument)
{
    struct fake_redis *redis = argument;
    int handle;
    while ((handle = accept(redis->listener, NULL, NULL)) >= 0) {
        char piece[4096];
        ssize_t got;
        redis->accepted++;
        while ((got = recv(handle, piece, sizeof piece, 0)) > 0)
            answer(redis, handle, piece, (size_t)got);
        (void)close(handle);
        redis->closed++;
    }
    return NULL;
}

static struct cache *open_fixture(struct fake_redis *redis, const char *reply)
{
    temporary_folder_make(&folder);
    *redis = (struct fake_redis){.listener = socket(AF_UNIX, SOCK_STREAM, 0), .reply = reply};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/redis", folder.path);
    assert_int_equal(bind(redis->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(redis->listener, 4), 0);
    assert_int_equal(pthread_create(&redis->thread, NULL, serve, redis), 0);
    const struct cache_config config = {.socket_path = address.sun_path, .prefix = "tc", .timeout_ms = DEADLINE_MS};
    struct cache *cache = NULL;
    assert_int_equal(cache_open(&config, &cache, NULL), TC_OK);
    return cache;
}

static void close_fixture(struct fake_redis *redis, struct cache *cache)
{
    cache_close(cache);
    assert_int_equal(shutdown(redis->listener, SHUT_RDWR), 0);
    assert_int_equal(pthread_join(redis->thread, NULL), 0);
    assert_int_equal(close(redis->listener), 0);
    temporary_folder_remove(&folder);
}

static void wait_until_closed(const struct fake_redis *redis)
{
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (redis->closed < redis->accepted) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)sched_yield();
    }
}

static void assert_refused(struct cache *cache, const char *reply)
{
    struct tc_fault fault;
    char words[128];
    (void)snprintf(words, sizeof words, "%.*s", (int)strcspn(reply + 1, "\r"), reply + 1);
    assert_int_equal(cache_probe(cache, &fault), TC_UNAVAILABLE);
    if (strstr(fault.text, words) == NULL)
        fail_msg("found: %s, wanted: %s", fault.text, words);
}

static const char *const wrong_server[] = {
    "-READONLY You can't write against a read only replica.\r\n",
    "-LOADING Redis is loading the dataset in memory\r\n",
    "-MOVED 3999 127.0.0.1:6381\r\n",
    "-ASK 3999 127.0.0.1:6381\r\n",
    "-NOAUTH Authentication required.\r\n",
    "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
    "-CLUSTERDOWN The cluster is down\r\n",
    "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
};

static void a_server_that_takes_no_writes_is_named_in_its_own_words_and_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_server / sizeof *wrong_server; i++) {
        struct fake_redis redis;
        struct cache *cache = open_fixture(&redis, good);
        assert_int_equal(cache_probe(cache, NULL), TC_OK);
        redis.reply = wrong_server[i];
        assert_refused(cache, wrong_server[i]);
        wait_until_closed(&redis);
        close_fixture(&redis, cache);
    }
}

static void a_server_that_takes_no_writes_is_not_used_at_first_either(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_server / sizeof *wrong_server; i++) {
        struct fake_redis redis;
        struct cache *cache = open_fixture(&redis, wrong_server[i]);
        assert_refused(cache, wrong_server[i]);
        wait_until_closed(&redis);
        close_fixture(&redis, cache);
    }
}

static void what_answers_at_the_same_address_later_is_used(void **state)
{
    (void)state;
    struct fake_redis redis;
    struct cache *cache = open_fixture(&redis, "-MOVED 3999 127.0.0.1:6381\r\n");
    assert_int_equal(cache_probe(cache, NULL), TC_UNAVAILABLE);
    redis.reply = good;
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (cache_probe(cache, NULL) != TC_OK)
        assert_true(clock_monotonic_ms() < deadline_ms);
    assert_int_equal(redis.accepted, 2);
    close_fixture(&redis, cache);
}

static void an_error_of_the_right_server_is_told_and_the_connection_kept(void **state)
{
    (void)state;
    static const char *const errors[] = {
        "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        "-MISCONF Errors writing to the AOF file: No space left on device\r\n",
        "-ASKING for nothing that is known\r\n",
    };
    struct fake_redis redis;
    struct cache *cache = open_fixture(&redis, good);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        assert_int_equal(cache_probe(cache, NULL), TC_OK);
        redis.reply = errors[i];
        assert_refused(cache, errors[i]);
        redis.reply = good;
    }
    assert_int_equal(cache_probe(cache, NULL), TC_OK);
    assert_int_equal(redis.accepted, 1);
    close_fixture(&redis, cache);
}

static int ignore_broken_pipes(void **state)
{
    (void)state;
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_takes_no_writes_is_named_in_its_own_words_and_left),
        cmocka_unit_test(a_server_that_takes_no_writes_is_not_used_at_first_either),
        cmocka_unit_test(what_answers_at_the_same_address_later_is_used),
        cmocka_unit_test(an_error_of_the_right_server_is_told_and_the_connection_kept),
    };
    return cmocka_run_group_tests(tests, ignore_broken_pipes, NULL);
}
