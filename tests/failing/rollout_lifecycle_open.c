#include "base/clock.h"
#include "orchestrator/store/signing_keys.h"
#include "tests/act_of_test.h"
#include "tests/failing/failing.h"
#include "tests/failing/rollout_lifecycle_private.h"
#include "tests/property/engine/stepped_worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEASE_MS = 300, PERIOD_MS = 1000, CLOSE_MS = 2000, DAY_MS = 86400000, EVENTS_MAX = 1000000 };

static void ignore_message(void *context, const struct broker_message *message)
{
    (void)context, (void)message;
}

static void notice_connection(void *context, bool connected)
{
    ((struct rollout_lifecycle *)context)->is_connected = connected;
}

static void open_broker(struct rollout_lifecycle *lifecycle, int port)
{
    const struct broker_config config = {.hosts = {.count = 1, .names = {"127.0.0.1"}},
                                         .port = port,
                                         .client_id = "failing",
                                         .topic_root = "tc/v1",
                                         .share_name = "tellercast",
                                         .keep_alive_s = 60,
                                         .in_flight_limit = BATCH,
                                         .received = ignore_message,
                                         .connection_changed = notice_connection,
                                         .context = lifecycle};
    TC_CHECK(broker_open(&config, &lifecycle->broker, NULL) == TC_OK);
    while (!lifecycle->is_connected)
        server_breathe();
}

static void open_queues(struct rollout_lifecycle *lifecycle)
{
    lifecycle->submissions = batch_queue_open(sizeof(struct submission *), BATCH);
    lifecycle->expander_wakes = batch_queue_open(1, 1);
    lifecycle->scheduler_wakes = batch_queue_open(1, 1);
    lifecycle->conductor_wakes = batch_queue_open(1, 1);
    lifecycle->pool = batch_queue_open(sizeof(struct pool_batch), BATCH);
    lifecycle->updates = batch_queue_open(sizeof(struct update), BATCH);
    lifecycle->update_queues = (struct update_queues){.queues = &lifecycle->updates, .count = 1};
}

static void open_parts(struct rollout_lifecycle *lifecycle)
{
    const struct planner_config planner = {
        .database = lifecycle->database,
        .prepare = {.public_url = "https://a.invalid", .calendars = lifecycle->calendars},
        .instance = "failing",
        .policy = "{}",
        .policy_in_force = &lifecycle->policy_in_force,
        .submissions = lifecycle->submissions,
        .wakes = lifecycle->expander_wakes,
        .planned = lifecycle->scheduler_wakes};
    const struct scheduler_config scheduler = {.database = lifecycle->database,
                                               .cache = &lifecycle->cache,
                                               .instance = "failing",
                                               .shard = 1,
                                               .period_ms = PERIOD_MS,
                                               .lease_ms = LEASE_MS,
                                               .claim_batch = BATCH,
                                               .pull_wait_ms = INT64_C(3600) * 1000,
                                               .wakes = lifecycle->scheduler_wakes,
                                               .pool = lifecycle->pool};
    const struct conductor_config conductor = {.database = lifecycle->database,
                                               .cache = &lifecycle->cache,
                                               .broker = lifecycle->broker,
                                               .instance = "failing",
                                               .shard = 2,
                                               .period_ms = PERIOD_MS,
                                               .progress_period_ms = PERIOD_MS,
                                               .lease_ms = LEASE_MS,
                                               .event_retention_ms = DAY_MS,
                                               .event_limit = EVENTS_MAX,
                                               .clock = &lifecycle->clock,
                                               .wakes = lifecycle->conductor_wakes,
                                               .broker_is_new = &lifecycle->broker_is_new,
                                               .state_requested_ms = &lifecycle->state_requested_ms,
                                               .conducting_epoch = &lifecycle->conducting_epoch,
                                               .pool = lifecycle->pool,
                                               .planned = lifecycle->scheduler_wakes,
                                               .submissions = lifecycle->submissions};
    TC_CHECK(planner_open(&planner, &lifecycle->planner, NULL) == TC_OK);
    lifecycle->ordering = stepped_worker_last("planner");
    lifecycle->expanding = stepped_worker_last("expander");
    TC_CHECK(scheduler_open(&scheduler, &lifecycle->scheduler, NULL) == TC_OK);
    lifecycle->scheduling = stepped_worker_last("scheduler");
    TC_CHECK(conductor_open(&conductor, &lifecycle->conductor, NULL) == TC_OK);
    lifecycle->conducting = stepped_worker_last("conductor");
}

/* Makes a key that the database lets sign; an earlier lifecycle may have left another one there. */
static void open_key(struct rollout_lifecycle *lifecycle, const char *folder)
{
    char path[SERVER_PATH_SIZE];
    struct public_key_text public;
    struct signing_key *key;
    (void)snprintf(path, sizeof path, "%s/key-%d.json", folder, (int)getpid());
    TC_CHECK(signing_key_create(path, NULL) == TC_OK && signing_key_open(path, &key, NULL) == TC_OK);
    lifecycle->key = key;
    lifecycle->keys = key_ring_open();
    TC_CHECK(key_ring_add(lifecycle->keys, key));
    TC_CHECK(key_ring_choose(lifecycle->keys, signing_key_id(lifecycle->key)));
    signing_key_public(lifecycle->key, &public);
    struct store *store;
    TC_CHECK(store_open(lifecycle->database, "failing keys", &store, NULL) == TC_OK);
    TC_CHECK(signing_keys_register(store, &public, "failing", NULL) == TC_OK);
    struct buffer json = {0};
    struct refusal refusal;
    struct act act = act_of_test(ACCESS_MANAGE_KEYS);
    acts_set(store, &act);
    (void)signing_keys_use(store, public.id, "ann", "a test", &json, &refusal, NULL);
    buffer_free(&json);
    store_close(store);
}

