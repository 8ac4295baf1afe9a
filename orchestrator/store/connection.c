#include "orchestrator/store/connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/guard_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_LOG_INTERVAL_MS = 60000 };

#define READ_ONLY "25006"
#define LOCK_TIMEOUT "55P03"
#define SHUTDOWN "57P"

/* Monotonic: when a statement of any store last failed because the disk was full; 0: never. */
static _Atomic int64_t full_ms;

/* The classes of SQLSTATE (PostgreSQL's appendix A) that are not errors of the statement itself. */
static enum tc_error error_from_state(const char *state, const char *message)
{
    static const struct {
        const char *prefix;
        enum tc_error error;
    } meanings[] = {
        {"08", TC_UNAVAILABLE},                       /* the connection broke */
        {"23", TC_CONFLICT},                          /* a constraint */
        {READ_ONLY, TC_UNAVAILABLE}, {"40", TC_BUSY}, /* a deadlock, or another writer came first */
        {LOCK_TIMEOUT, TC_BUSY},     {"53100", TC_NO_SPACE},
        {"53", TC_UNAVAILABLE},                              /* too many connections, no memory */
        {"57014", TC_UNAVAILABLE},                           /* it took too long, or an operator cancelled it */
        {SHUTDOWN, TC_UNAVAILABLE},  {"58", TC_UNAVAILABLE}, /* the server's system failed */
    };
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (strncmp(state, meanings[i].prefix, strlen(meanings[i].prefix)) == 0)
            return meanings[i].error;
    }
    /* PostgreSQL has no SQLSTATE for an exhausted quota. */
    return strstr(message, "Disk quota exceeded") != NULL ? TC_NO_SPACE : TC_INTERNAL;
}

/* A read-only or ending session is not used again: the next one may reach another server. */
static bool ends_session(const char *state)
{
    return strcmp(state, READ_ONLY) == 0 || strncmp(state, SHUTDOWN, strlen(SHUTDOWN)) == 0;
}

static void log_lock(struct store *store, const char *what, const char *message)
{
    int64_t now_ms = clock_monotonic_ms();
    if (store->waits_for_lock && now_ms - store->lock_logged_ms < LOCK_LOG_INTERVAL_MS)
        return;
    store->waits_for_lock = true;
    store->lock_logged_ms = now_ms;
    LOG_WARNING("database.lock_waits", F_STR("role", store->role), F_STR("statement", what), F_STR("reason", message));
}

enum tc_error store_fault_from(struct store *store, const PGresult *result, const char *what, struct tc_fault *fault)
{
    char message[256];
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!store_was_silent(store, message, sizeof message))
        store_one_line(result == NULL ? PQerrorMessage(store->connection) : PQresultErrorMessage(result), message,
                       sizeof message);
    enum tc_error error = state == NULL ? TC_UNAVAILABLE : error_from_state(state, message);
    (void)snprintf(store->last_state, sizeof store->last_state, "%s", state == NULL ? "" : state);
    metric_add(METRIC_DATABASE_FAULTS, 1);
    if (error == TC_NO_SPACE)
        full_ms = clock_monotonic_ms();
    if (state != NULL && strcmp(state, LOCK_TIMEOUT) == 0)
        log_lock(store, what, message);
    if (PQstatus(store->connection) != CONNECTION_OK || (state != NULL && ends_session(state))) {
        error = TC_UNAVAILABLE;
        store_log_state(store, message);
        store_disconnect(store);
    }
    return tc_fault_set(fault, error, "database: %s: %s", what, message);
}

bool store_refused_values(const struct store *store)
{
    static const char *const classes[] = {"21", "22", "54"}; /* cardinality, data, limits of the program */
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (strncmp(store->last_state, classes[i], 2) == 0)
            return true;
    }
    return false;
}

bool store_was_full(int64_t within_ms)
{
    int64_t last_ms = full_ms;
    return last_ms != 0 && clock_monotonic_ms() - last_ms < within_ms;
}

