#include "orchestrator/store/store.h"

#include "base/clock.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/connection_string.h"
#include "orchestrator/store/policy_in_force.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FULL_REPORTED_MS = 10000, PROBE_SESSION_MS = 10000 };

/* Copies a connection string's value of a keyword; "" when it has none. */
static char *copy_option(const PQconninfoOption *options, const char *keyword)
{
    const char *value = NULL;
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (strcmp(option->keyword, keyword) == 0)
            value = option->val;
    }
    return strdup(value == NULL ? "" : value);
}

enum tc_error store_open(const char *connection, const char *role, struct store **store, struct tc_fault *fault)
{
    *store = NULL;
    PQconninfoOption *options;
    enum tc_error error = connection_string_parse(connection, &options, fault);
    if (error != TC_OK)
        return error;
    struct store *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->settings = strdup(connection);
    opened->role = strdup(role);
    opened->own_options = copy_option(options, "options");
    TC_CHECK(opened->settings != NULL && opened->role != NULL && opened->own_options != NULL);
    PQconninfoFree(options);
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
    free(store->own_options);
    free(store->role);
    free(store);
}

void store_join_by_loops(struct store *store)
{
    store->by_loops = true;
}

void store_use_guard(struct store *store, struct store_guard *guard)
{
    store->guard = guard;
}

void store_use_policy(struct store *store, const struct policy_in_force *policy)
{
    store->policy = policy;
}

void store_allow_long(struct store *store)
{
    store->takes_long = true;
}

void store_allow_reading(struct store *store)
{
    store->reads_too = true;
}

enum tc_error store_probe(struct store *store, bool migrated, struct tc_fault *fault)
{
    if (store->connection != NULL && clock_monotonic_ms() - store->connected_ms > PROBE_SESSION_MS)
        store_disconnect(store);
    enum tc_error error = migrated ? sql_prove_writable(store, fault) : sql_ping(store, fault);
    if (error == TC_OK && store_was_full(FULL_REPORTED_MS))
        return tc_fault_set(fault, TC_NO_SPACE, "database: its disk is full: a statement failed a moment ago");
    return error;
}

bool store_was_not_reached(const struct store *store)
{
    return store->was_not_reached;
}

struct store_pool {
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    int count, free_count;
    struct store *all[];
};

enum tc_error store_pool_open(const char *connection, int count, struct store_guard *guard, struct store_pool **pool,
                              struct tc_fault *fault)
{
    struct store_pool *opened = calloc(1, sizeof *opened + (size_t)count * sizeof *opened->all);
    TC_CHECK(opened != NULL);
    TC_CHECK(pthread_mutex_init(&opened->mutex, NULL) == 0 && pthread_cond_init(&opened->returned, NULL) == 0);
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
        store_use_guard(opened->all[opened->count], guard);
        store_allow_long(opened->all[opened->count]);
        store_allow_reading(opened->all[opened->count]);
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
    (void)pthread_cond_destroy(&pool->returned);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

void store_pool_use_policy(struct store_pool *pool, const struct policy_in_force *policy)
{
    for (int i = 0; i < pool->count; i++)
        store_use_policy(pool->all[i], policy);
}

struct store *store_pool_take(struct store_pool *pool)
{
    (void)pthread_mutex_lock(&pool->mutex);
    while (pool->free_count == 0)
        (void)pthread_cond_wait(&pool->returned, &pool->mutex);
    struct store *store = pool->all[--pool->free_count];
    (void)pthread_mutex_unlock(&pool->mutex);
    return store;
}

void store_pool_give(struct store_pool *pool, struct store *store)
{
    store->act = NULL;
    (void)pthread_mutex_lock(&pool->mutex);
    pool->all[pool->free_count++] = store;
    (void)pthread_cond_signal(&pool->returned);
    (void)pthread_mutex_unlock(&pool->mutex);
}
