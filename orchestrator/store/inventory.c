#include "orchestrator/store/inventory.h"

#include "orchestrator/store/connection.h"

#include <string.h>

/* COPY lines are sent in pieces of about this many bytes. */
enum { COPY_PIECE_BYTES = 65536 };

/* One value of a COPY line in text format, and the tab or newline after it. */
static void put_value(struct buffer *line, const char *value, char after)
{
    if (value == NULL)
        buffer_put(line, "\\N", 2);
    else
        for (const char *c = value; *c != '\0'; c++) {
            switch (*c) {
            case '\\': buffer_put(line, "\\\\", 2); break;
            case '\t': buffer_put(line, "\\t", 2); break;
            case '\n': buffer_put(line, "\\n", 2); break;
            case '\r': buffer_put(line, "\\r", 2); break;
            default: buffer_put(line, c, 1); break;
            }
        }
    buffer_put(line, &after, 1);
}

static void put_branch(const struct fleet *fleet, size_t at, struct buffer *lines)
{
    const struct fleet_branch *branch = &fleet->branches[at];
    buffer_format(lines, "%u\t", branch->line);
    put_value(lines, branch->id, '\t');
    put_value(lines, branch->name, '\t');
    put_value(lines, branch->zone, '\t');
    put_value(lines, branch->labels, '\n');
}

static void put_device(const struct fleet *fleet, size_t at, struct buffer *lines)
{
    const struct fleet_device *device = &fleet->devices[at];
    buffer_format(lines, "%u\t", device->line);
    put_value(lines, device->id, '\t');
    put_value(lines, device->branch, '\t');
    put_value(lines, device->role, '\t');
    put_value(lines, device->zone, '\t');
    put_value(lines, device->model, '\t');
    put_value(lines, device->labels, '\t');
    put_value(lines, device->versions, '\n');
}

static enum tc_error copy(struct store *store, enum sql sql, const struct fleet *fleet, size_t count,
                          void (*put)(const struct fleet *, size_t, struct buffer *), struct tc_fault *fault)
{
    PGconn *connection = store->connection;
    PGresult *opened RESULT_AUTO = PQexec(connection, sql_statements[sql].text);
    if (PQresultStatus(opened) != PGRES_COPY_IN)
        return store_fault_from(store, opened, sql_statements[sql].name, fault);

    struct buffer lines = {0};
    bool sent = true;
    for (size_t i = 0; i < count && sent; i++) {
        put(fleet, i, &lines);
        if (lines.length >= COPY_PIECE_BYTES || i + 1 == count) {
            sent = PQputCopyData(connection, lines.bytes, (int)lines.length) == 1;
            buffer_clear(&lines);
        }
    }
    buffer_free(&lines);
    (void)PQputCopyEnd(connection, sent ? NULL : "cut short");

    enum tc_error error = TC_OK;
    for (PGresult *result = PQgetResult(connection); result != NULL; result = PQgetResult(connection)) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK && error == TC_OK)
            error = store_fault_from(store, result, sql_statements[sql].name, fault);
        PQclear(result);
        if (store->connection == NULL)
            break;
    }
    return error;
}

static enum tc_error find_faults(struct store *store, struct document_faults *faults, struct tc_fault *fault)
{
    params_add_int(store_params(store), DOCUMENT_FAULTS_MAX);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_IMPORT_FAULTS, &result, fault);
    if (error != TC_OK)
        return error;
    for (int i = 0; i < PQntuples(result); i++)
        document_fault_add(faults, (unsigned)result_int(result, i, 0), 0, result_text(result, i, 1), "%s",
                           result_text(result, i, 2));
    if (PQntuples(result) == 0)
        return TC_OK;
    faults->total += (size_t)result_int(result, 0, 3) - (size_t)PQntuples(result);
    return tc_fault_set(fault, TC_INVALID, "the fleet has %zu faults", faults->total);
}

