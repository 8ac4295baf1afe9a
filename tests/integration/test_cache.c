#include "orchestrator/cache/cache.h"
#include "tests/integration/server.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

static const int64_t next_year_s = INT64_C(31536000);

struct fixture {
    struct server server;
    struct cache *cache;
};

static struct cache *open_cache(const struct server *server, const char *password, int timeout_ms)
{
    struct cache *cache = NULL;
    struct cache_config config = {
        .socket_path = server->socket_path, .password = password, .prefix = "tc", .timeout_ms = timeout_ms};
    assert_int_equal(cache_open(&config, &cache, NULL), TC_OK);
    return cache;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    server_prepare_redis(&fixture->server, "");
    server_start(&fixture->server);
    fixture->cache = open_cache(&fixture->server, NULL, SERVER_DEADLINE_MS);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    cache_close(fixture->cache);
    server_remove(&fixture->server);
    free(fixture);
    return 0;
}

/* Changes by another client of the same Redis. */
static void command(const struct fixture *fixture, const char *text)
{
    redisContext *redis = redisConnectUnix(fixture->server.socket_path);
    assert_non_null(redis);
    assert_int_equal(redis->err, 0);
    char words[256], *rest = NULL;
    const char *arguments[8];
    int count = 0;
    (void)snprintf(words, sizeof words, "%s", text);
    for (char *word = strtok_r(words, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest))
        arguments[count++] = word;
    redisReply *reply = redisCommandArgv(redis, count, arguments, NULL);
    assert_non_null(reply);
    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    redisFree(redis);
}

static struct cached_instruction make(const char *device, int64_t number)
{
    struct cached_instruction made = {.instruction = number,
                                      .rollout = 42,
                                      .attempt = 1,
                                      .epoch = 5,
                                      .start_before_s = clock_now_ms() / 1000 + next_year_s,
                                      .role = ROLE_ATM};
    (void)snprintf(made.device, sizeof made.device, "%s", device);
    return made;
}

static void put(const struct fixture *fixture, const struct cached_instruction *item)
{
    assert_int_equal(cache_put(fixture->cache, item, 1, NULL), TC_OK);
}

