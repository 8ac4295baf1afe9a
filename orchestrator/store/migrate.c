#include "base/log.h"
#include "orchestrator/store/connection.h"

#include <string.h>

/* Whoever waits for a table's lock holds up everybody who comes after, so a migration gives way after a moment, which
 * is less than PostgreSQL's deadlock_timeout: of two that wait for one another it is the migration that ends. The turn
 * itself has no limit but the migrations before. */
static const char give_way[] = "SET LOCAL lock_timeout = '500ms'";

static enum tc_error begin_turn(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = store_begin(store, fault);
    if (error != TC_OK)
        return error;
    (void)store_params(store);
    error = store_do(store, SQL_TAKE_MIGRATION_TURN, fault);
    return error == TC_OK ? store_script(store, give_way, fault) : error;
}

static enum tc_error read_done(struct store *store, int *done, struct tc_fault *fault)
{
    (void)store_params(store);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_MIGRATIONS_DONE, &result, fault);
    if (error != TC_OK)
        return error;
    *done = PQntuples(result);
    for (int i = 0; i < *done && i < MIGRATION_COUNT; i++) {
        if (strcmp(result_text(result, i, 0), sql_migrations[i].name) != 0)
            return tc_fault_set(fault, TC_CONFLICT, "database: has migration %s where this program has %s",
                                result_text(result, i, 0), sql_migrations[i].name);
    }
    if (*done > MIGRATION_COUNT)
        return tc_fault_set(fault, TC_CONFLICT, "database: is newer than this program: it has migration %s",
                            result_text(result, MIGRATION_COUNT, 0));
    return TC_OK;
}

static enum tc_error apply_next(struct store *store, int *done, struct tc_fault *fault)
{
    enum tc_error error = begin_turn(store, fault);
    if (error == TC_OK)
        error = read_done(store, done, fault);
    if (error != TC_OK || *done == MIGRATION_COUNT)
        return store_rollback(store, error);

    const struct sql_text *migration = &sql_migrations[*done];
    error = store_script(store, migration->text, fault);
    if (error == TC_OK) {
        params_add_text(store_params(store), migration->name);
        error = store_do(store, SQL_MIGRATION_ADD, fault);
    }
    if (error == TC_OK)
        error = store_commit(store, fault);
    if (error != TC_OK) {
        (void)tc_fault_context(fault, "migration %s", migration->name);
        return store_rollback(store, error);
    }
    LOG_INFO("database.migrated", F_STR("migration", migration->name));
    (*done)++;
    return TC_OK;
}

enum tc_error store_migrate(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = begin_turn(store, fault);
    if (error == TC_OK) {
        (void)store_params(store);
        error = store_do(store, SQL_MIGRATIONS_TABLE, fault);
    }
    if (error == TC_OK)
        error = store_commit(store, fault);
    if (error != TC_OK)
        return store_rollback(store, error);

    int done = 0;
    do
        error = apply_next(store, &done, fault);
    while (error == TC_OK && done < MIGRATION_COUNT);
    return error;
}
