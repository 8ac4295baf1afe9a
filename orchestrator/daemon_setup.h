/* Makes the configuration of the daemon's parts from the settings. */
#ifndef TELLERCAST_ORCHESTRATOR_DAEMON_SETUP_H
#define TELLERCAST_ORCHESTRATOR_DAEMON_SETUP_H

#include "config/daemon.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/oidc/provider.h"
#include "orchestrator/store/guard.h"
#include "topics/token.h"
#include "topics/topic.h"

/* The shards of the counters that each orchestrator has for its writers. Two orchestrators that have the same shards by
 * chance sometimes wait for each other, and still count correctly. */
enum {
    SHARD_SCHEDULER = 1,
    SHARD_CONDUCTOR = 2,
    SHARD_INTAKE = 3,
    SHARD_UPDATER = 4, /* the first of one per thread */
    SHARDS_AN_ORCHESTRATOR = 64,
    ORCHESTRATOR_SLOTS = 32
};

struct daemon_identity {
    char name[72];                                /* of this orchestrator, the same after a restart */
    char instance[128];                           /* unique to this run of this orchestrator */
    char client_id[128];                          /* at the broker, without a certificate */
    char client_digits[TOPIC_CLIENT_DIGITS_SIZE]; /* with one; "": random at each start, since it has no name of its own
                                                   */
    int first_shard;
    char *public_url;
    char *broker_password, *redis_password; /* NULL: none */
    char share_name[TC_ID_SIZE];            /* of shared subscriptions */
};

/* Reads the first line of the file; the caller frees it. NULL when `path` is empty. */
enum tc_error daemon_setup_password(const char *path, char **password, struct tc_fault *fault);

enum tc_error daemon_setup_identity(const struct daemon_settings *settings, struct daemon_identity *identity,
                                    struct tc_fault *fault);
void daemon_setup_free(struct daemon_identity *identity);

/* Opens the guard with the marks in the data folder. */
enum tc_error daemon_setup_guard(const struct daemon_settings *settings, struct store_guard **guard,
                                 struct tc_fault *fault);

/* Whether a SIGTERM or SIGINT is pending that main has not received yet. Any thread. */
bool daemon_setup_is_asked_to_stop(void);

void daemon_setup_cache(const struct daemon_settings *settings, const struct daemon_identity *identity,
                        struct cache_config *cache);
void daemon_setup_provider(const struct daemon_settings *settings, struct provider_config *provider);
/* Fills in the broker's address, user, password and limits. */
void daemon_setup_broker(const struct daemon_settings *settings, const struct daemon_identity *identity,
                         struct broker_config *broker);

#endif
