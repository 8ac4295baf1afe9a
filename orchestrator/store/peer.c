#include "orchestrator/store/peer.h"

#include "base/address.h"
#include "orchestrator/store/connection_string.h"
#include "orchestrator/store/store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char needs_tls[] =
    "a server that is not on loopback needs sslmode=verify-full in the connection string, and the authority of its "
    "certificate as sslrootcert";
static const char needs_credentials[] =
    "TCP needs a password (passfile=FILE) or a certificate (sslcert=FILE sslkey=FILE) in the connection string; "
    "allowed "
    "without: a Unix socket (peer); and, with insecure_loopback: true, for tests, a server on loopback";
static const char asked_for_nothing[] = "it asked for no password: everybody who reaches it is let in; in its "
                                        "pg_hba.conf, let it ask for scram-sha-256";

static atomic_bool allows_insecure_loopback;

void store_allow_insecure_loopback(void)
{
    atomic_store(&allows_insecure_loopback, true);
}

/* How a connection string reaches its hosts. */
struct way {
    bool has_tcp, has_distant; /* a distant host is not on loopback */
};

/* Cuts the first item off a list with commas. */
static void take_item(const char **list, char *item, size_t size)
{
    size_t length = strcspn(*list, ",");
    (void)snprintf(item, size, "%.*s", (int)length, *list);
    *list += length + ((*list)[length] == ',');
}

/* libpq's own rule: a host that begins so is the folder of a Unix socket, and without any host there is a default one.
 */
static bool is_unix_socket(const char *host)
{
    return host[0] == '\0' || host[0] == '/' || host[0] == '@';
}

static struct way find_way(const PQconninfoOption *options)
{
    struct way way = {0};
    const char *hosts = connection_string_value(options, "host"),
               *addresses = connection_string_value(options, "hostaddr");
    do {
        char host[256], address[256];
        take_item(&hosts, host, sizeof host);
        take_item(&addresses, address, sizeof address);
        const char *reached = address[0] != '\0' ? address : host;
        if (address[0] == '\0' && is_unix_socket(host))
            continue;
        way.has_tcp = true;
        way.has_distant = way.has_distant || !address_host_is_loopback(reached);
    } while (*hosts != '\0' || *addresses != '\0');
    return way;
}

static bool is_set(const PQconninfoOption *options, const char *keyword)
{
    return connection_string_value(options, keyword)[0] != '\0';
}

static bool is_verified(const PQconninfoOption *options)
{
    return strcmp(connection_string_value(options, "sslmode"), "verify-full") == 0;
}

static enum tc_error check_way(const PQconninfoOption *options, bool insecure_loopback, struct tc_fault *fault)
{
    struct way way = find_way(options);
    bool has_credentials = is_set(options, "password") || is_set(options, "passfile") || is_set(options, "sslcert");
    const char *problem = NULL;
    if (way.has_distant && !is_verified(options))
        problem = needs_tls;
    else if (way.has_tcp && !has_credentials && (way.has_distant || !insecure_loopback))
        problem = needs_credentials;
    return problem == NULL ? TC_OK : tc_fault_set(fault, TC_DENIED, "%s", problem);
}

enum tc_error store_check_peer(const char *connection, bool insecure_loopback, struct tc_fault *fault)
{
    PQconninfoOption *options;
    enum tc_error error = connection_string_parse(connection, &options, fault);
    if (error == TC_OK)
        error = check_way(options, insecure_loopback, fault);
    PQconninfoFree(options);
    return error;
}

bool peer_is_trusted(PGconn *connection, char *reason, size_t size)
{
    const char *address = PQhostaddr(connection), *host = PQhost(connection);
    if (address[0] == '\0' && is_unix_socket(host))
        return true;
    PQconninfoOption *options = PQconninfo(connection);
    bool has_tls = PQsslInUse(connection) == 1, is_distant = !address_host_is_loopback(address);
    bool is_proven = has_tls && options != NULL && is_verified(options);
    bool has_certificate = has_tls && options != NULL && is_set(options, "sslcert");
    PQconninfoFree(options);
    const char *problem = NULL;
    if (is_distant && !is_proven)
        problem = needs_tls;
    else if (PQconnectionUsedPassword(connection) == 0 && !has_certificate &&
             (is_distant || !atomic_load(&allows_insecure_loopback)))
        problem = asked_for_nothing;
    if (problem != NULL)
        (void)snprintf(reason, size, "PostgreSQL at %s is refused: %s", host, problem);
    return problem == NULL;
}
