#include "orchestrator/store/inventory.h"

#include "base/file.h"
#include "base/log.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* COPY lines are sent in pieces of about this many bytes. */
enum { COPY_PIECE_BYTES = 65536 };

/* Import attempts, when the updater holds the same rows and the import is the one that gives way. */
enum { IMPORT_TRIES = 5 };

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

/* ---- copying ---------------------------------------------------------------------------------- */

/* Rows to be copied into the two tables of an import. PostgreSQL takes one COPY at a time: devices are sent at once,
 * branches wait in a file. */
struct copying {
    struct store *store;
    int scratch;
    struct buffer devices, branches; /* lines that are not yet sent or written */
    bool broken;                     /* the connection failed; libpq has the reason */
    enum tc_error error;             /* of the scratch file */
    struct tc_fault fault;
};

static bool send_piece(struct store *store, const char *bytes, int length)
{
    store_begin_wait(store);
    bool sent = PQputCopyData(store->connection, bytes, length) == 1;
    store_end_wait(store);
    return sent;
}

static void send_devices(struct copying *copying)
{
    struct buffer *lines = &copying->devices;
    if (lines->length > 0 && !copying->broken)
        copying->broken = !send_piece(copying->store, lines->bytes, (int)lines->length);
    buffer_clear(lines);
}

static void write_branches(struct copying *copying)
{
    struct buffer *lines = &copying->branches;
    if (lines->length > 0 && copying->error == TC_OK)
        copying->error = file_write_all(copying->scratch, lines->bytes, lines->length, &copying->fault);
    buffer_clear(lines);
}

static bool is_working(const struct copying *copying)
{
    return !copying->broken && copying->error == TC_OK;
}

static bool copy_branch(void *context, const struct fleet_branch *branch)
{
    struct copying *copying = context;
    struct buffer *lines = &copying->branches;
    buffer_format(lines, "%u\t", branch->line);
    put_value(lines, branch->id, '\t');
    put_value(lines, branch->name, '\t');
    put_value(lines, branch->zone, '\t');
    put_value(lines, branch->labels, '\n');
    if (lines->length >= COPY_PIECE_BYTES)
        write_branches(copying);
    return is_working(copying);
}

static bool copy_device(void *context, const struct fleet_device *device)
{
    struct copying *copying = context;
    struct buffer *lines = &copying->devices;
    buffer_format(lines, "%u\t", device->line);
    put_value(lines, device->id, '\t');
    put_value(lines, device->branch, '\t');
    put_value(lines, device->role, '\t');
    put_value(lines, device->zone, '\t');
    put_value(lines, device->model, '\t');
    put_value(lines, device->labels, '\t');
    put_value(lines, device->versions, '\n');
    if (lines->length >= COPY_PIECE_BYTES)
        send_devices(copying);
    return is_working(copying);
}

static enum tc_error begin_copy(struct store *store, const struct sql_statement *copy, struct tc_fault *fault)
{
    store_begin_wait(store);
    PGresult *opened RESULT_AUTO = PQexec(store->connection, copy->text);
    store_end_wait(store);
    if (PQresultStatus(opened) != PGRES_COPY_IN)
        return store_fault_from(store, opened, copy->name, fault);
    return TC_OK;
}

/* `complaint`: why not all was sent; NULL: all was. */
static enum tc_error end_copy(struct store *store, const struct sql_statement *copy, const char *complaint,
                              struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    store_begin_wait(store);
    (void)PQputCopyEnd(store->connection, complaint);
    PGresult *result = PQgetResult(store->connection);
    store_end_wait(store);
    while (result != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK && error == TC_OK)
            error = store_fault_from(store, result, copy->name, fault);
        PQclear(result);
        result = store->connection == NULL
                     ? NULL
                     : PQgetResult(store->connection); /* the fault of the first result closed it */
    }
    return error;
}

/* Reads the whole file, and collects all its faults. */
static enum tc_error copy_devices(struct copying *copying, const struct fleet_file *file,
                                  struct document_faults *faults, struct tc_fault *fault)
{
    struct store *store = copying->store;
    const struct sql_statement *statement = &sql_statements[SQL_IMPORT_COPY_DEVICES];
    enum tc_error error = begin_copy(store, statement, fault);
    if (error != TC_OK)
        return error;
    const struct fleet_sink sink = {copying, copy_branch, copy_device, NULL};
    enum tc_error read_error = fleet_file_read(file, &sink, faults, fault);
    send_devices(copying);
    write_branches(copying);
    bool is_whole = read_error == TC_OK && is_working(copying);
    struct tc_fault copy_fault;
    error = end_copy(store, statement, is_whole ? NULL : "the import ends here", &copy_fault);
    if (read_error != TC_OK)
        return read_error;
    if (copying->error != TC_OK)
        return tc_fault_set(fault, copying->error, "%s", copying->fault.text);
    return error == TC_OK ? TC_OK : tc_fault_set(fault, error, "%s", copy_fault.text);
}

