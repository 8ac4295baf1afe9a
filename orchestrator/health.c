#include "orchestrator/health.h"

#include "orchestrator/store/store.h"
#include "orchestrator/worker/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { PERIOD_MS = 1000 };

struct health {
    struct store *store;
    struct cache *cache;
    struct batch_queue *wakes;
    struct worker *worker;

    pthread_mutex_t mutex; /* over all below */
    struct broker *broker;
    bool started;
    struct intake_health seen;
};

static void put_fault(char *text, size_t size, enum tc_error error, const struct tc_fault *fault)
{
    /* What is too long for a line of /readyz is cut, and said so to the compiler by the precision. */
    (void)snprintf(text, size, "%.*s", (int)size - 1, error == TC_OK ? "ok" : fault->text);
}

static void look(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct health *health = context;
    struct tc_fault database = {0}, cache = {0};
    bool is_current;
    enum tc_error database_error = store_ping(health->store, &database);
    enum tc_error cache_error = cache_check_generation(health->cache, &is_current, &cache);

    (void)pthread_mutex_lock(&health->mutex);
    put_fault(health->seen.database, sizeof health->seen.database, database_error, &database);
    put_fault(health->seen.cache, sizeof health->seen.cache, cache_error, &cache);
    health->seen.ready = database_error == TC_OK && cache_error == TC_OK;
    (void)pthread_mutex_unlock(&health->mutex);
}

void health_describe(void *context, struct intake_health *description)
{
    struct health *health = context;
    (void)pthread_mutex_lock(&health->mutex);
    *description = health->seen;
    bool broker_is_there = health->broker != NULL && broker_is_connected(health->broker);
    if (broker_is_there)
        (void)snprintf(description->broker, sizeof description->broker, "ok");
    else if (health->broker != NULL)
        broker_describe(health->broker, description->broker, sizeof description->broker);
    else
        (void)snprintf(description->broker, sizeof description->broker, "not connected yet");
    description->ready = description->ready && health->started && broker_is_there;
    (void)pthread_mutex_unlock(&health->mutex);
}

void health_watch_broker(struct health *health, struct broker *broker)
{
    (void)pthread_mutex_lock(&health->mutex);
    health->broker = broker;
    (void)pthread_mutex_unlock(&health->mutex);
}

void health_set_started(struct health *health)
{
    (void)pthread_mutex_lock(&health->mutex);
    health->started = true;
    (void)pthread_mutex_unlock(&health->mutex);
}

enum tc_error health_open(const char *database, const struct cache_config *cache, struct health **health,
                          struct tc_fault *fault)
{
    struct health *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL && pthread_mutex_init(&opened->mutex, NULL) == 0);
    (void)snprintf(opened->seen.database, sizeof opened->seen.database, "not looked at yet");
    (void)snprintf(opened->seen.cache, sizeof opened->seen.cache, "not looked at yet");
    opened->wakes = batch_queue_open(1, 1);
    batch_queue_wake(opened->wakes);
    const struct worker_config worker = {.name = "health",
                                         .queue = opened->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = PERIOD_MS,
                                         .handle = look,
                                         .context = opened};
    enum tc_error error = store_open(database, "tellercastd health", &opened->store, fault);
    if (error == TC_OK)
        error = cache_open(cache, &opened->cache, fault);
    if (error == TC_OK)
        error = worker_start(&worker, &opened->worker, fault);
    if (error != TC_OK) {
        health_close(opened);
        return error;
    }
    *health = opened;
    return TC_OK;
}

void health_close(struct health *health)
{
    if (health == NULL)
        return;
    worker_stop(health->worker);
    cache_close(health->cache);
    store_close(health->store);
    batch_queue_free(health->wakes);
    (void)pthread_mutex_destroy(&health->mutex);
    free(health);
}