static bool is_found(const struct fixture *fixture, const char *device, struct cached_instruction *item)
{
    struct cached_instruction ignored;
    struct tc_fault fault = {.text = ""};
    bool found = false;
    if (cache_get(fixture->cache, &device, 1, item == NULL ? &ignored : item, &found, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    return found;
}

static bool is_current(const struct fixture *fixture)
{
    bool current = true;
    assert_int_equal(cache_check_generation(fixture->cache, &current, NULL), TC_OK);
    return current;
}

static void rebuild(const struct fixture *fixture)
{
    assert_int_equal(cache_clear(fixture->cache, NULL), TC_OK);
    assert_int_equal(cache_mark_generation(fixture->cache, NULL), TC_OK);
    assert_true(is_current(fixture));
}

static void what_was_put_is_found_in_full(void **state)
{
    const struct fixture *fixture = *state;
    struct cached_instruction put_in = make("ATM-1", 77), found;
    put_in.role = ROLE_PULL;
    put_in.attempt = 3;
    put(fixture, &put_in);
    assert_true(is_found(fixture, "ATM-1", &found));
    assert_string_equal(found.device, "ATM-1");
    assert_int_equal(found.instruction, 77);
    assert_int_equal(found.rollout, 42);
    assert_int_equal(found.attempt, 3);
    assert_int_equal(found.epoch, 5);
    assert_int_equal(found.start_before_s, put_in.start_before_s);
    assert_int_equal(found.role, ROLE_PULL);
}

static void a_later_instruction_takes_the_place_of_the_one_before(void **state)
{
    const struct fixture *fixture = *state;
    struct cached_instruction first = make("ATM-1", 1), second = make("ATM-1", 2), found;
    put(fixture, &first);
    put(fixture, &second);
    assert_true(is_found(fixture, "ATM-1", &found));
    assert_int_equal(found.instruction, 2);
}

static void a_device_with_nothing_is_a_miss_among_hits(void **state)
{
    const struct fixture *fixture = *state;
    struct cached_instruction item = make("ATM-2", 7), found[3];
    put(fixture, &item);
    const char *devices[] = {"ATM-1", "ATM-2", "ATM-3"};
    bool is_hit[3];
    assert_int_equal(cache_get(fixture->cache, devices, 3, found, is_hit, NULL), TC_OK);
    assert_false(is_hit[0]);
    assert_true(is_hit[1]);
    assert_false(is_hit[2]);
    assert_int_equal(found[1].instruction, 7);
}

static void a_batch_of_any_size_is_put_found_and_forgotten(void **state)
{
    enum { COUNT = 4500 };
    const struct fixture *fixture = *state;
    struct cached_instruction *items = calloc(COUNT, sizeof *items), *found = calloc(COUNT, sizeof *found);
    const char **devices = calloc(COUNT, sizeof *devices);
    bool *is_hit = calloc(COUNT, sizeof *is_hit);
    for (int i = 0; i < COUNT; i++) {
        char device[32];
        (void)snprintf(device, sizeof device, "ATM-%d", i);
        items[i] = make(device, i + 1);
        devices[i] = items[i].device;
    }
    assert_int_equal(cache_put(fixture->cache, items, COUNT, NULL), TC_OK);
    assert_int_equal(cache_get(fixture->cache, devices, COUNT, found, is_hit, NULL), TC_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_true(is_hit[i]);
        assert_int_equal(found[i].instruction, i + 1);
    }
    assert_int_equal(cache_forget(fixture->cache, devices, COUNT, NULL), TC_OK);
    assert_int_equal(cache_get(fixture->cache, devices, COUNT, found, is_hit, NULL), TC_OK);
    for (int i = 0; i < COUNT; i++)
        assert_false(is_hit[i]);
    free(is_hit);
    free(devices);
    free(found);
    free(items);
}

static void an_entry_goes_when_its_time_to_start_is_over(void **state)
{
    const struct fixture *fixture = *state;
    struct cached_instruction soon = make("ATM-1", 1), over = make("ATM-2", 2), never = make("ATM-3", 3);
    soon.start_before_s = clock_now_ms() / 1000 + 2;
    over.start_before_s = clock_now_ms() / 1000 - 10;
    never.start_before_s = 0;
    put(fixture, &soon);
    put(fixture, &over);
    put(fixture, &never);
    assert_true(is_found(fixture, "ATM-1", NULL));
    assert_false(is_found(fixture, "ATM-2", NULL));
    assert_false(is_found(fixture, "ATM-3", NULL));
    WAIT_FOR(!is_found(fixture, "ATM-1", NULL));
}

static void an_entry_that_cannot_be_read_is_found_as_no_instruction(void **state)
{
    const struct fixture *fixture = *state;
    struct cached_instruction item = make("ATM-9", 9);
    command(fixture, "SET|tc:instruction:ATM-1|3 77 42 1 5 9999999999 atm");
    assert_true(is_found(fixture, "ATM-1", &item));
    assert_int_equal(item.instruction, 0);
    assert_string_equal(item.device, "ATM-1");
}

static void of_a_huge_value_no_more_is_read_than_an_entry_has(void **state)
{
    const struct fixture *fixture = *state;
    const char *devices[] = {"ATM-1", "ATM-2", "ATM-3"};
    struct cached_instruction items[3];
    bool found[3], current = true;
    struct cached_instruction good = make("ATM-2", 77);
    put(fixture, &good);
    struct rusage before, after;
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    command(fixture, "SET|tc:instruction:ATM-1|1 77 42 1 5 9999999999 atm");
    command(fixture, "SETRANGE|tc:instruction:ATM-1|14680064|x");
    command(fixture, "SETRANGE|tc:generation|14680064|x");
    assert_int_equal(cache_get(fixture->cache, devices, 3, items, found, NULL), TC_OK);
    assert_int_equal(cache_check_generation(fixture->cache, &current, NULL), TC_OK);
    assert_true(found[0]);
    assert_int_equal(items[0].instruction, 0);
    assert_true(found[1]);
    assert_int_equal(items[1].instruction, 77);
    assert_false(found[2]);
    assert_false(current);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 4096); /* KiB */
}

static void a_value_of_another_type_hides_no_other_device_and_is_replaced(void **state)
{
    const struct fixture *fixture = *state;
    const char *devices[] = {"ATM-1", "ATM-2"};
    struct cached_instruction items[2], good = make("ATM-2", 77), fresh = make("ATM-1", 78);
    bool found[2];
    put(fixture, &good);
    command(fixture, "LPUSH|tc:instruction:ATM-1|x");
    assert_int_equal(cache_get(fixture->cache, devices, 2, items, found, NULL), TC_OK);
    assert_true(found[0]);
    assert_int_equal(items[0].instruction, 0);
    assert_true(found[1]);
    put(fixture, &fresh);
    assert_true(is_found(fixture, "ATM-1", &fresh));
    assert_int_equal(fresh.instruction, 78);
}

static void a_server_that_is_absent_at_first_is_used_when_it_comes(void **state)
{
    struct fixture *fixture = *state;
    server_end(&fixture->server, SIGTERM);
    cache_close(fixture->cache);
    fixture->cache = open_cache(&fixture->server, NULL, SERVER_DEADLINE_MS);
    struct cached_instruction item = make("ATM-1", 1);
    struct tc_fault fault;
    assert_int_equal(cache_put(fixture->cache, &item, 1, &fault), TC_UNAVAILABLE);
    assert_non_null(strstr(fault.text, fixture->server.socket_path));
    bool found = true;
    const char *device = "ATM-1";
    assert_int_equal(cache_get(fixture->cache, &device, 1, &item, &found, &fault), TC_UNAVAILABLE);
    assert_false(found);
    server_start(&fixture->server);
    WAIT_FOR(cache_put(fixture->cache, &item, 1, NULL) == TC_OK);
    assert_true(is_found(fixture, "ATM-1", NULL));
}

static void a_server_that_goes_away_is_missed_once_and_used_again_when_it_is_back(void **state)
{
    struct fixture *fixture = *state;
    struct cached_instruction item = make("ATM-1", 1);
    put(fixture, &item);
    server_end(&fixture->server, SIGKILL);
    assert_int_equal(cache_put(fixture->cache, &item, 1, NULL), TC_UNAVAILABLE);
    server_start(&fixture->server);
    WAIT_FOR(cache_put(fixture->cache, &item, 1, NULL) == TC_OK);
}

static void a_restart_between_two_calls_is_not_noticed_by_the_caller(void **state)
{
    struct fixture *fixture = *state;
    struct cached_instruction item = make("ATM-1", 1);
    put(fixture, &item);
    server_end(&fixture->server, SIGTERM);
    server_start(&fixture->server);
    assert_false(is_found(fixture, "ATM-1", NULL));
    put(fixture, &item);
    assert_true(is_found(fixture, "ATM-1", NULL));
}

static void a_server_that_hangs_costs_one_timeout_and_its_late_answers_are_not_mixed_up(void **state)
{
    struct fixture *fixture = *state;
    cache_close(fixture->cache);
    fixture->cache = open_cache(&fixture->server, NULL, 200);
    struct cached_instruction first = make("ATM-1", 1), second = make("ATM-2", 2), found;
    put(fixture, &first);
    put(fixture, &second);
    assert_int_equal(kill(fixture->server.pid, SIGSTOP), 0);
    struct tc_fault fault;
    bool is_hit;
    const char *device = "ATM-1";
    assert_int_equal(cache_get(fixture->cache, &device, 1, &found, &is_hit, &fault), TC_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "no answer in time"));
    assert_int_equal(kill(fixture->server.pid, SIGCONT), 0);
    device = "ATM-2";
    WAIT_FOR(cache_get(fixture->cache, &device, 1, &found, &is_hit, NULL) == TC_OK);
    assert_true(is_hit);
    assert_int_equal(found.instruction, 2);
}