static enum tc_error merge(struct store *store, enum sql sql, int64_t *added, int64_t *changed, int64_t *same,
                           struct tc_fault *fault)
{
    (void)store_params(store);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, sql, &result, fault);
    if (error != TC_OK)
        return error;
    *added = result_int(result, 0, 0);
    *changed = result_int(result, 0, 1);
    *same = result_int(result, 0, 2) - *added - *changed;
    return TC_OK;
}

static enum tc_error import(struct store *store, const struct fleet *fleet, struct fleet_imported *imported,
                            struct document_faults *faults, struct tc_fault *fault)
{
    enum tc_error error = store_script(store, sql_statements[SQL_IMPORT_TABLES].text, fault);
    if (error == TC_OK)
        error = copy(store, SQL_IMPORT_COPY_BRANCHES, fleet, fleet->branch_count, put_branch, fault);
    if (error == TC_OK)
        error = copy(store, SQL_IMPORT_COPY_DEVICES, fleet, fleet->device_count, put_device, fault);
    (void)store_params(store);
    if (error == TC_OK)
        error = store_do(store, SQL_IMPORT_ANALYZE, fault);
    if (error == TC_OK)
        error = find_faults(store, faults, fault);
    if (error == TC_OK)
        error = store_do(store, SQL_IMPORT_TOUCHED, fault);
    if (error == TC_OK)
        error = store_do(store, SQL_IMPORT_MOVED, fault);
    if (error == TC_OK)
        error = merge(store, SQL_IMPORT_BRANCHES, &imported->branches_added, &imported->branches_changed,
                      &imported->branches_same, fault);
    if (error == TC_OK)
        error = merge(store, SQL_IMPORT_DEVICES, &imported->devices_added, &imported->devices_changed,
                      &imported->devices_same, fault);
    if (error == TC_OK)
        error = store_do(store, SQL_IMPORT_FOLLOW, fault);
    if (error == TC_OK)
        error = store_do(store, SQL_IMPORT_MACHINES, fault);
    return error;
}

enum tc_error inventory_import(struct store *store, const struct fleet *fleet, struct fleet_imported *imported,
                               struct document_faults *faults, struct tc_fault *fault)
{
    *imported = (struct fleet_imported){0};
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = import(store, fleet, imported, faults, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    if (error != TC_OK)
        return store_rollback(store, error);
    /* The planner of statements must know the new size before the next rollout is planned. */
    (void)store_params(store);
    return store_do(store, SQL_FLEET_ANALYZE, fault);
}

enum tc_error artifact_add(struct store *store, const struct artifact *artifact, const char *author,
                           struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_text(params, artifact->name);
    params_add_text(params, artifact->version);
    params_add_text(params, artifact->sha256);
    params_add_int(params, artifact->size_bytes);
    params_add_text(params, author);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_INSERT_ARTIFACT, &result, fault);
    if (error != TC_OK)
        return error;
    if (PQntuples(result) == 1 && strcmp(result_text(result, 0, 0), artifact->sha256) == 0)
        return TC_OK;
    return tc_fault_set(fault, TC_CONFLICT, "%s %s is stored already, with another content", artifact->name,
                        artifact->version);
}

enum tc_error artifact_find(struct store *store, struct artifact *artifact, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_text(params, artifact->name);
    params_add_text(params, artifact->version);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FIND_ARTIFACT, &result, fault);
    if (error != TC_OK)
        return error;
    if (PQntuples(result) == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "%s %s is not in the artifact store", artifact->name,
                            artifact->version);
    result_copy(result, 0, 0, artifact->sha256, sizeof artifact->sha256);
    artifact->size_bytes = result_int(result, 0, 1);
    return TC_OK;
}

enum tc_error artifact_find_size(struct store *store, const char *sha256, int64_t *size_bytes, struct tc_fault *fault)
{
    params_add_text(store_params(store), sha256);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FIND_ARTIFACT_SIZE, &result, fault);
    if (error != TC_OK)
        return error;
    if (PQntuples(result) == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "no artifact has the digest %s", sha256);
    *size_bytes = result_int(result, 0, 0);
    return TC_OK;
}