static void open_threads(struct rollout_lifecycle *lifecycle, const char *folder)
{
    store_clock_note(&lifecycle->clock, clock_boot_ms(), clock_now_ms());
    open_key(lifecycle, folder);
    lifecycle->dispatcher = (struct dispatcher_config){.database = lifecycle->database,
                                                       .cache = &lifecycle->cache,
                                                       .instance = "failing",
                                                       .broker = lifecycle->broker,
                                                       .keys = lifecycle->keys,
                                                       .clock = &lifecycle->clock,
                                                       .validity_ms = INT64_C(3600) * 1000,
                                                       .updates = &lifecycle->update_queues,
                                                       .state_requested_ms = &lifecycle->state_requested_ms};
    lifecycle->thread = dispatcher_thread_open(&lifecycle->dispatcher, "failing desk");
    lifecycle->writer = (struct update_writer){.broker = lifecycle->broker, .shard = 3, .ending = &lifecycle->ending};
    TC_CHECK(store_open(lifecycle->database, "failing writer", &lifecycle->writer.store, NULL) == TC_OK);
    TC_CHECK(cache_open(&lifecycle->cache, &lifecycle->writer.cache, NULL) == TC_OK);
    TC_CHECK(store_open(lifecycle->database, "failing inventory", &lifecycle->inventory, NULL) == TC_OK);
    report_batch_open(&lifecycle->reports, BATCH);
}

struct rollout_lifecycle *rollout_lifecycle_open(const struct rollout_lifecycle_servers *servers)
{
    struct rollout_lifecycle *lifecycle = calloc(1, sizeof *lifecycle);
    TC_CHECK(lifecycle != NULL);
    memcpy(lifecycle->database, servers->database, sizeof lifecycle->database);
    memcpy(lifecycle->redis, servers->redis.socket_path, sizeof lifecycle->redis);
    lifecycle->cache =
        (struct cache_config){.socket_path = lifecycle->redis, .prefix = "tc", .timeout_ms = SERVER_DEADLINE_MS};
    lifecycle->look = PQconnectdb(lifecycle->database);
    TC_CHECK(PQstatus(lifecycle->look) == CONNECTION_OK);
    lifecycle->calendars = calendars_open("{}");
    open_queues(lifecycle);
    open_broker(lifecycle, servers->mosquitto.port);
    open_parts(lifecycle);
    open_threads(lifecycle, servers->mosquitto.folder);
    rollout_lifecycle_seen = lifecycle;
    failing_sees_message = rollout_lifecycle_see_message;
    return lifecycle;
}

static void close_queues(struct rollout_lifecycle *lifecycle)
{
    batch_queue_free(lifecycle->updates);
    batch_queue_free(lifecycle->pool);
    batch_queue_free(lifecycle->conductor_wakes);
    batch_queue_free(lifecycle->scheduler_wakes);
    batch_queue_free(lifecycle->expander_wakes);
    batch_queue_free(lifecycle->submissions);
}

void rollout_lifecycle_close(struct rollout_lifecycle *lifecycle)
{
    failing_sees_message = NULL;
    rollout_lifecycle_free_pooled(lifecycle);
    report_batch_close(&lifecycle->reports);
    buffer_free(&lifecycle->writer.message);
    cache_close(lifecycle->writer.cache);
    store_close(lifecycle->writer.store);
    store_close(lifecycle->inventory);
    dispatcher_thread_close(lifecycle->thread);
    key_ring_close(lifecycle->keys);
    conductor_close(lifecycle->conductor);
    scheduler_close(lifecycle->scheduler);
    planner_close(lifecycle->planner);
    broker_close(lifecycle->broker, CLOSE_MS);
    close_queues(lifecycle);
    calendars_free(lifecycle->calendars);
    PQfinish(lifecycle->look);
    free(lifecycle);
}

void rollout_lifecycle_renew_database(struct rollout_lifecycle_servers *servers, int number)
{
    (void)snprintf(servers->database, sizeof servers->database, "host=%s user=tellercast dbname=postgres",
                   servers->postgres.folder);
    char statement[64];
    (void)snprintf(statement, sizeof statement, "CREATE DATABASE life%d", number);
    while (PQping(servers->database) != PQPING_OK)
        server_breathe();
    PGconn *server = PQconnectdb(servers->database);
    PGresult *made = PQexec(server, statement);
    TC_CHECK(PQresultStatus(made) == PGRES_COMMAND_OK);
    PQclear(made);
    PQfinish(server);

    (void)snprintf(servers->database, sizeof servers->database, "host=%s user=tellercast dbname=life%d",
                   servers->postgres.folder, number);
    struct store *store;
    TC_CHECK(store_open(servers->database, "failing", &store, NULL) == TC_OK);
    TC_CHECK(store_migrate(store, NULL) == TC_OK);
    store_close(store);
}

void rollout_lifecycle_start_servers(struct rollout_lifecycle_servers *servers)
{
    (void)signal(SIGPIPE, SIG_IGN);
    server_prepare_postgres(&servers->postgres);
    server_prepare_redis(&servers->redis, "");
    server_prepare_mosquitto(&servers->mosquitto, "allow_anonymous true\n");
    server_start(&servers->postgres);
    server_start(&servers->redis);
    server_start(&servers->mosquitto);
    rollout_lifecycle_renew_database(servers, 1);
}

void rollout_lifecycle_remove_servers(struct rollout_lifecycle_servers *servers)
{
    server_remove(&servers->mosquitto);
    server_remove(&servers->redis);
    server_remove(&servers->postgres);
}