static void an_error_reply_is_reported_and_does_not_upset_the_next_call(void **state)
{
    const struct fixture *fixture = *state;
    struct cached_instruction items[] = {make("ATM-1", 1), make("ATM-2", 2)};
    put(fixture, &items[0]);
    command(fixture, "CONFIG|SET|maxmemory|1");
    struct tc_fault fault;
    assert_int_equal(cache_put(fixture->cache, items, 2, &fault), TC_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "OOM"));
    command(fixture, "CONFIG|SET|maxmemory|0");
    assert_true(is_found(fixture, "ATM-1", NULL));
    put(fixture, &items[1]);
}

static void only_the_right_password_opens_a_server_that_asks_for_one(void **state)
{
    struct fixture *fixture = *state;
    command(fixture, "CONFIG|SET|requirepass|secret");
    struct cached_instruction item = make("ATM-1", 1);
    struct tc_fault fault;
    cache_close(fixture->cache);
    fixture->cache = open_cache(&fixture->server, "guess", SERVER_DEADLINE_MS);
    assert_int_equal(cache_put(fixture->cache, &item, 1, &fault), TC_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "WRONGPASS"));
    cache_close(fixture->cache);
    fixture->cache = open_cache(&fixture->server, "secret", SERVER_DEADLINE_MS);
    put(fixture, &item);
}