void store_log_unknown(struct store *store, int64_t rollout, const char *what, const char *value)
{
    uint64_t hash = (uint64_t)rollout * UINT64_C(31) + (uint64_t)*what;
    for (const char *c = value; *c != '\0'; c++)
        hash = hash * UINT64_C(1099511628211) + (unsigned char)*c;
    size_t place = hash % UNKNOWN_LOGGED;
    if (store->unknown_logged[place] == hash)
        return;
    store->unknown_logged[place] = hash;
    LOG_WARNING("database.unknown_value", F_STR("role", store->role), F_INT("rollout", rollout), F_STR("what", what),
                F_STR("value", value), F_STR("reason", "a newer version wrote it; this one does not process it"));
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static enum tc_error prepare(struct store *store, const struct sql_statement *statement, struct tc_fault *fault)
{
    bool *prepared = &store->prepared[statement - sql_statements];
    if (*prepared)
        return TC_OK;
    store_begin_wait(store);
    PGresult *result RESULT_AUTO =
        PQprepare(store->connection, statement->name, statement->text, store->params.count, store->params.types);
    store_end_wait(store);
    if (!is_good(result))
        return store_fault_from(store, result, statement->name, fault);
    *prepared = true;
    return TC_OK;
}

static void log_lock_gone(struct store *store)
{
    if (store->waits_for_lock)
        LOG_INFO("database.lock_gone", F_STR("role", store->role));
    store->waits_for_lock = false;
}

enum tc_error store_run(struct store *store, const struct sql_statement *statement, PGresult **result,
                        struct tc_fault *fault)
{
    *result = NULL;
    enum tc_error error = store_connect(store, fault);
    if (error == TC_OK)
        error = prepare(store, statement, fault);
    if (error != TC_OK)
        return error;

    struct params *params = &store->params;
    const char *values[PARAMS_MAX];
    for (int i = 0; i < params->count; i++)
        values[i] = params->nulls[i] ? NULL : params->bytes.bytes + params->offsets[i];
    int64_t begun_us = clock_monotonic_us();
    store_begin_wait(store);
    *result =
        PQexecPrepared(store->connection, statement->name, params->count, values, params->lengths, params->formats, 0);
    store_end_wait(store);
    metric_observe(HISTOGRAM_DATABASE, clock_monotonic_us() - begun_us);
    store->used_ms = clock_monotonic_ms();
    if (is_good(*result)) {
        log_lock_gone(store);
        return TC_OK;
    }
    error = store_fault_from(store, *result, statement->name, fault);
    result_clear(result);
    return error;
}

static enum tc_error run_script(struct store *store, const char *text, PGresult **result, struct tc_fault *fault)
{
    *result = NULL;
    enum tc_error error = store_connect(store, fault);
    if (error != TC_OK)
        return error;
    int64_t begun_us = clock_monotonic_us();
    store_begin_wait(store);
    *result = PQexec(store->connection, text);
    store_end_wait(store);
    metric_observe(HISTOGRAM_DATABASE, clock_monotonic_us() - begun_us);
    store->used_ms = clock_monotonic_ms();
    return is_good(*result) ? TC_OK : store_fault_from(store, *result, "script", fault);
}

enum tc_error store_script(struct store *store, const char *text, struct tc_fault *fault)
{
    PGresult *result RESULT_AUTO = NULL;
    return run_script(store, text, &result, fault);
}

/* A session can break just before its use. A statement that changed nothing then runs again on a new one. */
static bool broke(const struct store *store, bool was_connected, enum tc_error error)
{
    return was_connected && error == TC_UNAVAILABLE && store->connection == NULL;
}

static enum tc_error begin(struct store *store, const char *text, PGresult **result, struct tc_fault *fault)
{
    bool was_connected = store->connection != NULL;
    enum tc_error error = run_script(store, text, result, fault);
    if (!broke(store, was_connected, error))
        return error;
    result_clear(result);
    return run_script(store, text, result, fault);
}

static enum tc_error check_watermark(struct store_guard *guard, const struct sql_watermark_rows *rows,
                                     struct mark_seen seen, struct tc_fault *fault)
{
    if (rows->count == 0)
        return store_guard_compare(guard, NULL, seen, fault);
    const struct sql_watermark found = sql_watermark_at(rows, 0);
    return store_guard_compare(guard, &found, seen, fault);
}

enum tc_error store_begin(struct store *store, struct tc_fault *fault)
{
    if (store->guard == NULL)
        return store_begin_unguarded(store, fault);
    struct sql_watermark_rows rows ROWS_AUTO = {0};
    const struct mark_seen seen = store_guard_read_mark(store->guard);
    enum tc_error error = begin(store, sql_statements[SQL_BEGIN_GUARDED].text, &rows.result, fault);
    rows.count = error == TC_OK ? PQntuples(rows.result) : 0;
    if (error == TC_OK)
        error = check_watermark(store->guard, &rows, seen, fault);
    else if (error == TC_INTERNAL)
        error = store_guard_refuse_unread(store->guard, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error store_begin_unguarded(struct store *store, struct tc_fault *fault)
{
    PGresult *result RESULT_AUTO = NULL;
    return begin(store, "BEGIN", &result, fault);
}

enum tc_error store_begin_snapshot(struct store *store, struct tc_fault *fault)
{
    PGresult *result RESULT_AUTO = NULL;
    return begin(store, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &result, fault);
}

enum tc_error store_run_again(struct store *store, const struct sql_statement *statement, PGresult **result,
                              struct tc_fault *fault)
{
    bool may_repeat = store->connection != NULL && PQtransactionStatus(store->connection) == PQTRANS_IDLE;
    enum tc_error error = store_run(store, statement, result, fault);
    return broke(store, may_repeat, error) ? store_run(store, statement, result, fault) : error;
}

enum tc_error store_commit(struct store *store, struct tc_fault *fault)
{
    if (store->connection == NULL)
        return tc_fault_set(fault, TC_UNAVAILABLE, "database: the connection broke before the commit");
    enum tc_error error = store->act == NULL ? TC_OK : store->record_act(store, store->act, fault);
    if (error == TC_OK)
        error = store_script(store, "COMMIT", fault);
    if (error == TC_OK && store->act != NULL) {
        store->act->is_recorded = true;
        store->act = NULL;
    }
    return error;
}

enum tc_error store_rollback(struct store *store, enum tc_error error)
{
    if (store->connection != NULL && PQtransactionStatus(store->connection) != PQTRANS_IDLE)
        (void)store_script(store, "ROLLBACK", NULL);
    return error;
}
