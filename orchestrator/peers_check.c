#include "orchestrator/peers_check.h"

#include "base/address.h"
#include "base/url.h"
#include "config/broker_hosts.h"
#include "orchestrator/intake/intake.h"
#include "orchestrator/store/store.h"

static bool is_set(const char *text)
{
    return *text != '\0';
}

/* A host that settings_check refuses is not named: it may have a password. */
static bool is_host(const char *host)
{
    return is_set(host) && !url_may_have_user(host);
}

static void check_broker(const struct daemon_settings *settings, struct document_faults *faults)
{
    struct host_list hosts;
    struct tc_fault fault;
    if (broker_hosts_read(settings->broker_hosts, settings->broker_host, &hosts, &fault) != TC_OK)
        return; /* settings_check says why */
    const char *remote = broker_hosts_find_remote(&hosts);
    bool is_local = remote == NULL, may_be_insecure = is_local && settings->insecure_loopback;
    bool has_credentials = is_set(settings->broker_certificate_file) || is_set(settings->broker_password_file);
    if (!is_set(settings->broker_ca_file) && !is_local)
        document_fault_add(faults, 0, 0, "broker.ca_file",
                           "must be set, since broker.host, %s, is not on loopback: it is reached by TLS alone",
                           remote);
    else if (!is_set(settings->broker_ca_file) && !may_be_insecure)
        document_fault_add(faults, 0, 0, "broker.ca_file",
                           "must be set: without TLS the broker is not known; allowed without, for tests: broker.host "
                           "on loopback with insecure_loopback: true");
    if (!has_credentials && !may_be_insecure)
        document_fault_add(faults, 0, 0, "broker.certificate_file",
                           "must be set, or broker.password_file: without credentials the broker does not know this "
                           "orchestrator%s",
                           is_local ? "; allowed without, for tests: insecure_loopback: true" : "");
}

static void check_redis(const struct daemon_settings *settings, struct document_faults *faults)
{
    const char *host = settings->redis_host;
    if (is_set(settings->redis_socket) || !is_host(host))
        return;
    if (!address_host_is_loopback(host))
        document_fault_add(faults, 0, 0, "redis.host",
                           "found \"%s\", allowed: an address on loopback, of Redis or of a relay with TLS to it; or "
                           "redis.socket",
                           host);
    else if (!is_set(settings->redis_password_file) && !settings->insecure_loopback)
        document_fault_add(faults, 0, 0, "redis.password_file",
                           "must be set, since redis.socket is not: every user of this machine reaches a port; allowed "
                           "without, for tests: insecure_loopback: true");
}

static void check_database(const struct daemon_settings *settings, const char *key, const char *connection,
                           struct document_faults *faults)
{
    struct tc_fault fault;
    if (store_check_peer(connection, settings->insecure_loopback, &fault) == TC_DENIED)
        document_fault_add(faults, 0, 0, key, "%s", fault.text);
}

void peers_check(const struct daemon_settings *settings, struct document_faults *faults)
{
    check_broker(settings, faults);
    check_redis(settings, faults);
    check_database(settings, "database", settings->database, faults);
    check_database(settings, "database_migration", settings->database_migration, faults);
    intake_check_access(settings, faults);
}

void peers_check_migration(const struct daemon_settings *settings, struct document_faults *faults)
{
    if (is_set(settings->database_migration))
        check_database(settings, "database_migration", settings->database_migration, faults);
    else
        check_database(settings, "database", settings->database, faults);
}
