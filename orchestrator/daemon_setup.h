/* What the daemon's parts are opened with, made from the settings. */
#ifndef TELLERCAST_ORCHESTRATOR_DAEMON_SETUP_H
#define TELLERCAST_ORCHESTRATOR_DAEMON_SETUP_H

#include "config/daemon.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "topics/token.h"

/* Each orchestrator has this many shards of the counters for its writers, in this order. Two orchestrators that by
 * chance have the same wait for each other now and then; they count rightly all the same. */
enum {
    SHARD_SCHEDULER = 1,
    SHARD_CONDUCTOR = 2,
    SHARD_INTAKE = 3,
    SHARD_UPDATER = 4, /* and as many more as it has threads */
    SHARDS_AN_ORCHESTRATOR = 64,
    ORCHESTRATOR_SLOTS = 32
};

struct daemon_identity {
    char instance[128]; /* unique to this run of this orchestrator */
    int first_shard;
    char *public_url;
    char *broker_password, *redis_password; /* NULL: none */
};

enum tc_error daemon_setup_identity(const struct daemon_settings *settings, struct daemon_identity *identity,
                                    struct tc_fault *fault);
void daemon_setup_free(struct daemon_identity *identity);

/* The signing key in the data folder, made at the first start; its public half is written beside it, for devices. */
enum tc_error daemon_setup_key(const struct daemon_settings *settings, struct signing_key **key,
                               struct tc_fault *fault);

/* Brings the database's schema to this version; waits for a database that is not there. TC_TIMEOUT when told to end. */
enum tc_error daemon_setup_schema(const struct daemon_settings *settings, struct tc_fault *fault);

void daemon_setup_cache(const struct daemon_settings *settings, const struct daemon_identity *identity,
                        struct cache_config *cache);
/* Fills in where the broker is and how to get in. */
void daemon_setup_broker(const struct daemon_settings *settings, const struct daemon_identity *identity,
                         struct broker_config *broker);

#endif
