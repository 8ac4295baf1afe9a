/* A broker and a Redis that are always unavailable: so the orchestrator decides by the database alone. They replace
 * orchestrator/broker and orchestrator/cache. */
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"

bool broker_is_connected(struct broker *broker)
{
    (void)broker;
    return false;
}

enum tc_error broker_publish(struct broker *broker, const struct topic *topic, const void *payload, size_t length,
                             int qos, bool retained, struct broker_batch *batch)
{
    (void)broker, (void)topic, (void)payload, (void)length, (void)qos, (void)retained, (void)batch;
    return TC_UNAVAILABLE;
}

enum tc_error cache_open(const struct cache_config *config, struct cache **cache, struct tc_fault *fault)
{
    (void)config, (void)fault;
    *cache = NULL;
    return TC_OK;
}

void cache_close(struct cache *cache)
{
    (void)cache;
}

static enum tc_error is_away(struct tc_fault *fault)
{
    return tc_fault_set(fault, TC_UNAVAILABLE, "Redis is away");
}

enum tc_error cache_put(struct cache *cache, const struct cached_instruction *items, size_t count,
                        struct tc_fault *fault)
{
    (void)cache, (void)items, (void)count;
    return is_away(fault);
}

enum tc_error cache_forget(struct cache *cache, const char *const *devices, size_t count, struct tc_fault *fault)
{
    (void)cache, (void)devices, (void)count;
    return is_away(fault);
}

enum tc_error cache_settle(struct cache *cache, struct tc_fault *fault)
{
    (void)cache;
    return is_away(fault);
}

enum tc_error cache_check_generation(struct cache *cache, bool *is_current, struct tc_fault *fault)
{
    (void)cache;
    *is_current = false;
    return is_away(fault);
}

enum tc_error cache_clear(struct cache *cache, struct tc_fault *fault)
{
    (void)cache;
    return is_away(fault);
}

enum tc_error cache_mark_generation(struct cache *cache, struct tc_fault *fault)
{
    (void)cache;
    return is_away(fault);
}
