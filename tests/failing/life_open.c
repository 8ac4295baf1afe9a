#include "tests/failing/failing.h"
#include "tests/failing/life_private.h"
#include "tests/property/engine/hand_worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEASE_MS = 300, PERIOD_MS = 1000, CLOSE_MS = 2000 };

static void ignore_message(void *context, const struct broker_message *message)
{
    (void)context, (void)message;
}

static void notice_connection(void *context, bool connected)
{
    ((struct life *)context)->is_connected = connected;
}

static void open_broker(struct life *life, int port)
{
    const struct broker_config config = {.host = "127.0.0.1",
                                         .port = port,
                                         .client_id = "failing",
                                         .topic_root = "tc/v1",
                                         .share_name = "tellercast",
                                         .keep_alive_s = 60,
                                         .in_flight_limit = BATCH,
                                         .received = ignore_message,
                                         .connection_changed = notice_connection,
                                         .context = life};
    TC_CHECK(broker_open(&config, &life->broker, NULL) == TC_OK);
    while (!life->is_connected)
        server_breathe();
}

static void open_queues(struct life *life)
{
    life->orders = batch_queue_open(sizeof(struct order *), BATCH);
    life->expander_wakes = batch_queue_open(1, 1);
    life->scheduler_wakes = batch_queue_open(1, 1);
    life->conductor_wakes = batch_queue_open(1, 1);
    life->pool = batch_queue_open(sizeof(struct pool_batch), BATCH);
    life->updates = batch_queue_open(sizeof(struct update), BATCH);
    life->update_queues = (struct update_queues){.queues = &life->updates, .count = 1};
}

static void open_parts(struct life *life)
{
    const struct planner_config planner = {.database = life->database,
                                           .prepare = {.public_url = "https://a.invalid", .calendars = life->calendars},
                                           .orders = life->orders,
                                           .wakes = life->expander_wakes,
                                           .planned = life->scheduler_wakes};
    const struct scheduler_config scheduler = {.database = life->database,
                                               .cache = &life->cache,
                                               .instance = "failing",
                                               .shard = 1,
                                               .period_ms = PERIOD_MS,
                                               .lease_ms = LEASE_MS,
                                               .claim_batch = BATCH,
                                               .pull_wait_ms = INT64_C(3600) * 1000,
                                               .wakes = life->scheduler_wakes,
                                               .pool = life->pool};
    const struct conductor_config conductor = {.database = life->database,
                                               .cache = &life->cache,
                                               .broker = life->broker,
                                               .instance = "failing",
                                               .shard = 2,
                                               .period_ms = PERIOD_MS,
                                               .progress_period_ms = PERIOD_MS,
                                               .lease_ms = LEASE_MS,
                                               .wakes = life->conductor_wakes,
                                               .broker_is_new = &life->broker_is_new,
                                               .asked_ms = &life->asked_ms,
                                               .pool = life->pool,
                                               .planned = life->scheduler_wakes,
                                               .orders = life->orders};
    TC_CHECK(planner_open(&planner, &life->planner, NULL) == TC_OK);
    life->ordering = hand_worker_last("planner");
    life->expanding = hand_worker_last("expander");
    TC_CHECK(scheduler_open(&scheduler, &life->scheduler, NULL) == TC_OK);
    life->scheduling = hand_worker_last("scheduler");
    TC_CHECK(conductor_open(&conductor, &life->conductor, NULL) == TC_OK);
    life->conducting = hand_worker_last("conductor");
}

static void open_desks(struct life *life, const char *folder)
{
    char path[SERVER_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/key-%d.json", folder, (int)getpid());
    TC_CHECK(signing_key_create(path, NULL) == TC_OK && signing_key_open(path, &life->key, NULL) == TC_OK);
    life->dispatcher = (struct dispatcher_config){.database = life->database,
                                                  .cache = &life->cache,
                                                  .instance = "failing",
                                                  .broker = life->broker,
                                                  .key = life->key,
                                                  .validity_ms = INT64_C(3600) * 1000,
                                                  .updates = &life->update_queues,
                                                  .asked_ms = &life->asked_ms};
    life->desk = desk_open(&life->dispatcher, "failing desk");
    life->writer = (struct update_writer){.broker = life->broker, .shard = 3, .ending = &life->ending};
    TC_CHECK(store_open(life->database, "failing writer", &life->writer.store, NULL) == TC_OK);
    TC_CHECK(cache_open(&life->cache, &life->writer.cache, NULL) == TC_OK);
    TC_CHECK(store_open(life->database, "failing inventory", &life->inventory, NULL) == TC_OK);
    report_batch_open(&life->reports, BATCH);
}

struct life *life_open(const struct life_servers *servers)
{
    struct life *life = calloc(1, sizeof *life);
    TC_CHECK(life != NULL);
    memcpy(life->database, servers->database, sizeof life->database);
    memcpy(life->redis, servers->redis.socket_path, sizeof life->redis);
    life->cache = (struct cache_config){.socket_path = life->redis, .prefix = "tc", .timeout_ms = SERVER_DEADLINE_MS};
    life->look = PQconnectdb(life->database);
    TC_CHECK(PQstatus(life->look) == CONNECTION_OK);
    life->calendars = calendars_open("{}");
    open_queues(life);
    open_broker(life, servers->mosquitto.port);
    open_parts(life);
    open_desks(life, servers->mosquitto.folder);
    life_seen = life;
    failing_sees_message = life_see_message;
    return life;
}

static void close_queues(struct life *life)
{
    batch_queue_free(life->updates);
    batch_queue_free(life->pool);
    batch_queue_free(life->conductor_wakes);
    batch_queue_free(life->scheduler_wakes);
    batch_queue_free(life->expander_wakes);
    batch_queue_free(life->orders);
}

void life_close(struct life *life)
{
    failing_sees_message = NULL;
    life_free_pooled(life);
    report_batch_close(&life->reports);
    buffer_free(&life->writer.message);
    cache_close(life->writer.cache);
    store_close(life->writer.store);
    store_close(life->inventory);
    desk_close(life->desk);
    signing_key_close(life->key);
    conductor_close(life->conductor);
    scheduler_close(life->scheduler);
    planner_close(life->planner);
    broker_close(life->broker, CLOSE_MS);
    close_queues(life);
    calendars_free(life->calendars);
    PQfinish(life->look);
    free(life);
}

void life_renew_database(struct life_servers *servers, int number)
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

void life_start_servers(struct life_servers *servers)
{
    (void)signal(SIGPIPE, SIG_IGN);
    server_prepare_postgres(&servers->postgres);
    server_prepare_redis(&servers->redis, "");
    server_prepare_mosquitto(&servers->mosquitto, "allow_anonymous true\n");
    server_start(&servers->postgres);
    server_start(&servers->redis);
    server_start(&servers->mosquitto);
    life_renew_database(servers, 1);
}

void life_remove_servers(struct life_servers *servers)
{
    server_remove(&servers->mosquitto);
    server_remove(&servers->redis);
    server_remove(&servers->postgres);
}
