#include "orchestrator/store/connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a store waits after a connection could not be made before it tries again. */
enum { RECONNECT_AFTER_MS = 500 };

/* Statements are short, or run once: compiling them takes longer than it saves. */
#define SESSION_OPTIONS "-c timezone=UTC -c synchronous_commit=on -c jit=off"
#define LOOP_OPTIONS " -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off -c enable_bitmapscan=off"

static void disconnect(struct store *store)
{
    PQfinish(store->connection);
    store->connection = NULL;
    memset(store->prepared, 0, sizeof store->prepared);
}

/* libpq's messages end in a newline and can have several lines, indented by tabs; a fault is one. */
static void one_line(const char *message, char *text, size_t size)
{
    static const char white[] = " \n\t";
    size_t length = 0;
    text[0] = '\0';
    while (*(message += strspn(message, white)) != '\0' && length + 1 < size) {
        int word = (int)strcspn(message, white);
        int written = snprintf(text + length, size - length, "%s%.*s", length == 0 ? "" : " ", word, message);
        length += (size_t)written;
        message += word;
    }
}

static void say_what_changed(struct store *store, const char *reason)
{
    if (strcmp(store->last_reason, reason) == 0)
        return;
    (void)snprintf(store->last_reason, sizeof store->last_reason, "%s", reason);
    if (*reason == '\0')
        LOG_INFO("database.connected", F_STR("role", store->role));
    else
        LOG_WARNING("database.unavailable", F_STR("role", store->role), F_STR("reason", reason));
}

/* What the server says beside its answers. */
static void log_notice(void *context, const PGresult *notice)
{
    const struct store *store = context;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    char text[sizeof store->last_reason];
    one_line(message == NULL ? "" : message, text, sizeof text);
    bool warns = severity != NULL && strcmp(severity, "WARNING") == 0;
    LOG_EVENT(warns ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "database.notice", F_STR("role", store->role),
              F_STR("severity", severity), F_STR("text", text));
}

/* A server that went away while nobody asked it anything has said so, or closed the socket. */
static void notice_broken(struct store *store)
{
    if (PQtransactionStatus(store->connection) != PQTRANS_IDLE)
        return;
    struct pollfd socket = {.fd = PQsocket(store->connection), .events = POLLIN};
    if (poll(&socket, 1, 0) <= 0)
        return;
    if (PQconsumeInput(store->connection) == 0 || PQstatus(store->connection) != CONNECTION_OK)
        disconnect(store);
}

enum tc_error store_connect(struct store *store, struct tc_fault *fault)
{
    if (store->connection != NULL)
        notice_broken(store);
    if (store->connection != NULL)
        return TC_OK;
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < store->next_try_ms)
        return tc_fault_set(fault, TC_UNAVAILABLE, "database: %s", store->last_reason);

    /* A line that is dead without a word is known after half a minute; what the settings say comes later, and counts.
     */
    const char *keys[] = {"keepalives_idle",
                          "keepalives_interval",
                          "keepalives_count",
                          "tcp_user_timeout",
                          "dbname",
                          "fallback_application_name",
                          "options",
                          "connect_timeout",
                          NULL};
    const char *options = store->by_loops ? SESSION_OPTIONS LOOP_OPTIONS : SESSION_OPTIONS;
    const char *values[] = {"10", "5", "4", "30000", store->settings, store->role, options, "5", NULL};
    store->connection = PQconnectdbParams(keys, values, 1);
    if (PQstatus(store->connection) == CONNECTION_OK) {
        (void)PQsetNoticeReceiver(store->connection, log_notice, store);
        say_what_changed(store, "");
        return TC_OK;
    }
    char reason[sizeof store->last_reason];
    one_line(PQerrorMessage(store->connection), reason, sizeof reason);
    say_what_changed(store, reason);
    disconnect(store);
    store->next_try_ms = now_ms + RECONNECT_AFTER_MS;
    metric_add(METRIC_DATABASE_FAULTS, 1);
    return tc_fault_set(fault, TC_UNAVAILABLE, "database: %s", reason);
}

