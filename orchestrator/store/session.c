/* Makes connections, and detects unusable ones. */
#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/peer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECONNECT_AFTER_MS = 500,  /* after a failed connection attempt, until the next */
    IDLE_TEST_AFTER_MS = 5000, /* a connection that was idle for longer is tested before use */
    READ_ONLY_USED_MS = 1000,  /* how long a read-only session is used */
    IDLE_TEST_MS = 2000,       /* the test fails without a response in this time */
};

/* Statements are short, or run once: JIT takes longer than it saves. A transaction that is idle belongs to a frozen
 * orchestrator, which must not keep its locks. */
#define SESSION_OPTIONS "-c timezone=UTC -c synchronous_commit=on -c jit=off -c idle_in_transaction_session_timeout=60s"
/* After this the statement fails, and its caller tries again. */
#define LOCK_OPTION " -c lock_timeout=5s"
#define LOOP_OPTIONS                                                                                                   \
    " -c plan_cache_mode=force_generic_plan -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"      \
    " -c enable_bitmapscan=off"

void store_disconnect(struct store *store)
{
    PQfinish(store->connection);
    store->connection = NULL;
    store->wait.given_up_after_ms = 0;
    memset(store->prepared, 0, sizeof store->prepared);
}

void store_log_state(struct store *store, const char *reason)
{
    if (strcmp(store->last_reason, reason) == 0)
        return;
    (void)snprintf(store->last_reason, sizeof store->last_reason, "%s", reason);
    if (*reason == '\0')
        LOG_INFO("database.connected", F_STR("role", store->role));
    else
        LOG_WARNING("database.unavailable", F_STR("role", store->role), F_STR("reason", reason));
}

/* Logs a notice of the server. */
static void log_notice(void *context, const PGresult *notice)
{
    const struct store *store = context;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    char text[sizeof store->last_reason];
    store_one_line(message == NULL ? "" : message, text, sizeof text);
    bool warns = severity != NULL && strcmp(severity, "WARNING") == 0;
    LOG_EVENT(warns ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "database.notice", F_STR("role", store->role),
              F_STR("severity", severity), F_STR("text", text));
}

static bool is_readable(const PGconn *connection, int wait_ms)
{
    struct pollfd socket = {.fd = PQsocket(connection), .events = POLLIN};
    return poll(&socket, 1, wait_ms) > 0;
}

/* Reads unsolicited messages. False: the server ended the session. */
static bool read_pending(PGconn *connection)
{
    while (is_readable(connection, 0)) {
        if (PQconsumeInput(connection) == 0 || PQstatus(connection) != CONNECTION_OK)
            return false;
        (void)PQisBusy(connection);
    }
    return true;
}

/* Sends an empty statement and awaits its response: a dead connection is not always reported. */
static bool answers(PGconn *connection)
{
    if (PQsendQuery(connection, "") == 0)
        return false;
    int64_t deadline_ms = clock_monotonic_ms() + IDLE_TEST_MS;
    while (PQisBusy(connection) != 0) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        if (left_ms <= 0 || !is_readable(connection, (int)left_ms) || PQconsumeInput(connection) == 0)
            return false;
    }
    bool good = true;
    for (PGresult *result = PQgetResult(connection); result != NULL; result = PQgetResult(connection)) {
        good = good && PQresultStatus(result) == PGRES_EMPTY_QUERY;
        PQclear(result);
    }
    return good && PQstatus(connection) == CONNECTION_OK;
}

static bool is_on(const PGconn *connection, const char *setting)
{
    const char *value = PQparameterStatus(connection, setting);
    return value != NULL && strcmp(value, "on") == 0;
}

static bool takes_writes(const PGconn *connection)
{
    return !is_on(connection, "in_hot_standby") && !is_on(connection, "default_transaction_read_only");
}

/* Closes a connection that broke while it was idle. */
static void test_idle(struct store *store)
{
    if (PQtransactionStatus(store->connection) != PQTRANS_IDLE)
        return;
    bool good = read_pending(store->connection);
    if (good && clock_monotonic_ms() - store->used_ms > IDLE_TEST_AFTER_MS)
        good = answers(store->connection);
    /* Readers may use a standby for a moment; the next session may reach the primary. */
    bool lasts = takes_writes(store->connection) ||
                 (!store->took_writes && clock_monotonic_ms() - store->connected_ms < READ_ONLY_USED_MS);
    if (!good || !lasts)
        store_disconnect(store);
}

static PGconn *connect_now(const struct store *store)
{
    /* A silently dead connection is detected after half a minute, and read-only servers are skipped. The connection
     * string comes later in the list and overrides these; its options are appended to ours. */
    const char *keys[] = {"keepalives_idle",
                          "keepalives_interval",
                          "keepalives_count",
                          "tcp_user_timeout",
                          "target_session_attrs",
                          "connect_timeout",
                          "dbname",
                          "fallback_application_name",
                          "options",
                          NULL};
    struct buffer options = {0};
    /* Statements of working parts take milliseconds; those on a whole fleet take minutes. */
    buffer_format(&options, "%s%s -c statement_timeout=%dms%s %s", SESSION_OPTIONS, LOCK_OPTION,
                  store->takes_long ? STORE_LONG_MS : STORE_STEP_MS, store->by_loops ? LOOP_OPTIONS : "",
                  store->own_options);
    const char *access = store->reads_too ? "any" : "read-write";
    const char *values[] = {"10", "5", "4", "30000", access, "5", store->settings, store->role, buffer_text(&options),
                            NULL};
    PGconn *connection = PQconnectdbParams(keys, values, 1);
    buffer_free(&options);
    return connection;
}

static bool is_old(const PGconn *connection, char *reason, size_t size)
{
    int version = PQserverVersion(connection);
    if (version >= STORE_SERVER_VERSION_MIN)
        return false;
    (void)snprintf(reason, size, "PostgreSQL %d or newer is needed; this server is %s",
                   STORE_SERVER_VERSION_MIN / 10000, PQparameterStatus(connection, "server_version"));
    return true;
}

enum tc_error store_connect(struct store *store, struct tc_fault *fault)
{
    if (store->connection != NULL)
        test_idle(store);
    if (store->connection != NULL)
        return TC_OK;
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < store->next_try_ms)
        return tc_fault_set(fault, TC_UNAVAILABLE, "database: %s", store->last_reason);

    store->connection = connect_now(store);
    char reason[sizeof store->last_reason];
    bool connected = PQstatus(store->connection) == CONNECTION_OK;
    store->was_not_reached = !connected;
    if (!connected)
        store_one_line(PQerrorMessage(store->connection), reason, sizeof reason);
    if (connected && peer_is_trusted(store->connection, reason, sizeof reason) &&
        !is_old(store->connection, reason, sizeof reason)) {
        (void)PQsetNoticeReceiver(store->connection, log_notice, store);
        store->took_writes = takes_writes(store->connection);
        store->used_ms = store->connected_ms = clock_monotonic_ms();
        store_log_state(store, "");
        return TC_OK;
    }
    store_log_state(store, reason);
    store_disconnect(store);
    store->next_try_ms = clock_monotonic_ms() + RECONNECT_AFTER_MS;
    metric_add(METRIC_DATABASE_FAULTS, 1);
    return tc_fault_set(fault, TC_UNAVAILABLE, "database: %s", reason);
}