static void restart_without(struct fixture *fixture, const char *command)
{
    char setting[64];
    (void)snprintf(setting, sizeof setting, "rename-command %s \"\"\n", command);
    server_end(&fixture->server, SIGKILL);
    server_add_settings(&fixture->server, setting);
    server_start(&fixture->server);
    cache_close(fixture->cache);
    fixture->cache = open_cache(&fixture->server, "s3cr", SERVER_DEADLINE_MS);
}

static void what_a_server_quotes_of_a_command_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    struct cached_instruction item = make("ATM-1", 1);
    static const char *const commands[] = {"SET", "AUTH"};
    for (size_t i = 0; i < 2; i++) {
        struct tc_fault fault;
        restart_without(fixture, commands[i]);
        if (i == 0)
            command(fixture, "CONFIG|SET|requirepass|s3cr");
        assert_int_equal(cache_put(fixture->cache, &item, 1, &fault), TC_UNAVAILABLE);
        assert_non_null(strstr(fault.text, "unknown command"));
        assert_null(strstr(fault.text, "args"));
        assert_null(strstr(fault.text, "s3cr"));
    }
}

static void a_new_redis_is_not_current_until_it_was_rebuilt(void **state)
{
    const struct fixture *fixture = *state;
    assert_false(is_current(fixture));
    rebuild(fixture);
}

static void a_flush_makes_it_not_current(void **state)
{
    const struct fixture *fixture = *state;
    rebuild(fixture);
    command(fixture, "FLUSHALL");
    assert_false(is_current(fixture));
    rebuild(fixture);
}

static void a_restart_from_a_dump_makes_it_not_current(void **state)
{
    struct fixture *fixture = *state;
    struct cached_instruction item = make("ATM-1", 1);
    rebuild(fixture);
    put(fixture, &item);
    command(fixture, "SAVE");
    server_end(&fixture->server, SIGKILL);
    server_start(&fixture->server);
    assert_true(is_found(fixture, "ATM-1", NULL));
    assert_false(is_current(fixture));
}

