#include "orchestrator/store/store.h"

#include "orchestrator/store/connection.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tc_error store_open(const char *connection, const char *role, struct store **store, struct tc_fault *fault)
{
    *store = NULL;
    char *reason = NULL;
    PQconninfoOption *options = PQconninfoParse(connection, &reason);
    if (options == NULL) {
        (void)tc_fault_set(fault, TC_INVALID, "database: %s", reason == NULL ? "out of memory" : reason);
        PQfreemem(reason);
        return TC_INVALID;
    }
    PQconninfoFree(options);

    struct store *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->settings = strdup(connection);
    opened->role = strdup(role);
    TC_CHECK(opened->settings != NULL && opened->role != NULL);
    *store = opened;
    return TC_OK;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    PQfinish(store->connection);
    params_free(&store->params);
    free(store->settings);
    free(store->role);
    free(store);
}

void store_join_by_loops(struct store *store)
{
    store->by_loops = true;
}

enum tc_error store_ping(struct store *store, struct tc_fault *fault)
{
    (void)store_params(store);
    return store_do(store, SQL_PING, fault);
}

struct store_pool {
    pthread_mutex_t mutex;
    pthread_cond_t given;
    int count, free_count;
    struct store *all[];
};

enum tc_error store_pool_open(const char *connection, int count, struct store_pool **pool, struct tc_fault *fault)
{
    struct store_pool *opened = calloc(1, sizeof *opened + (size_t)count * sizeof *opened->all);
    TC_CHECK(opened != NULL);
    TC_CHECK(pthread_mutex_init(&opened->mutex, NULL) == 0 && pthread_cond_init(&opened->given, NULL) == 0);
    *pool = opened;
    for (; opened->count < count; opened->count++) {
        char role[32];
        (void)snprintf(role, sizeof role, "tellercastd reader %d", opened->count + 1);
        enum tc_error error = store_open(connection, role, &opened->all[opened->count], fault);
        if (error != TC_OK) {
            opened->free_count = opened->count;
            store_pool_close(opened);
            *pool = NULL;
            return error;
        }
    }
    opened->free_count = count;
    return TC_OK;
}

void store_pool_close(struct store_pool *pool)
{
    if (pool == NULL)
        return;
    TC_CHECK(pool->free_count == pool->count);
    for (int i = 0; i < pool->count; i++)
        store_close(pool->all[i]);
    (void)pthread_cond_destroy(&pool->given);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

struct store *store_pool_take(struct store_pool *pool)
{
    (void)pthread_mutex_lock(&pool->mutex);
    while (pool->free_count == 0)
        (void)pthread_cond_wait(&pool->given, &pool->mutex);
    struct store *store = pool->all[--pool->free_count];
    (void)pthread_mutex_unlock(&pool->mutex);
    return store;
}

void store_pool_give(struct store_pool *pool, struct store *store)
{
    (void)pthread_mutex_lock(&pool->mutex);
    pool->all[pool->free_count++] = store;
    (void)pthread_cond_signal(&pool->given);
    (void)pthread_mutex_unlock(&pool->mutex);
}
