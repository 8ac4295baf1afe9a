#include "orchestrator/cache/cache_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cache_clear writes Redis' run ID under "rebuilding", cache_mark_generation renames that key to "generation". So after
 * a restart (another run ID) or a flush (no key to rename) during the rebuild the generation is not current. */

enum { RUN_ID_SIZE = 64, SCAN_STEP = 1000 };

/* The last character that is read of a generation: a longer one is not a run ID. */
#define RUN_ID_LAST "64"

struct generation {
    const struct cache *cache;
    char run_id[RUN_ID_SIZE];
    bool is_current;
};

static bool read_run_id(const redisReply *info, char run_id[static RUN_ID_SIZE])
{
    static const char label[] = "\nrun_id:";
    if (info->type != REDIS_REPLY_STRING)
        return false;
    const char *found = strstr(info->str, label);
    if (found == NULL)
        return false;
    found += sizeof label - 1;
    size_t length = strcspn(found, "\r\n");
    if (length == 0 || length >= RUN_ID_SIZE)
        return false;
    memcpy(run_id, found, length);
    run_id[length] = '\0';
    return true;
}

static void append_check(redisContext *redis, void *context, size_t i)
{
    const struct generation *generation = context;
    char key[CACHE_KEY_SIZE];
    cache_write_key(generation->cache, "generation", NULL, key);
    if (i == 0)
        cache_append(redis, 2, (const char *[]){"INFO", "server"});
    else
        cache_append(redis, 4, (const char *[]){"GETRANGE", key, "0", RUN_ID_LAST});
}

static bool take_check(void *context, size_t i, const redisReply *reply)
{
    struct generation *generation = context;
    if (i == 0)
        return read_run_id(reply, generation->run_id);
    generation->is_current = reply->type == REDIS_REPLY_STRING && strcmp(reply->str, generation->run_id) == 0;
    return reply->type == REDIS_REPLY_STRING;
}

static enum tc_error check(struct cache *cache, struct generation *generation, struct tc_fault *fault)
{
    *generation = (struct generation){.cache = cache};
    struct exchange exchange = {.count = 2, .append = append_check, .take = take_check, .context = generation};
    return connection_exchange(&cache->connection, &exchange, fault);
}

enum tc_error cache_check_generation(struct cache *cache, bool *is_current, struct tc_fault *fault)
{
    struct generation generation;
    enum tc_error error = check(cache, &generation, fault);
    *is_current = error == TC_OK && generation.is_current;
    return error;
}

static void append_begin(redisContext *redis, void *context, size_t i)
{
    const struct generation *generation = context;
    char rebuilding[CACHE_KEY_SIZE], current[CACHE_KEY_SIZE];
    cache_write_key(generation->cache, "rebuilding", NULL, rebuilding);
    cache_write_key(generation->cache, "generation", NULL, current);
    if (i == 0)
        cache_append(redis, 2, (const char *[]){"DEL", current});
    else
        cache_append(redis, 3, (const char *[]){"SET", rebuilding, generation->run_id});
}

struct scan {
    const struct cache *cache;
    char cursor[32];
    char *unlink; /* the command that deletes the keys of this step; NULL: no keys */
    int unlink_length;
};

static void append_scan(redisContext *redis, void *context, size_t i)
{
    (void)i;
    const struct scan *scan = context;
    char pattern[CACHE_KEY_SIZE], step[16];
    cache_write_key(scan->cache, "instruction", "*", pattern);
    (void)snprintf(step, sizeof step, "%d", SCAN_STEP);
    cache_append(redis, 6, (const char *[]){"SCAN", scan->cursor, "MATCH", pattern, "COUNT", step});
}

static void append_unlink(redisContext *redis, void *context, size_t i)
{
    (void)i;
    const struct scan *scan = context;
    TC_CHECK(redisAppendFormattedCommand(redis, scan->unlink, (size_t)scan->unlink_length) == REDIS_OK);
}

static char *make_unlink(const redisReply *keys, int *length)
{
    const char **arguments = calloc(keys->elements + 1, sizeof *arguments);
    TC_CHECK(arguments != NULL);
    arguments[0] = "UNLINK";
    for (size_t k = 0; k < keys->elements; k++)
        arguments[k + 1] = keys->element[k]->str;
    char *command = NULL;
    *length = redisFormatCommandArgv(&command, (int)keys->elements + 1, arguments, NULL);
    TC_CHECK(*length > 0);
    free(arguments);
    return command;
}

static bool take_scan(void *context, size_t i, const redisReply *reply)
{
    (void)i;
    struct scan *scan = context;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return false;
    const redisReply *cursor = reply->element[0], *keys = reply->element[1];
    if (cursor->type != REDIS_REPLY_STRING || strlen(cursor->str) >= sizeof scan->cursor ||
        keys->type != REDIS_REPLY_ARRAY)
        return false;
    memcpy(scan->cursor, cursor->str, strlen(cursor->str) + 1);
    if (keys->elements > 0)
        scan->unlink = make_unlink(keys, &scan->unlink_length);
    return true;
}

static enum tc_error delete_all(struct cache *cache, struct tc_fault *fault)
{
    struct scan scan = {.cache = cache, .cursor = "0"};
    struct exchange find = {.count = 1, .append = append_scan, .take = take_scan, .context = &scan};
    struct exchange unlink = {.count = 1, .append = append_unlink, .context = &scan};
    enum tc_error error;
    do {
        error = connection_exchange(&cache->connection, &find, fault);
        if (error == TC_OK && scan.unlink != NULL)
            error = connection_exchange(&cache->connection, &unlink, fault);
        redisFreeCommand(scan.unlink);
        scan.unlink = NULL;
    } while (error == TC_OK && strcmp(scan.cursor, "0") != 0);
    return error;
}

enum tc_error cache_clear(struct cache *cache, struct tc_fault *fault)
{
    struct generation generation;
    enum tc_error error = check(cache, &generation, fault);
    if (error != TC_OK)
        return error;
    struct exchange begin = {.count = 2, .append = append_begin, .context = &generation};
    error = connection_exchange(&cache->connection, &begin, fault);
    return error == TC_OK ? delete_all(cache, fault) : error;
}

static void append_mark(redisContext *redis, void *context, size_t i)
{
    (void)i;
    const struct cache *cache = context;
    char rebuilding[CACHE_KEY_SIZE], current[CACHE_KEY_SIZE];
    cache_write_key(cache, "rebuilding", NULL, rebuilding);
    cache_write_key(cache, "generation", NULL, current);
    cache_append(redis, 3, (const char *[]){"RENAME", rebuilding, current});
}

enum tc_error cache_mark_generation(struct cache *cache, struct tc_fault *fault)
{
    struct exchange exchange = {.count = 1, .append = append_mark, .context = cache};
    return connection_exchange(&cache->connection, &exchange, fault);
}
