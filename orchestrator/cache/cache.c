#include "orchestrator/cache/cache.h"

#include "orchestrator/cache/cache_state.h"
#include "orchestrator/cache/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Commands, or keys in one command, that go out before replies are read: bounds the buffers on both sides. */
    ROUND_TRIP_MAX = 2000,
};

static char *copy_text(const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);
    TC_CHECK(text == NULL || copy != NULL);
    return copy;
}

enum tc_error cache_open(const struct cache_config *config, struct cache **cache, struct tc_fault *fault)
{
    if (!name_is_valid(config->prefix, strlen(config->prefix)))
        return tc_fault_set(fault, TC_INVALID, "cache prefix \"%.80s\": must be a name", config->prefix);
    struct cache *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->arguments = calloc(ROUND_TRIP_MAX + 1, sizeof *made->arguments);
    made->keys = calloc(ROUND_TRIP_MAX, sizeof *made->keys);
    TC_CHECK(made->arguments != NULL && made->keys != NULL);
    made->socket_path = copy_text(config->socket_path);
    made->host = copy_text(config->host);
    made->user = copy_text(config->user);
    made->password = copy_text(config->password);
    made->prefix = copy_text(config->prefix);
    made->connection.config = *config;
    made->connection.config.socket_path = made->socket_path;
    made->connection.config.host = made->host;
    made->connection.config.user = made->user;
    made->connection.config.password = made->password;
    made->connection.config.prefix = made->prefix;
    made->connection.was_reachable = true; /* so that an unavailable server is logged at the first call */
    *cache = made;
    return TC_OK;
}

void cache_close(struct cache *cache)
{
    if (cache == NULL)
        return;
    connection_close(&cache->connection);
    free(cache->keys);
    free(cache->arguments);
    free(cache->prefix);
    free(cache->password);
    free(cache->user);
    free(cache->host);
    free(cache->socket_path);
    free(cache);
}

void cache_write_key(const struct cache *cache, const char *name, const char *device, char key[static CACHE_KEY_SIZE])
{
    int length = snprintf(key, CACHE_KEY_SIZE, device == NULL ? "%s:%s" : "%s:%s:%s", cache->prefix, name, device);
    TC_CHECK(length > 0 && length < CACHE_KEY_SIZE);
}

void cache_append(redisContext *redis, int count, const char **arguments)
{
    TC_CHECK(redisAppendCommandArgv(redis, count, arguments, NULL) == REDIS_OK);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- an owed rebuild ---- */

static void append_invalidate(redisContext *redis, void *context, size_t i)
{
    (void)i;
    char key[CACHE_KEY_SIZE];
    cache_write_key(context, "generation", NULL, key);
    cache_append(redis, 2, (const char *[]){"DEL", key});
}

enum tc_error cache_settle(struct cache *cache, struct tc_fault *fault)
{
    if (!cache->owes_rebuild)
        return TC_OK;
    struct exchange exchange = {.count = 1, .append = append_invalidate, .context = cache};
    enum tc_error error = connection_exchange(&cache->connection, &exchange, fault);
    cache->owes_rebuild = error != TC_OK;
    return error;
}

enum tc_error cache_probe(struct cache *cache, struct tc_fault *fault)
{
    struct exchange exchange = {.count = 1, .append = connection_append_probe, .context = &cache->connection};
    return connection_exchange(&cache->connection, &exchange, fault);
}

/* ---- put ---- */

struct put {
    const struct cache *cache;
    const struct cached_instruction *items;
};

static void append_put(redisContext *redis, void *context, size_t i)
{
    const struct put *put = context;
    const struct cached_instruction *item = &put->items[i];
    char key[CACHE_KEY_SIZE], text[CACHE_ENTRY_SIZE], expires[24];
    cache_write_key(put->cache, "instruction", item->device, key);
    (void)cache_entry_write(item, text);
    /* Redis refuses 0; any past time means no entry. */
    (void)snprintf(expires, sizeof expires, "%" PRId64, item->start_before_s < 1 ? 1 : item->start_before_s);
    cache_append(redis, 5, (const char *[]){"SET", key, text, "EXAT", expires});
}

enum tc_error cache_put(struct cache *cache, const struct cached_instruction *items, size_t count,
                        struct tc_fault *fault)
{
    enum tc_error error = cache_settle(cache, fault);
    for (size_t done = 0; done < count && error == TC_OK; done += ROUND_TRIP_MAX) {
        struct put put = {cache, items + done};
        struct exchange exchange = {
            .count = smaller(count - done, ROUND_TRIP_MAX), .append = append_put, .context = &put};
        error = connection_exchange(&cache->connection, &exchange, fault);
    }
    return error;
}

/* ---- get ---- */

struct lookup {
    const struct cache *cache;
    const char *const *devices;
    struct cached_instruction *items;
    bool *found;
    size_t missing[ROUND_TRIP_MAX]; /* indexes: no text was read */
    size_t missing_count;
};

/* Only as much of a value as an entry may have: others may write here, and a value has up to 512 MiB. */
static void append_lookup(redisContext *redis, void *context, size_t i)
{
    const struct lookup *lookup = context;
    char key[CACHE_KEY_SIZE], last[16];
    cache_write_key(lookup->cache, "instruction", lookup->devices[i], key);
    (void)snprintf(last, sizeof last, "%d", CACHE_ENTRY_SIZE - 1);
    cache_append(redis, 4, (const char *[]){"GETRANGE", key, "0", last});
}

static bool take_looked_up(void *context, size_t i, const redisReply *reply)
{
    struct lookup *lookup = context;
    struct cached_instruction *item = &lookup->items[i];
    if (i == 0) /* also when the exchange is repeated */
        lookup->missing_count = 0;
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_ERROR)
        return false;
    *item = (struct cached_instruction){0};
    (void)snprintf(item->device, sizeof item->device, "%s", lookup->devices[i]);
    lookup->found[i] = reply->type == REDIS_REPLY_STRING && reply->len > 0;
    if (lookup->found[i])
        (void)cache_entry_read(reply->str, (size_t)reply->len, item);
    else
        lookup->missing[lookup->missing_count++] = i;
    return true;
}