static enum tc_error copy_branches(struct copying *copying, struct tc_fault *fault)
{
    struct store *store = copying->store;
    const struct sql_statement *statement = &sql_statements[SQL_IMPORT_COPY_BRANCHES];
    enum tc_error error = begin_copy(store, statement, fault);
    if (error != TC_OK)
        return error;
    char piece[COPY_PIECE_BYTES];
    ssize_t got = lseek(copying->scratch, 0, SEEK_SET) == 0 ? 1 : -1;
    bool sent = true;
    while (got > 0 && sent) {
        got = read(copying->scratch, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            sent = send_piece(store, piece, (int)got);
    }
    int number = errno;
    error = end_copy(store, statement, got < 0 || !sent ? "the import ends here" : NULL, fault);
    return got < 0 ? tc_fault_set(fault, TC_UNAVAILABLE, "database: read the branches again: %s", strerror(number))
                   : error;
}

static enum tc_error copy(struct store *store, const struct fleet_file *file, int scratch,
                          struct document_faults *faults, struct tc_fault *fault)
{
    struct copying copying = {.store = store, .scratch = scratch, .error = TC_OK};
    enum tc_error error = copy_devices(&copying, file, faults, fault);
    if (error == TC_OK)
        error = copy_branches(&copying, fault);
    buffer_free(&copying.devices);
    buffer_free(&copying.branches);
    return error;
}

/* ---- faults that only the database knows --------------------------------------------------------- */

static enum fleet_finding_kind kind_of(const char *name)
{
    static const char *const names[FLEET_FINDING_COUNT] = {
        [FLEET_ZONE_UNKNOWN] = "zone_unknown",
        [FLEET_BRANCH_TWICE] = "branch_twice",
        [FLEET_DEVICE_TWICE] = "device_twice",
        [FLEET_ID_OF_BRANCH] = "id_of_branch",
        [FLEET_BRANCH_UNKNOWN] = "branch_unknown",
        [FLEET_IN_FLIGHT] = "in_flight",
        [FLEET_RETIRED] = "retired",
    };
    for (int kind = 0; kind < FLEET_FINDING_COUNT; kind++) {
        if (strcmp(name, names[kind]) == 0)
            return (enum fleet_finding_kind)kind;
    }
    tc_check_failed("unknown kind in import_faults.sql", __FILE__, __LINE__);
}

static enum tc_error find_faults(struct store *store, struct fleet_findings *findings, struct tc_fault *fault)
{
    const struct sql_import_faults_params params = {.most = DOCUMENT_FAULTS_MAX};
    struct sql_import_faults_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_import_faults(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    findings->count = (size_t)rows.count;
    findings->items = calloc(findings->count, sizeof *findings->items);
    TC_CHECK(findings->items != NULL);
    for (int i = 0; i < rows.count; i++) {
        const struct sql_import_faults_row row = sql_import_faults_at(&rows, i);
        struct fleet_finding *finding = &findings->items[i];
        *finding = (struct fleet_finding){
            .kind = kind_of(row.finding), .line = (unsigned)row.line, .first_line = (unsigned)row.first_line};
        copy_text(finding->path, sizeof finding->path, row.path);
        copy_text(finding->name, sizeof finding->name, row.name);
        findings->total = (size_t)row.total;
    }
    return tc_fault_set(fault, TC_INVALID, "database: %zu faults in a fleet", findings->total);
}

static enum tc_error merge_branches(struct store *store, struct fleet_imported *imported, struct tc_fault *fault)
{
    struct sql_merged_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_import_branches(store, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_merged merged = sql_merged_at(&rows, 0);
    imported->branches_added = merged.added;
    imported->branches_changed = merged.changed;
    imported->branches_same = merged.total - merged.added - merged.changed;
    return TC_OK;
}

static enum tc_error merge_devices(struct store *store, struct fleet_imported *imported, struct tc_fault *fault)
{
    struct sql_raise_directory_rows raised ROWS_AUTO = {0};
    struct sql_merged_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_raise_directory(store, &raised, fault);
    if (error != TC_OK)
        return error;
    const struct sql_import_devices_params params = {.version = sql_raise_directory_at(&raised, 0).version};
    error = sql_import_devices(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_merged merged = sql_merged_at(&rows, 0);
    imported->devices_added = merged.added;
    imported->devices_changed = merged.changed;
    imported->devices_same = merged.total - merged.added - merged.changed;
    return sql_count_import(store, fault);
}

static enum tc_error import(struct store *store, const struct fleet_file *file, int scratch,
                            const struct access_scope *scope, struct fleet_imported *imported,
                            struct document_faults *faults, struct fleet_findings *findings, struct tc_fault *fault)
{
    enum tc_error error = sql_import_tables(store, fault);
    if (error == TC_OK)
        error = copy(store, file, scratch, faults, fault);
    if (error == TC_OK)
        error = sql_import_analyze(store, fault);
    if (error == TC_OK)
        error = act_scope_check_import(store, scope, &imported->refusal, fault);
    if (error == TC_OK)
        error = find_faults(store, findings, fault);
    if (error == TC_OK)
        error = sql_import_touched(store, fault);
    if (error == TC_OK)
        error = sql_import_moved(store, fault);
    if (error == TC_OK)
        error = sql_look_excluded_again(store, fault); /* locked before instructions, as the conductor does */
    if (error == TC_OK)
        error = merge_branches(store, imported, fault);
    if (error == TC_OK)
        error = merge_devices(store, imported, fault);
    if (error == TC_OK)
        error = sql_import_follow(store, fault);
    if (error == TC_OK)
        error = sql_import_machines(store, fault);
    return error;
}

static void note_counts(struct act *act, const struct fleet_imported *imported)
{
    char numbers[4][24];
    const int64_t counts[] = {imported->branches_added, imported->branches_changed, imported->devices_added,
                              imported->devices_changed};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        (void)snprintf(numbers[i], sizeof numbers[i], "%" PRId64, counts[i]);
    act_set_details(act, "branches_added", numbers[0], "branches_changed", numbers[1], "devices_added", numbers[2],
                    "devices_changed", numbers[3]);
}

static enum tc_error import_once(struct store *store, const struct fleet_file *file, int scratch,
                                 const struct access_scope *scope, struct fleet_imported *imported,
                                 struct document_faults *faults, struct fleet_findings *findings,
                                 struct tc_fault *fault)
{
    if (ftruncate(scratch, 0) != 0 || lseek(scratch, 0, SEEK_SET) != 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "database: empty the scratch file: %s", strerror(errno));
    *findings = (struct fleet_findings){0};
    *imported = (struct fleet_imported){0};
    act_set_object(acts_get(store), "fleet", "");
    enum tc_error error = acts_begin(store, fault);
    if (error == TC_OK)
        error = import(store, file, scratch, scope, imported, faults, findings, fault);
    note_counts(acts_get(store), imported);
    return acts_end(store, error, fault);
}

enum tc_error inventory_import(struct store *store, const struct fleet_file *file, int scratch,
                               const struct access_scope *scope, struct fleet_imported *imported,
                               struct document_faults *faults, struct fleet_findings *findings, struct tc_fault *fault)
{
    enum tc_error error = TC_BUSY;
    for (int try = 0; try < IMPORT_TRIES && error == TC_BUSY; try++)
        error = import_once(store, file, scratch, scope, imported, faults, findings, fault);
    if (error != TC_OK)
        return error;
    /* The query planner must know the new size before the next rollout is planned. */
    struct tc_fault analyzed;
    if (sql_fleet_analyze(store, &analyzed) != TC_OK)
        LOG_WARNING("fleet.not_analyzed", F_STR("reason", analyzed.text));
    return TC_OK;
}

static enum tc_error insert_artifact(struct store *store, const struct artifact *artifact, const char *author,
                                     struct artifact_added *added, struct tc_fault *fault)
{
    const struct sql_insert_artifact_params params = {.name = artifact->name,
                                                      .version = artifact->version,
                                                      .sha256 = artifact->sha256,
                                                      .size_bytes = artifact->size_bytes,
                                                      .author = author};
    struct sql_insert_artifact_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_insert_artifact(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    struct sql_insert_artifact_row row = {.sha256 = ""};
    if (rows.count == 1)
        row = sql_insert_artifact_at(&rows, 0);
    if (strcmp(row.sha256, artifact->sha256) == 0) {
        added->is_new = row.is_new;
        buffer_put_text(&added->same_as, row.same_as);
        return TC_OK;
    }
    added->is_another = true;
    return tc_fault_set(fault, TC_CONFLICT, "database: has other bytes under this name and version");
}

enum tc_error artifact_add(struct store *store, const struct artifact *artifact, const char *author,
                           struct artifact_added *added, struct tc_fault *fault)
{
    struct act *act = acts_get(store);
    act_set_object(act, "artifact", artifact->name);
    act_set_seen(act, artifact->sha256, 0);
    act_set_details(act, "version", artifact->version);
    enum tc_error error = acts_begin(store, fault);
    if (error != TC_OK)
        return error;
    error = insert_artifact(store, artifact, author, added, fault);
    bool changes = error != TC_OK || added->is_new; /* the same artifact again is no act */
    return changes ? acts_end(store, error, fault) : store_rollback(store, TC_OK);
}

enum tc_error artifact_find(struct store *store, struct artifact *artifact, struct tc_fault *fault)
{
    const struct sql_find_artifact_params params = {.name = artifact->name, .version = artifact->version};
    struct sql_find_artifact_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_artifact(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: has no artifact of this name and version");
    const struct sql_find_artifact_row row = sql_find_artifact_at(&rows, 0);
    copy_text(artifact->sha256, sizeof artifact->sha256, row.sha256);
    artifact->size_bytes = row.size_bytes;
    return TC_OK;
}

enum tc_error artifact_find_file(struct store *store, const char *sha256, int64_t *size_bytes, bool *is_blocked,
                                 struct tc_fault *fault)
{
    const struct sql_find_artifact_file_params params = {.sha256 = sha256};
    struct sql_find_artifact_file_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_artifact_file(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: has no artifact of this digest");
    *size_bytes = sql_find_artifact_file_at(&rows, 0).size_bytes;
    *is_blocked = sql_find_artifact_file_at(&rows, 0).is_blocked;
    return TC_OK;
}
