#include "base/log.h"
#include "orchestrator/store/connection.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 64 }; /* of a role, as PostgreSQL bounds it */

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
    if (error == TC_OK)
        error = sql_become_owner(store, fault);
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

/* Gives the roles of the database their rights, if there are such roles. */
static enum tc_error grant(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = begin_turn(store, fault);
    if (error == TC_OK)
        error = store_script(store, sql_statements[SQL_GRANT_RIGHTS].text, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    if (error == TC_OK)
        return TC_OK;
    (void)tc_fault_context(fault, "grant rights");
    return store_rollback(store, error);
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
    return error == TC_OK ? grant(store, fault) : error;
}

/* What the database lacks, as this role sees it. */
struct lack {
    bool may_migrate;
    int done; /* migrations; MIGRATION_COUNT: it lacks none */
    char role[NAME_SIZE];
};

static enum tc_error find_lack(struct store *store, struct lack *lack, struct tc_fault *fault)
{
    *lack = (struct lack){0};
    struct sql_migration_state_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_migration_state(store, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_migration_state_row row = sql_migration_state_at(&rows, 0);
    lack->may_migrate = row.may_migrate;
    (void)snprintf(lack->role, sizeof lack->role, "%s", row.role);
    return row.is_there && row.may_read ? read_done(store, &lack->done, fault) : TC_OK;
}

static enum tc_error refuse(const struct lack *lack, struct tc_fault *fault)
{
    return tc_fault_set(fault, TC_DENIED,
                        "database: lacks migration %s, and its role %s may not migrate: run \"tellercastd migrate "
                        "--config FILE\", whose setting database_migration names the role that owns the tables",
                        sql_migrations[lack->done].name, lack->role);
}

enum tc_error store_migrate(struct store *store, struct tc_fault *fault)
{
    struct lack lack;
    enum tc_error error = find_lack(store, &lack, fault);
    if (error != TC_OK)
        return error;
    if (!lack.may_migrate)
        return lack.done == MIGRATION_COUNT ? TC_OK : refuse(&lack, fault);
    store->takes_any_time = true;
    error = migrate(store, fault);
    store->takes_any_time = false;
    return error;
}
