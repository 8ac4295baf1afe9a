/* The settings of tellercastd. The table in daemon.c says each key's default, unit and help. */
#ifndef TELLERCAST_CONFIG_DAEMON_H
#define TELLERCAST_CONFIG_DAEMON_H

#include "config/settings.h"

#include <stdbool.h>

struct daemon_settings {
    char *instance;    /* name of this orchestrator among several; empty: host name and process ID */
    char *data_folder; /* signing key, artifacts */
    char *log_level, *log_format;
    char *topic_root;
    bool insecure_loopback; /* peers on loopback may be without credentials */

    char *broker_host, *broker_hosts; /* see config/broker_hosts.h */
    int64_t broker_port;
    char *broker_user, *broker_password_file;
    char *broker_ca_file, *broker_certificate_file, *broker_key_file; /* TLS when a CA is named */
    char *broker_crl_file;                                            /* of the broker; "": not watched */
    char *broker_guard, *broker_share_secret_file;
    int64_t broker_keep_alive_ms;
    int64_t broker_in_flight; /* QoS 1 messages in flight */

    char *database; /* libpq's connection string */
    char *database_migration;
    char *redis_socket; /* a Unix socket; when empty, host and port */
    char *redis_host;
    int64_t redis_port;
    char *redis_user;
    char *redis_password_file;
    char *redis_prefix; /* of every key */

    char *http_listen;                           /* address */
    int64_t http_port;                           /* 0: no HTTP endpoint */
    int64_t http_connections;                    /* of all peers */
    int64_t http_address_connections;            /* of one address; 0: no limit */
    char *http_public_url;                       /* how devices reach the artifact store: "http://host:port" */
    char *http_tokens_file;                      /* of the version before; taken over once */
    char *http_certificate_file, *http_key_file; /* TLS when a certificate is named */
    char *http_device_issuer_file;               /* whose devices may download; "": every peer may */
    char *est_listen;
    int64_t est_port; /* 0: no EST endpoint */
    char *est_certificate_file, *est_key_file;
    char *est_device_issuer_certificate_file, *est_device_issuer_key_file;
    int64_t est_certificate_validity_ms;
    char *oidc_issuer; /* empty: nobody signs in by OpenID Connect */
    char *oidc_audience;
    char *oidc_client_id, *oidc_client_secret_file, *oidc_redirect_url;
    int64_t oidc_session_ms;
    char *oidc_ca_file;
    char *oidc_groups_claim, *oidc_groups; /* JSON: groups to lists of roles */
    int64_t oidc_keys_refresh_ms, oidc_keys_max_age_ms;
    char *socket_path; /* empty: no socket endpoint */

    int64_t updater_threads;
    int64_t updater_batch, updater_linger_ms;
    int64_t ask_batch, ask_linger_ms;
    int64_t claim_batch;
    int64_t queue_limit; /* items in each working part's queue */
    int64_t scheduler_period_ms;
    int64_t conductor_period_ms;
    int64_t progress_period_ms;
    int64_t lease_ms;                /* how long a claim belongs to one orchestrator before another takes it over */
    int64_t instruction_validity_ms; /* `exp` of a signed instruction after `iat`, at least */
    int64_t keys_overlap_ms;         /* how long devices trust a key that signs no more */
    int64_t audit_retention_ms;      /* how long the record of acts has an act */
    int64_t log_retention_ms;        /* how long the log of a failure is kept */
    int64_t log_size_limit;          /* bytes of all logs of failures */
    int64_t event_retention_ms;      /* how long the log of events has an event */
    int64_t event_readers;           /* who may follow events at the same time */
    int64_t event_limit;             /* events in that log */
    int64_t pull_wait_ms;            /* how long a pull client may stay away when the plan sets no end */
    int64_t default_per_minute;      /* rate of a plan that names none; 0: unlimited */
    char *calendars;                 /* JSON: names of blackout calendars to their blackouts */
    char *webhooks;                  /* JSON: config/webhooks.h */
    char *policy;                    /* JSON: config/policy.h */
    int64_t artifact_size_limit;     /* bytes of one stored artifact */
    int64_t artifact_daily_limit;    /* bytes that a person uploads in a day */
    int64_t fleet_size_limit;        /* bytes of one fleet file */
};

extern const struct settings_table daemon_settings_table;

#endif
