/* The instruction cache in Redis: what each device in flight is to be answered. A cache only: every miss
 * is answered from the database, and it may vanish at any moment.
 *
 * Keys: "{prefix}:instruction:{device}" → "1 {instruction} {rollout} {attempt} {epoch} {start_before_s} {role}",
 * and "{prefix}:generation" → Redis' run_id at the last rebuild. Every function is one pipelined round trip
 * for the whole batch. One thread per connection. A connection that broke is made again at the next call. */
#ifndef TELLERCAST_ORCHESTRATOR_CACHE_CACHE_H
#define TELLERCAST_ORCHESTRATOR_CACHE_CACHE_H

#include "base/fault.h"
#include "base/id.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;

struct cache_config {
    const char *socket_path; /* NULL or empty: host and port */
    const char *host;
    int port;
    const char *password; /* NULL: none */
    const char *prefix;   /* "tc" */
    int timeout_ms;       /* of connecting and of each round trip */
};

/* What is cached of an instruction: what differs between the devices of a rollout. */
struct cached_instruction {
    char device[TC_ID_SIZE];
    int64_t instruction;
    int64_t rollout;
    int32_t attempt;
    int64_t epoch;
    int64_t start_before_s; /* also when the key expires by itself */
    enum device_role role;
};

/* Never fails because the server is away: the first call that needs it says so. TC_INVALID for a prefix that is
 * not a name (name_is_valid). */
enum tc_error cache_open(const struct cache_config *config, struct cache **cache, struct tc_fault *fault);
void cache_close(struct cache *cache);

/* All of these: TC_OK, or TC_UNAVAILABLE with nothing known about what was done; doing it again does no harm.
 * For half a second after a server could not be reached they fail at once. That it is away, and that it is back,
 * is logged here, once: the caller need not. SIGPIPE must be ignored or blocked. */
enum tc_error cache_put(struct cache *cache, const struct cached_instruction *items, size_t count,
                        struct tc_fault *fault);
/* Looks up `count` devices; items[i] is filled where found[i]. An entry that cannot be read counts as not found. */
enum tc_error cache_get(struct cache *cache, const char *const *devices, size_t count, struct cached_instruction *items,
                        bool *found, struct tc_fault *fault);
/* When it fails, what should have been forgotten may still be found by others: this cache then owes a rebuild, and
 * does nothing else until it has told Redis so. */
enum tc_error cache_forget(struct cache *cache, const char *const *devices, size_t count, struct tc_fault *fault);
/* Tells it, if it is owed: for those that may have nothing else to ask of the cache. Now and then. */
enum tc_error cache_settle(struct cache *cache, struct tc_fault *fault);

/* True in `*is_current` when this Redis is the one that was last rebuilt and has not lost or rewound since. */
enum tc_error cache_check_generation(struct cache *cache, bool *is_current, struct tc_fault *fault);
/* Before a rebuild: deletes every instruction of ours. */
enum tc_error cache_clear(struct cache *cache, struct tc_fault *fault);
/* After it: marks the generation as rebuilt. TC_UNAVAILABLE also when Redis lost its keys since cache_clear; had it
 * restarted since, the mark is made but is not current. */
enum tc_error cache_mark_generation(struct cache *cache, struct tc_fault *fault);

#endif