static void a_rebuild_deletes_every_instruction_and_nothing_else(void **state)
{
    const struct fixture *fixture = *state;
    for (int i = 0; i < 3000; i++) {
        char device[32];
        (void)snprintf(device, sizeof device, "ATM-%d", i);
        struct cached_instruction item = make(device, i + 1);
        put(fixture, &item);
    }
    command(fixture, "SET|other:instruction:ATM-1|not ours");
    assert_int_equal(cache_clear(fixture->cache, NULL), TC_OK);
    assert_false(is_current(fixture));

    redisContext *redis = redisConnectUnix(fixture->server.socket_path);
    redisReply *left = redisCommand(redis, "KEYS *:instruction:*");
    assert_int_equal(left->elements, 1);
    assert_string_equal(left->element[0]->str, "other:instruction:ATM-1");
    freeReplyObject(left);
    redisFree(redis);
}

static void a_redis_that_was_flushed_during_its_rebuild_is_not_marked(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(cache_clear(fixture->cache, NULL), TC_OK);
    command(fixture, "FLUSHALL");
    assert_int_equal(cache_mark_generation(fixture->cache, NULL), TC_UNAVAILABLE);
    assert_false(is_current(fixture));
}

static void a_redis_that_was_restarted_during_its_rebuild_is_not_current(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(cache_clear(fixture->cache, NULL), TC_OK);
    command(fixture, "SAVE");
    server_end(&fixture->server, SIGKILL);
    server_start(&fixture->server);
    assert_int_equal(cache_mark_generation(fixture->cache, NULL), TC_OK);
    assert_false(is_current(fixture));
}

static void a_prefix_that_is_no_name_is_refused(void **state)
{
    (void)state;
    struct cache *cache = NULL;
    struct cache_config config = {.socket_path = "/nowhere", .prefix = "tc*", .timeout_ms = 100};
    struct tc_fault fault;
    assert_int_equal(cache_open(&config, &cache, &fault), TC_INVALID);
}

#define WITH_REDIS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_REDIS(what_was_put_is_found_in_full),
        WITH_REDIS(a_later_instruction_takes_the_place_of_the_one_before),
        WITH_REDIS(a_device_with_nothing_is_a_miss_among_hits),
        WITH_REDIS(a_batch_of_any_size_is_put_found_and_forgotten),
        WITH_REDIS(an_entry_goes_when_its_time_to_start_is_over),
        WITH_REDIS(an_entry_that_cannot_be_read_is_found_as_no_instruction),
        WITH_REDIS(of_a_huge_value_no_more_is_read_than_an_entry_has),
        WITH_REDIS(a_value_of_another_type_hides_no_other_device_and_is_replaced),
        WITH_REDIS(a_server_that_is_absent_at_first_is_used_when_it_comes),
        WITH_REDIS(a_server_that_goes_away_is_missed_once_and_used_again_when_it_is_back),
        WITH_REDIS(a_restart_between_two_calls_is_not_noticed_by_the_caller),
        WITH_REDIS(a_server_that_hangs_costs_one_timeout_and_its_late_answers_are_not_mixed_up),
        WITH_REDIS(an_error_reply_is_reported_and_does_not_upset_the_next_call),
        WITH_REDIS(only_the_right_password_opens_a_server_that_asks_for_one),
        WITH_REDIS(what_a_server_quotes_of_a_command_is_not_told),
        WITH_REDIS(a_new_redis_is_not_current_until_it_was_rebuilt),
        WITH_REDIS(a_flush_makes_it_not_current),
        WITH_REDIS(a_restart_from_a_dump_makes_it_not_current),
        WITH_REDIS(a_rebuild_deletes_every_instruction_and_nothing_else),
        WITH_REDIS(a_redis_that_was_flushed_during_its_rebuild_is_not_marked),
        WITH_REDIS(a_redis_that_was_restarted_during_its_rebuild_is_not_current),
        cmocka_unit_test(a_prefix_that_is_no_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