/* An empty value and one of another type are entries that cannot be read; GETRANGE answers the same for none. */
static void append_exists(redisContext *redis, void *context, size_t i)
{
    const struct lookup *lookup = context;
    char key[CACHE_KEY_SIZE];
    cache_write_key(lookup->cache, "instruction", lookup->devices[lookup->missing[i]], key);
    cache_append(redis, 2, (const char *[]){"EXISTS", key});
}

static bool take_exists(void *context, size_t i, const redisReply *reply)
{
    const struct lookup *lookup = context;
    lookup->found[lookup->missing[i]] = reply->type == REDIS_REPLY_INTEGER && reply->integer != 0;
    return reply->type == REDIS_REPLY_INTEGER;
}

static enum tc_error look_up(struct cache *cache, struct lookup *lookup, size_t count, struct tc_fault *fault)
{
    struct exchange read = {
        .count = count, .append = append_lookup, .take = take_looked_up, .takes_wrong_types = true, .context = lookup};
    enum tc_error error = connection_exchange(&cache->connection, &read, fault);
    if (error != TC_OK || lookup->missing_count == 0)
        return error;
    struct exchange exist = {
        .count = lookup->missing_count, .append = append_exists, .take = take_exists, .context = lookup};
    return connection_exchange(&cache->connection, &exist, fault);
}

enum tc_error cache_get(struct cache *cache, const char *const *devices, size_t count, struct cached_instruction *items,
                        bool *found, struct tc_fault *fault)
{
    enum tc_error error = cache_settle(cache, fault);
    for (size_t done = 0; done < count && error == TC_OK; done += ROUND_TRIP_MAX) {
        struct lookup lookup = {
            .cache = cache, .devices = devices + done, .items = items + done, .found = found + done};
        error = look_up(cache, &lookup, smaller(count - done, ROUND_TRIP_MAX), fault);
    }
    if (error != TC_OK && count > 0)
        memset(found, 0, count * sizeof *found);
    return error;
}

/* ---- forget ---- */

struct forgetting {
    struct cache *cache;
    const char *const *devices;
    size_t count;
};

/* One command for all. */
static void append_forget(redisContext *redis, void *context, size_t i)
{
    (void)i;
    const struct forgetting *forgetting = context;
    struct cache *cache = forgetting->cache;
    cache->arguments[0] = "DEL";
    for (size_t k = 0; k < forgetting->count; k++) {
        cache_write_key(cache, "instruction", forgetting->devices[k], cache->keys[k]);
        cache->arguments[k + 1] = cache->keys[k];
    }
    cache_append(redis, (int)forgetting->count + 1, cache->arguments);
}

enum tc_error cache_forget(struct cache *cache, const char *const *devices, size_t count, struct tc_fault *fault)
{
    enum tc_error error = cache_settle(cache, fault);
    for (size_t done = 0; done < count && error == TC_OK; done += ROUND_TRIP_MAX) {
        struct forgetting forgetting = {cache, devices + done, smaller(count - done, ROUND_TRIP_MAX)};
        struct exchange exchange = {.count = 1, .append = append_forget, .context = &forgetting};
        error = connection_exchange(&cache->connection, &exchange, fault);
    }
    cache->owes_rebuild = error != TC_OK;
    return error;
}
