/* Runs statements with the structures and functions that the build generates from queries/ (cmake/EmbedSql.cmake).
 * Private to the store.
 *
 *     const struct sql_find_group_params params = {.rollout_id = rollout, .name = "pilot"};
 *     struct sql_find_group_rows rows ROWS_AUTO = {0};
 *     enum tc_error error = sql_find_group(store, &params, &rows, fault);
 *     if (error == TC_OK && rows.count > 0)
 *         use(sql_find_group_at(&rows, 0).group_no);
 *
 * The caller owns the parameters, which are read during the call; a text that is NULL is SQL's null. The rows own their
 * texts. A column that may be null is declared so: has_NAME is whether it has a value, and a text without one is NULL.
 * In other columns a null fails a check. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_STATEMENT_H
#define TELLERCAST_ORCHESTRATOR_STORE_STATEMENT_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct pg_result; /* libpq's PGresult */

/* Arrays as parameters. An element of texts may be NULL. */
struct sql_bigints {
    const int64_t *values;
    size_t count;
};
struct sql_integers {
    const int32_t *values;
    size_t count;
};
struct sql_texts {
    const char *const *values;
    size_t count;
};

enum sql_type {
    SQL_TYPE_BIGINT,
    SQL_TYPE_INTEGER,
    SQL_TYPE_SMALLINT,
    SQL_TYPE_BOOLEAN,
    SQL_TYPE_DOUBLE,
    SQL_TYPE_TEXT,
    SQL_TYPE_UUID,
    SQL_TYPE_BIGINTS, /* in a row, arrays are PostgreSQL's text of them */
    SQL_TYPE_INTEGERS,
    SQL_TYPE_SMALLINTS,
    SQL_TYPE_TEXTS,
    SQL_TYPE_COUNT,
};

/* The offsets of a member of a structure, and of its has_NAME. */
struct sql_field {
    const char *name;
    enum sql_type type;
    size_t offset, has_offset;
};
#define NEVER_NULL SIZE_MAX
#define NULL_IS_NULL (SIZE_MAX - 1) /* of a text */

struct sql_fields {
    const struct sql_field *fields;
    size_t count;
};

struct sql_statement {
    const char *name, *text;
    struct sql_fields parameters;
    struct sql_fields batch; /* the fields of an item; each is passed as an array parameter */
    size_t item_size, items_offset, item_count_offset;
    const struct sql_fields *row; /* NULL: its rows are not read */
    bool is_alone;                /* run again when its session had ended */
    bool is_script;               /* run as text, not prepared */
};

/* Returns the type's OID, as a parameter or a column. */
unsigned sql_type_oid(enum sql_type type);

/* Implement the functions of statements.h. Errors: TC_UNAVAILABLE (the connection broke, or the server is down),
 * TC_BUSY (a deadlock, a serialization failure or a lock timeout: run the whole transaction again),
 * TC_NO_SPACE, TC_CONFLICT (a constraint), TC_INTERNAL. */
enum tc_error store_execute(struct store *store, const struct sql_statement *statement, const void *params,
                            struct tc_fault *fault);
/* `*changed`: the number of rows inserted, updated or deleted. */
enum tc_error store_execute_counted(struct store *store, const struct sql_statement *statement, const void *params,
                                    int64_t *changed, struct tc_fault *fault);
/* On TC_OK the caller clears the result; else it is NULL. */
enum tc_error store_query(struct store *store, const struct sql_statement *statement, const void *params,
                          struct pg_result **result, int *count, struct tc_fault *fault);

/* Fills the members of a row's structure. */
void sql_take_row(const struct pg_result *result, int at, const struct sql_fields *columns, void *row);

/* `struct sql_find_group_rows rows ROWS_AUTO = {0};` is cleared at the end of its scope. */
void sql_rows_clear(void *rows);
#define ROWS_AUTO __attribute__((cleanup(sql_rows_clear)))

#endif
