#include "config/daemon.h"

#include "config/blackout.h"
#include "config/broker_hosts.h"
#include "config/group_roles.h"
#include "config/policy.h"
#include "config/webhooks.h"
#include "topics/topic.h"

#define SETTINGS_STRUCT struct daemon_settings
#include "config/settings_rows.h"

/* Settings of one group stand together, since settings_print writes them under one heading. */
static const struct setting rows[] = {
    TEXT("instance", instance, "",
         "Name of this orchestrator, which no other has at the same time, and of its client ID; empty: host name and "
         "process ID."),
    TEXT("data_folder", data_folder, "/var/lib/tellercast", "Folder of the signing key and the artifact store."),
    TEXT("topic_root", topic_root, TOPIC_ROOT_DEFAULT, "Prefix of all MQTT topics."),
    TEXT("database", database, "dbname=tellercast",
         "PostgreSQL, as a libpq connection string. Variables PG… of the environment are ignored."),
    TEXT("database_migration", database_migration, "",
         "The same of the role that owns the tables, for tellercastd migrate; empty: database."),

    BOOLEAN("insecure_loopback", insecure_loopback, "false",
            "true: servers and clients on loopback may be without credentials. For tests alone."),

    CHOICE_THAT_RELOADS("log.level", log_level, "info", "debug|info|warning|error", "Minimum log level."),
    CHOICE_THAT_RELOADS("log.format", log_format, "text", "text|json",
                        "Log format: one event a line, as text or as JSON."),

    TEXT("broker.host", broker_host, BROKER_HOST_DEFAULT, "MQTT broker: host name or address."),
    DOCUMENT("broker.hosts", broker_hosts, "[]", broker_hosts_key,
             "In place of broker.host: the hosts of one broker cluster, tried in turn: [mq1.bank.example, "
             "mq2.bank.example]."),
    INTEGER("broker.port", broker_port, "1883", 1, 65535, "MQTT broker: TCP port; 8883 is usual with TLS."),
    TEXT("broker.user", broker_user, TOPIC_ORCHESTRATOR_USER,
         "User name at the broker: the orchestrators' user in its access list; empty: none."),
    TEXT("broker.password_file", broker_password_file, "", "File whose first line is the password; empty: none."),
    TEXT("broker.ca_file", broker_ca_file, "",
         "PEM file of the trusted certificate authorities; empty: no TLS, with insecure_loopback alone."),
    TEXT("broker.certificate_file", broker_certificate_file, "", "PEM file of this client's certificate."),
    TEXT("broker.key_file", broker_key_file, "", "PEM file of that certificate's private key."),
    TEXT("broker.crl_file", broker_crl_file, "",
         "PEM file of the revocation lists that the broker uses, or a copy: only their expiry is read, for the metric "
         "tellercast_crl_expiry_timestamp_seconds; empty: none."),
    DURATION("broker.keep_alive", broker_keep_alive_ms, "30s", 5 * SECOND, HOUR,
             "Keep-alive interval of the connection."),
    TEXT("broker.share_secret_file", broker_share_secret_file, "",
         "File whose first line is a secret that all orchestrators share: the name of their shared subscriptions is "
         "derived "
         "from it; empty: the name is tellercast. For brokers without the guard."),
    CHOICE("broker.guard", broker_guard, "none", "none|tellercast",
           "tellercast: the broker has Tellercast's guard, which gets the table of devices."),
    INTEGER("broker.in_flight", broker_in_flight, "4000", 10, 65535,
            "QoS 1 messages sent and not yet acknowledged; few make sending crawl."),

    TEXT("redis.socket", redis_socket, "", "Unix socket of Redis; empty: host and port."),
    TEXT("redis.host", redis_host, "127.0.0.1", "Loopback address of Redis, or of a relay with TLS to it."),
    INTEGER("redis.port", redis_port, "6379", 1, 65535, "TCP port of Redis."),
    TEXT("redis.user", redis_user, "", "User name at Redis; empty: its user default."),
    TEXT("redis.password_file", redis_password_file, "",
         "File whose first line is the password; needed unless redis.socket is set."),
    TEXT("redis.prefix", redis_prefix, "tc", "Prefix of all keys in Redis."),

    TEXT("http.listen", http_listen, "127.0.0.1", "Address of the HTTP endpoint."),
    INTEGER("http.port", http_port, "8080", 0, 65535, "TCP port of the HTTP endpoint; 0: none."),
    INTEGER("http.connections", http_connections, "10000", 10, 100000,
            "Connections of the HTTP endpoint, at most an eighth of the limit of open files."),
    INTEGER("http.address_connections", http_address_connections, "500", 0, 100000,
            "Connections of one address, at most half of all; 0: no limit, as for a proxy in front."),
    INTEGER("http.event_readers", event_readers, "1000", 1, 50000,
            "Maximum number of clients that follow events; at most half of http.connections is used."),
    TEXT("http.public_url", http_public_url, "http://127.0.0.1:8080",
         "Base URL at which devices reach this daemon's artifact store."),
    TEXT("http.tokens_file", http_tokens_file, "",
         "File of tokens of the version before; it is taken over at the next start, and must be removed then."),
    TEXT("http.certificate_file", http_certificate_file, "",
         "PEM file of the HTTP endpoint's certificate and those above it; empty: no TLS, on loopback alone."),
    TEXT("http.key_file", http_key_file, "", "PEM file of that certificate's private key."),
    TEXT("http.device_issuer_file", http_device_issuer_file, "",
         "PEM file of the authorities whose devices may download artifacts, by their certificates; empty: every peer "
         "may."),

    TEXT("est.listen", est_listen, "127.0.0.1", "Address of the EST endpoint, at which devices enrol."),
    INTEGER("est.port", est_port, "0", 0, 65535, "TCP port of the EST endpoint, as 8085; 0: none."),
    TEXT("est.certificate_file", est_certificate_file, "",
         "PEM file of the EST endpoint's certificate and those above it; needed unless est.port is 0."),
    TEXT("est.key_file", est_key_file, "", "PEM file of that certificate's private key."),
    TEXT("est.device_issuer_certificate_file", est_device_issuer_certificate_file, "",
         "PEM file of the devices' certificate authority, and those above and before it; empty: none."),
    TEXT("est.device_issuer_key_file", est_device_issuer_key_file, "", "PEM file of that authority's private key."),
    DURATION("est.certificate_validity", est_certificate_validity_ms, "90d", 5 * SECOND, 3650 * DAY,
             "How long a device's certificate is valid."),

    TEXT("oidc.issuer", oidc_issuer, "",
         "URL of the identity provider, as its tokens have it; empty: nobody signs in by OpenID Connect."),
    TEXT("oidc.audience", oidc_audience, "",
         "Audience of the JWTs that the HTTP endpoint takes; empty: it takes none."),
    TEXT("oidc.client_id", oidc_client_id, "",
         "This orchestrator's ID at the provider; empty: nobody signs in by a browser."),
    TEXT("oidc.client_secret_file", oidc_client_secret_file, "",
         "File whose first line is the client's secret; empty: it has none."),
    TEXT("oidc.redirect_url", oidc_redirect_url, "",
         "Where the provider sends a browser back: https://HOST/v1/login/callback, at this HTTP endpoint."),
    DURATION("oidc.session", oidc_session_ms, "8h", MINUTE, DAY, "How long somebody who signed in stays so."),
    TEXT("oidc.ca_file", oidc_ca_file, "",
         "PEM file of the authorities of the provider's servers; empty: those of the system."),
    TEXT("oidc.groups_claim", oidc_groups_claim, "groups", "Claim that has a person's groups."),
    DOCUMENT("oidc.groups", oidc_groups, "{}", group_roles_key,
             "Roles that groups give, but for admin: {\"Cash machines EMEA\": [viewer, operator]}."),
    DURATION("oidc.keys_refresh", oidc_keys_refresh_ms, "5m", SECOND, DAY, "How often the provider's keys are read."),
    DURATION("oidc.keys_max_age", oidc_keys_max_age_ms, "1h", SECOND, 7 * DAY,
             "How long the provider's keys count while they cannot be read; more than oidc.keys_refresh."),

    TEXT("socket.path", socket_path, "/run/tellercast/tellercast.sock", "Unix socket that takes plans; empty: none."),

    INTEGER("updater.threads", updater_threads, "2", 1, 64, "Threads that write reported states."),
    INTEGER("updater.batch", updater_batch, "1000", 1, 10000, "Maximum number of reports in one transaction."),
    DURATION("updater.linger", updater_linger_ms, "20ms", 0, SECOND,
             "How long a report waits for others to share its transaction."),

    INTEGER("dispatcher.ask_batch", ask_batch, "256", 1, 10000, "Maximum number of asks answered in one transaction."),
    DURATION("dispatcher.ask_linger", ask_linger_ms, "2ms", 0, SECOND,
             "How long an ask waits for others to share its lookup in the database."),

    DURATION("scheduler.period", scheduler_period_ms, "1s", 10, MINUTE,
             "Interval between searches for due instructions."),
    INTEGER("scheduler.claim_batch", claim_batch, "1000", 1, 10000, "Maximum number of instructions claimed at once."),

    DURATION("conductor.period", conductor_period_ms, "1s", 10, MINUTE, "Interval between checks of deadlines."),
    DURATION("conductor.progress_period", progress_period_ms, "1s", 100, HOUR,
             "Interval between publications of progress."),

    INTEGER("queue_limit", queue_limit, "50000", 100, 10000000,
            "Items in each working part's queue; while a queue is full, its source is not read."),
    DURATION("lease", lease_ms, "7s", SECOND, HOUR,
             "Duration of a lease: when it ends, another orchestrator may take the claim over."),
    DURATION("pull_wait", pull_wait_ms, "7d", MINUTE, 3650 * DAY,
             "How long a pull client may stay offline when the plan sets no end."),

    DURATION("instruction.validity", instruction_validity_ms, "24h", MINUTE, 365 * DAY,
             "Minimum validity of a signed instruction."),

    DURATION("keys.overlap", keys_overlap_ms, "24h", SECOND, 365 * DAY,
             "How long devices trust a signing key after a rotation; at least instruction.validity."),

    DURATION("audit.retention", audit_retention_ms, "3650d", DAY, 36500 * DAY,
             "How long acts are in the record before tellercastd audit expire exports and deletes them."),

    DURATION("logs.retention", log_retention_ms, "30d", MINUTE, 3650 * DAY,
             "How long the log of a failure is kept, which a device sent."),
    SIZE("logs.size_limit", log_size_limit, "1GiB", 0, TIB,
         "Maximum size of all these logs; the oldest are deleted first."),

    DURATION("events.retention", event_retention_ms, "7d", MINUTE, 3650 * DAY,
             "How long an event is kept; who reads from an older one on gets reset."),
    INTEGER("events.limit", event_limit, "100000", 1000, 100000000,
            "Maximum number of events that are kept; the oldest are deleted first."),

    INTEGER("rate.per_minute", default_per_minute, "0", 0, 1000000,
            "Devices a minute for a plan that names no rate; 0: no limit."),

    DOCUMENT_THAT_RELOADS("calendars", calendars, "{}", calendars_key,
                          "Blackouts that plans name: {month-end: [{from: 2026-12-30, to: 2027-01-02}]}."),

    DOCUMENT_THAT_RELOADS("policy", policy, "{}", policy_key,
                          "What the site asks of every rollout: {approvals: [{action: install, devices: 1000, count: "
                          "2}], preempt: [ann], review_within: 72h}."),

    DOCUMENT_THAT_RELOADS("webhooks", webhooks, "[]", webhooks_key,
                          "Where events are posted: [{name: siem, url: \"https://siem.bank.example/tellercast\", "
                          "secret_files: [/etc/tellercast/siem.secret], kinds: [freeze, alarm], ca_file: \"\"}]."),

    SIZE("artifacts.size_limit", artifact_size_limit, "4GiB", 1, TIB, "Maximum size of an artifact."),
    SIZE("artifacts.daily_limit", artifact_daily_limit, "64GiB", 1, TIB, "How much a person may upload in a day."),
    SIZE("fleet.size_limit", fleet_size_limit, "512MiB", MIB, TIB, "Maximum size of a fleet file."),
};

const struct settings_table daemon_settings_table = {rows, sizeof rows / sizeof *rows};
