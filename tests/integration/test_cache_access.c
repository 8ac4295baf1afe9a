/* What the cache's user may do in Redis. */
#include "base/clock.h"
#include "orchestrator/cache/access.h"
#include "orchestrator/cache/cache.h"
#include "tests/integration/server.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct cached_instruction item = {
    .device = "ATM-1", .instruction = 1, .rollout = 42, .attempt = 1, .start_before_s = INT64_C(4102444800)};
static const char *const device = "ATM-1";

/* A server whose list of users is the one that is written; it has no other user. */
static int set_up(void **state)
{
    struct server *server = calloc(1, sizeof *server);
    assert_non_null(server);
    server_prepare_redis(server, "");
    struct buffer lines = {0};
    cache_write_access("tellercast", "secret", "tc", &lines);
    assert_null(strstr(buffer_text(&lines), "secret"));
    server_add_settings(server, buffer_text(&lines));
    buffer_free(&lines);
    server_start(server);
    *state = server;
    return 0;
}

static int tear_down(void **state)
{
    server_remove(*state);
    free(*state);
    return 0;
}

static struct cache *open_as(const struct server *server, const char *user, const char *password)
{
    struct cache *cache = NULL;
    const struct cache_config config = {.socket_path = server->socket_path,
                                        .user = user,
                                        .password = password,
                                        .prefix = "tc",
                                        .timeout_ms = SERVER_DEADLINE_MS};
    assert_int_equal(cache_open(&config, &cache, NULL), TC_OK);
    return cache;
}

static void assert_found(struct cache *cache, bool expected)
{
    struct cached_instruction read;
    bool found = !expected;
    assert_int_equal(cache_get(cache, &device, 1, &read, &found, NULL), TC_OK);
    assert_int_equal(found, expected);
}

static void the_user_may_send_what_the_cache_sends(void **state)
{
    struct cache *cache = open_as(*state, "tellercast", "secret");
    assert_int_equal(cache_clear(cache, NULL), TC_OK);
    assert_int_equal(cache_mark_generation(cache, NULL), TC_OK);
    assert_int_equal(cache_put(cache, &item, 1, NULL), TC_OK);
    assert_found(cache, true);
    assert_int_equal(cache_forget(cache, &device, 1, NULL), TC_OK);
    assert_found(cache, false);
    assert_int_equal(cache_put(cache, &item, 1, NULL), TC_OK);
    assert_int_equal(cache_clear(cache, NULL), TC_OK); /* it finds the entry, and deletes it */
    assert_found(cache, false);
    assert_int_equal(cache_mark_generation(cache, NULL), TC_OK);
    bool is_current = false;
    assert_int_equal(cache_check_generation(cache, &is_current, NULL), TC_OK);
    assert_true(is_current);
    assert_int_equal(cache_probe(cache, NULL), TC_OK);
    cache_close(cache);
}

/* Whether the server refuses the command with this error. */
static bool is_refused(redisContext *redis, const char *error, const char *text)
{
    redisReply *reply = redisCommand(redis, text);
    assert_non_null(reply);
    bool refused = reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, error, strlen(error)) == 0;
    freeReplyObject(reply);
    return refused;
}

static void the_user_may_send_nothing_else_and_use_no_other_keys(void **state)
{
    static const char *const denied[] = {
        "FLUSHALL",
        "FLUSHDB",
        "CONFIG GET *",
        "CONFIG SET dir /",
        "KEYS *",
        "SAVE",
        "SHUTDOWN NOSAVE",
        "ACL LIST",
        "ACL SETUSER tellercast +@all",
        "EVAL 1 0",
        "REPLICAOF no one",
        "CLIENT KILL TYPE normal",
        "MONITOR",
        "PUBLISH tc:a 1",
        "SUBSCRIBE tc:a",
        "MODULE LIST",
        "MIGRATE h 1 tc:a 0 1",
        "DUMP tc:a",
        "RESTORE tc:a 0 x",
        "APPEND tc:a 1",
        "EXPIRE tc:a 1",
        "GET tc:a",
        "GETRANGE other:a 0 1",
        "EXISTS other:a",
        "SET other:a 1",
        "MGET tc:a other:a",
        "DEL tc:a other:a",
        "UNLINK other:a",
        "RENAME tc:a other:a",
        "RENAME other:a tc:a",
        "GETRANGE tc 0 1",
        "GETRANGE tcx:a 0 1",
    };
    const struct server *server = *state;
    redisContext *redis = redisConnectUnix(server->socket_path);
    assert_non_null(redis);
    assert_false(is_refused(redis, "WRONGPASS", "AUTH tellercast secret"));
    assert_false(is_refused(redis, "", "SET tc:a 1"));
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        if (!is_refused(redis, "NOPERM", denied[i]))
            fail_msg("%s is not denied", denied[i]);
    }
    redisFree(redis);
}

static void nobody_gets_in_without_the_user_s_password(void **state)
{
    const struct server *server = *state;
    redisContext *redis = redisConnectUnix(server->socket_path);
    assert_non_null(redis);
    assert_true(is_refused(redis, "NOAUTH", "GET tc:a"));
    assert_true(is_refused(redis, "WRONGPASS", "AUTH secret"));
    redisFree(redis);
    struct tc_fault fault;
    static const char *const pairs[][2] = {{"tellercast", "guess"}, {"somebody", "secret"}, {NULL, "secret"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct cache *cache = open_as(server, pairs[i][0], pairs[i][1]);
        assert_int_equal(cache_put(cache, &item, 1, &fault), TC_UNAVAILABLE);
        assert_non_null(strstr(fault.text, "WRONGPASS"));
        cache_close(cache);
    }
}

#define WITH_REDIS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_REDIS(the_user_may_send_what_the_cache_sends),
        WITH_REDIS(the_user_may_send_nothing_else_and_use_no_other_keys),
        WITH_REDIS(nobody_gets_in_without_the_user_s_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
