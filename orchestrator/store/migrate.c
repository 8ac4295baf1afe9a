#include "base/log.h"
#include "orchestrator/store/connection.h"

#include <string.h>

/* A session that waits for a table's lock blocks all later ones, so a migration gives up after less than PostgreSQL's
 * deadlock_timeout: in a deadlock the migration ends, not the other session. The wait for the turn has the usual lock
 * timeout; the caller then tries again. */
static const char short_lock_timeout[] = "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = 0";

static enum tc_error begin_turn(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = store_begin(store, fault);
    if (error != TC_OK)
        return error;
    error = sql_take_migration_turn(store, fault);
    return error == TC_OK ? store_script(store, short_lock_timeout, fault) : error;
}

static enum tc_error read_done(struct store *store, int *done, struct tc_fault *fault)
{
    struct sql_migrations_done_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_migrations_done(store, &rows, fault);
    if (error != TC_OK)
        return error;
    *done = rows.count;
    for (int i = 0; i < *done && i < MIGRATION_COUNT; i++) {
        const char *name = sql_migrations_done_at(&rows, i).name;
        if (strcmp(name, sql_migrations[i].name) != 0)
            return tc_fault_set(fault, TC_CONFLICT, "database: has migration %s where this program has %s", name,
                                sql_migrations[i].name);
    }
    if (*done > MIGRATION_COUNT)
        return tc_fault_set(fault, TC_CONFLICT, "database: is newer than this program: it has migration %s",
                            sql_migrations_done_at(&rows, MIGRATION_COUNT).name);
    return TC_OK;
}

static enum tc_error apply_next(struct store *store, int *done, struct tc_fault *fault)
{
    enum tc_error error = begin_turn(store, fault);
    if (error == TC_OK)
        error = read_done(store, done, fault);
    if (error != TC_OK || *done == MIGRATION_COUNT)
        return store_rollback(store, error);

    const struct sql_migration *migration = &sql_migrations[*done];
    error = store_script(store, migration->text, fault);
    if (error == TC_OK) {
        const struct sql_migration_add_params params = {.name = migration->name};
        error = sql_migration_add(store, &params, fault);
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

static enum tc_error migrate(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = begin_turn(store, fault);
    if (error == TC_OK)
        error = sql_migrations_table(store, fault);
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

enum tc_error store_migrate(struct store *store, struct tc_fault *fault)
{
    store->takes_any_time = true;
    enum tc_error error = migrate(store, fault);
    store->takes_any_time = false;
    return error;
}
