/* Compares the declarations in queries/ with a PostgreSQL that has all migrations. */
#include "orchestrator/store/store.h"
#include "tests/integration/server.h"

#include "statements.h"

#include <postgresql/libpq-fe.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PARAMETERS_MAX = 32, TYPE_NAME_SIZE = 64 };

struct fixture {
    struct server server;
    PGconn *connection;
    int faults; /* faults that were printed */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    server_prepare_postgres(&fixture->server);
    server_start(&fixture->server);
    char settings[SERVER_PATH_SIZE];
    (void)snprintf(settings, sizeof settings, "host=%s user=tellercast dbname=postgres", fixture->server.folder);
    WAIT_FOR(PQping(settings) == PQPING_OK);
    struct store *store = NULL;
    struct tc_fault fault = {0};
    assert_int_equal(store_open(settings, "test", &store, &fault), TC_OK);
    if (store_migrate(store, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    store_close(store);
    fixture->connection = PQconnectdb(settings);
    assert_int_equal(PQstatus(fixture->connection), CONNECTION_OK);
    PQclear(PQexec(fixture->connection, sql_statements[SQL_IMPORT_TABLES].text));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    PQfinish(fixture->connection);
    server_remove(&fixture->server);
    free(fixture);
    return 0;
}

static void record_fault(struct fixture *fixture, const struct sql_statement *statement, const char *fault)
{
    print_error("%s: %s\n", statement->name, fault);
    fixture->faults++;
}

static void name_type(struct fixture *fixture, unsigned oid, char name[static TYPE_NAME_SIZE])
{
    char value[16];
    (void)snprintf(value, sizeof value, "%u", oid);
    const char *values[] = {value};
    PGresult *result = PQexecParams(fixture->connection, "SELECT $1::oid::regtype", 1, NULL, values, NULL, NULL, 0);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    (void)snprintf(name, TYPE_NAME_SIZE, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
}

static int declared_types(const struct sql_statement *statement, Oid types[static PARAMETERS_MAX])
{
    int count = 0;
    assert_true(statement->parameters.count + statement->batch.count <= PARAMETERS_MAX);
    for (size_t i = 0; i < statement->parameters.count; i++)
        types[count++] = sql_type_oid(statement->parameters.fields[i].type);
    for (size_t i = 0; i < statement->batch.count; i++)
        types[count++] = sql_type_oid(statement->batch.fields[i].type);
    return count;
}

static void compare_parameters(struct fixture *fixture, const struct sql_statement *statement,
                               const PGresult *described, const Oid *types, int count)
{
    char text[256], found[TYPE_NAME_SIZE];
    if (PQnparams(described) != count) {
        (void)snprintf(text, sizeof text, "declares %d parameters, and has %d", count, PQnparams(described));
        record_fault(fixture, statement, text);
        return;
    }
    for (int i = 0; i < count; i++) {
        if (PQparamtype(described, i) == types[i])
            continue;
        name_type(fixture, PQparamtype(described, i), found);
        (void)snprintf(text, sizeof text, "parameter %d is of type %s, which is not what it declares", i + 1, found);
        record_fault(fixture, statement, text);
    }
}

static void compare_column(struct fixture *fixture, const struct sql_statement *statement, const PGresult *described,
                           int column)
{
    const struct sql_field *field = &statement->row->fields[column];
    Oid type = sql_type_oid(field->type);
    if (PQftype(described, column) == type && strcmp(PQfname(described, column), field->name) == 0)
        return;
    char text[256], found[TYPE_NAME_SIZE], declared[TYPE_NAME_SIZE];
    name_type(fixture, PQftype(described, column), found);
    name_type(fixture, type, declared);
    (void)snprintf(text, sizeof text, "column %d is %s %s, and it declares %s %s", column + 1,
                   PQfname(described, column), found, field->name, declared);
    record_fault(fixture, statement, text);
}

static void compare_row(struct fixture *fixture, const struct sql_statement *statement, const PGresult *described)
{
    char text[256];
    if (statement->row == NULL)
        return;
    if ((size_t)PQnfields(described) != statement->row->count) {
        (void)snprintf(text, sizeof text, "declares %zu columns, and has %d", statement->row->count,
                       PQnfields(described));
        record_fault(fixture, statement, text);
        return;
    }
    for (int i = 0; i < PQnfields(described); i++)
        compare_column(fixture, statement, described, i);
}

static void compare(struct fixture *fixture, const struct sql_statement *statement)
{
    Oid types[PARAMETERS_MAX];
    int count = declared_types(statement, types);
    PGresult *prepared = PQprepare(fixture->connection, statement->name, statement->text, count, types);
    if (PQresultStatus(prepared) != PGRES_COMMAND_OK) {
        record_fault(fixture, statement, PQresultErrorMessage(prepared));
        PQclear(prepared);
        return;
    }
    PQclear(prepared);
    PGresult *described = PQdescribePrepared(fixture->connection, statement->name);
    assert_int_equal(PQresultStatus(described), PGRES_COMMAND_OK);
    compare_parameters(fixture, statement, described, types, count);
    compare_row(fixture, statement, described);
    PQclear(described);
}

static void each_statement_has_the_parameters_and_columns_that_it_declares(void **state)
{
    struct fixture *fixture = *state;
    fixture->faults = 0;
    for (int i = 0; i < SQL_COUNT; i++) {
        if (!sql_statements[i].is_script)
            compare(fixture, &sql_statements[i]);
    }
    assert_int_equal(fixture->faults, 0);
}

/* This statement cannot be prepared, but its row is read by its declaration, too. */
static void the_row_of_a_guarded_beginning_is_as_declared(void **state)
{
    struct fixture *fixture = *state;
    fixture->faults = 0;
    PGresult *result = PQexec(fixture->connection, sql_statements[SQL_BEGIN_GUARDED].text);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    compare_row(fixture, &sql_statements[SQL_BEGIN_GUARDED], result);
    PQclear(result);
    PQclear(PQexec(fixture->connection, "ROLLBACK"));
    assert_int_equal(fixture->faults, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_statement_has_the_parameters_and_columns_that_it_declares),
        cmocka_unit_test(the_row_of_a_guarded_beginning_is_as_declared),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