static enum tc_error error_from_state(const char *state)
{
    if (state == NULL)
        return TC_UNAVAILABLE;
    if (strncmp(state, "08", 2) == 0 || strncmp(state, "57P", 3) == 0 || strcmp(state, "25006") == 0)
        return TC_UNAVAILABLE;
    if (strncmp(state, "40", 2) == 0 || strcmp(state, "55P03") == 0)
        return TC_BUSY;
    if (strcmp(state, "53100") == 0)
        return TC_NO_SPACE;
    if (strncmp(state, "53", 2) == 0)
        return TC_UNAVAILABLE;
    return strncmp(state, "23", 2) == 0 ? TC_CONFLICT : TC_INTERNAL;
}

enum tc_error store_fault_from(struct store *store, const PGresult *result, const char *what, struct tc_fault *fault)
{
    char message[256];
    enum tc_error error = error_from_state(result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE));
    one_line(result == NULL ? PQerrorMessage(store->connection) : PQresultErrorMessage(result), message,
             sizeof message);
    metric_add(METRIC_DATABASE_FAULTS, 1);
    if (PQstatus(store->connection) != CONNECTION_OK) {
        error = TC_UNAVAILABLE;
        say_what_changed(store, message);
        disconnect(store);
    }
    return tc_fault_set(fault, error, "database: %s: %s", what, message);
}

struct params *store_params(struct store *store)
{
    params_begin(&store->params);
    return &store->params;
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static enum tc_error prepare(struct store *store, enum sql sql, struct tc_fault *fault)
{
    if (store->prepared[sql])
        return TC_OK;
    const struct sql_text *text = &sql_statements[sql];
    PGresult *result RESULT_AUTO =
        PQprepare(store->connection, text->name, text->text, store->params.count, store->params.types);
    if (!is_good(result))
        return store_fault_from(store, result, text->name, fault);
    store->prepared[sql] = true;
    return TC_OK;
}

enum tc_error store_run(struct store *store, enum sql sql, PGresult **result, struct tc_fault *fault)
{
    *result = NULL;
    enum tc_error error = store_connect(store, fault);
    if (error == TC_OK)
        error = prepare(store, sql, fault);
    if (error != TC_OK)
        return error;

    struct params *params = &store->params;
    const char *values[PARAMS_MAX];
    for (int i = 0; i < params->count; i++)
        values[i] = params->nulls[i] ? NULL : params->bytes.bytes + params->offsets[i];
    *result = PQexecPrepared(store->connection, sql_statements[sql].name, params->count, values, params->lengths,
                             params->formats, 0);
    if (is_good(*result))
        return TC_OK;
    error = store_fault_from(store, *result, sql_statements[sql].name, fault);
    result_clear(result);
    return error;
}

enum tc_error store_do(struct store *store, enum sql sql, struct tc_fault *fault)
{
    PGresult *result RESULT_AUTO = NULL;
    return store_run(store, sql, &result, fault);
}

enum tc_error store_script(struct store *store, const char *text, struct tc_fault *fault)
{
    enum tc_error error = store_connect(store, fault);
    if (error != TC_OK)
        return error;
    PGresult *result RESULT_AUTO = PQexec(store->connection, text);
    return is_good(result) ? TC_OK : store_fault_from(store, result, "script", fault);
}

enum tc_error store_begin(struct store *store, struct tc_fault *fault)
{
    return store_script(store, "BEGIN", fault);
}

enum tc_error store_commit(struct store *store, struct tc_fault *fault)
{
    if (store->connection == NULL)
        return tc_fault_set(fault, TC_UNAVAILABLE, "database: the connection broke before the commit");
    return store_script(store, "COMMIT", fault);
}

enum tc_error store_rollback(struct store *store, enum tc_error error)
{
    if (store->connection != NULL)
        (void)store_script(store, "ROLLBACK", NULL);
    return error;
}

int64_t result_int(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

bool result_bool(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

const char *result_text(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column);
}

void result_copy(const PGresult *result, int row, int column, char *text, size_t size)
{
    (void)snprintf(text, size, "%s", PQgetvalue(result, row, column));
}

void result_clear(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}
