/* The instruction cache in Redis: the instruction in flight of each pull client. Only a hint: its content may vanish at
 * any moment, others may write it, and nothing of it is signed unless the database says the same (docs/decisions/0044).
 *
 * Keys: "{prefix}:instruction:{device}" → "1 {instruction} {rollout} {attempt} {epoch} {start_before_s} {role}" (see
 * entry.h), "{prefix}:generation" → Redis' run_id at the last rebuild ("{prefix}:rebuilding" during one), and
 * "{prefix}:probe", to test writing. Every function is one pipelined round trip for the whole batch. One thread per
 * cache. A lost connection is made again at the next call. */
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
    const char *user;     /* NULL: Redis' user `default` */
    const char *password; /* NULL: none */
    const char *prefix;   /* "tc" */
    int timeout_ms;       /* of the connect and of each round trip */
};

/* The cached part of an instruction: it differs between the devices of a rollout. */
struct cached_instruction {
    char device[TC_ID_SIZE];
    int64_t instruction;
    int64_t rollout;
    int32_t attempt;
    int64_t epoch;
    int64_t start_before_s; /* also when the key expires by itself */
    enum device_role role;
    bool out_of_service;
};

/* True when both name the same device and all else is equal. */
bool cached_instruction_equals(const struct cached_instruction *one, const struct cached_instruction *other);

/* Does not connect: an unavailable server is a fault of the first call that needs it. TC_INVALID for a prefix that is
 * not a name (name_is_valid). */
enum tc_error cache_open(const struct cache_config *config, struct cache **cache, struct tc_fault *fault);
void cache_close(struct cache *cache);

/* All of these return TC_OK, or TC_UNAVAILABLE: then the call may or may not have had its effect; it can be repeated
 * safely. For half a second after the server was unreachable they fail at once. Its loss and its return are logged
 * here, once: callers need not. SIGPIPE must be ignored or blocked. */
enum tc_error cache_put(struct cache *cache, const struct cached_instruction *items, size_t count,
                        struct tc_fault *fault);
/* Looks up `count` devices; fills items[i] where found[i]. An entry that cannot be read is found as instruction 0. */
enum tc_error cache_get(struct cache *cache, const char *const *devices, size_t count, struct cached_instruction *items,
                        bool *found, struct tc_fault *fault);
/* Removes the devices' entries. When that fails, others may still find them: then the cache refuses other calls until
 * it has marked Redis as out of date, so that the conductor rebuilds it. */
enum tc_error cache_forget(struct cache *cache, const char *const *devices, size_t count, struct tc_fault *fault);
/* Marks Redis as out of date if that is still to be done. For callers that use the cache rarely, periodically. */
enum tc_error cache_settle(struct cache *cache, struct tc_fault *fault);

/* Checks that Redis is available and accepts writes; the fault quotes it (READONLY, LOADING, OOM …). */
enum tc_error cache_probe(struct cache *cache, struct tc_fault *fault);

/* Sets `*is_current` when this is the Redis of the last rebuild and it has lost or rewound nothing since. */
enum tc_error cache_check_generation(struct cache *cache, bool *is_current, struct tc_fault *fault);
/* Before a rebuild: deletes all instructions under the prefix. */
enum tc_error cache_clear(struct cache *cache, struct tc_fault *fault);
/* After a rebuild: marks the generation as rebuilt. TC_UNAVAILABLE also when Redis lost its keys since cache_clear; if
 * it restarted since, the mark is made but is not current. */
enum tc_error cache_mark_generation(struct cache *cache, struct tc_fault *fault);

#endif
