#include "orchestrator/store/statement.h"

#include "orchestrator/store/connection.h"

#include <stdlib.h>
#include <string.h>

/* From pg_type.dat; they never change. */
static const unsigned oids[SQL_TYPE_COUNT] = {
    [SQL_TYPE_BIGINT] = 20,     [SQL_TYPE_INTEGER] = 23,     [SQL_TYPE_SMALLINT] = 21, [SQL_TYPE_BOOLEAN] = 16,
    [SQL_TYPE_DOUBLE] = 701,    [SQL_TYPE_TEXT] = 25,        [SQL_TYPE_UUID] = 2950,   [SQL_TYPE_BIGINTS] = 1016,
    [SQL_TYPE_INTEGERS] = 1007, [SQL_TYPE_SMALLINTS] = 1005, [SQL_TYPE_TEXTS] = 1009,
};

unsigned sql_type_oid(enum sql_type type)
{
    return oids[type];
}

/* ---- parameters ------------------------------------------------------------------------------ */

#define MEMBER(type, structure, offset) (*(type const *)(const void *)((const char *)(structure) + (offset)))

static void bind_texts(struct params *params, const char *first, size_t stride, size_t count)
{
    bool any_null = false;
    for (size_t i = 0; i < count; i++)
        any_null = any_null || MEMBER(const char *, first, i *stride) == NULL;
    params_begin_text_array(params, count, any_null);
    for (size_t i = 0; i < count; i++)
        params_put_text(params, MEMBER(const char *, first, i *stride));
    params_end_array(params);
}

static void bind_bigints(struct params *params, const char *first, size_t stride, size_t count)
{
    params_begin_int_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_int(params, MEMBER(int64_t, first, i * stride));
    params_end_array(params);
}

static void bind_integers(struct params *params, const char *first, size_t stride, size_t count)
{
    params_begin_int4_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_int(params, MEMBER(int32_t, first, i * stride));
    params_end_array(params);
}

static void bind_smallints(struct params *params, const char *first, size_t stride, size_t count)
{
    params_begin_int2_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_int(params, MEMBER(int16_t, first, i * stride));
    params_end_array(params);
}

static void bind(struct params *params, const struct sql_field *field, const void *values)
{
    switch (field->type) {
    case SQL_TYPE_BIGINT: params_add_int(params, MEMBER(int64_t, values, field->offset)); return;
    case SQL_TYPE_BOOLEAN: params_add_bool(params, MEMBER(bool, values, field->offset)); return;
    case SQL_TYPE_TEXT: params_add_text(params, MEMBER(const char *, values, field->offset)); return;
    case SQL_TYPE_BIGINTS: {
        const struct sql_bigints *array = &MEMBER(struct sql_bigints, values, field->offset);
        bind_bigints(params, (const char *)array->values, sizeof *array->values, array->count);
        return;
    }
    case SQL_TYPE_INTEGERS: {
        const struct sql_integers *array = &MEMBER(struct sql_integers, values, field->offset);
        bind_integers(params, (const char *)array->values, sizeof *array->values, array->count);
        return;
    }
    case SQL_TYPE_TEXTS: {
        const struct sql_texts *array = &MEMBER(struct sql_texts, values, field->offset);
        bind_texts(params, (const char *)array->values, sizeof *array->values, array->count);
        return;
    }
    default: tc_check_failed("unknown type of a parameter", __FILE__, __LINE__);
    }
}

/* Whether no item has a text here. Then an empty array is sent: unnest pads it with nulls. */
static bool is_all_null(const char *first, size_t stride, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (MEMBER(const char *, first, i *stride) != NULL)
            return false;
    }
    return true;
}

static void bind_column(struct params *params, const struct sql_field *field, const char *items, size_t size,
                        size_t count)
{
    const char *first = count == 0 ? items : items + field->offset;
    switch (field->type) {
    case SQL_TYPE_BIGINTS: bind_bigints(params, first, size, count); return;
    case SQL_TYPE_INTEGERS: bind_integers(params, first, size, count); return;
    case SQL_TYPE_SMALLINTS: bind_smallints(params, first, size, count); return;
    case SQL_TYPE_TEXTS: bind_texts(params, first, size, is_all_null(first, size, count) ? 0 : count); return;
    default: tc_check_failed("unknown type of a batch field", __FILE__, __LINE__);
    }
}

static void bind_all(struct params *params, const struct sql_statement *statement, const void *values)
{
    params_begin(params);
    for (size_t i = 0; i < statement->parameters.count; i++)
        bind(params, &statement->parameters.fields[i], values);
    if (statement->batch.count == 0)
        return;
    const char *items = MEMBER(char *, values, statement->items_offset);
    size_t count = MEMBER(size_t, values, statement->item_count_offset);
    for (size_t i = 0; i < statement->batch.count; i++)
        bind_column(params, &statement->batch.fields[i], items, statement->item_size, count);
}

/* ---- running --------------------------------------------------------------------------------- */

enum tc_error store_query(struct store *store, const struct sql_statement *statement, const void *params,
                          struct pg_result **result, int *count, struct tc_fault *fault)
{
    TC_CHECK(!statement->is_script);
    bind_all(&store->params, statement, params);
    enum tc_error error = statement->is_alone ? store_run_again(store, statement, result, fault)
                                              : store_run(store, statement, result, fault);
    *count = error == TC_OK ? PQntuples(*result) : 0;
    return error;
}

enum tc_error store_execute(struct store *store, const struct sql_statement *statement, const void *params,
                            struct tc_fault *fault)
{
    PGresult *result RESULT_AUTO = NULL;
    int count;
    return store_query(store, statement, params, &result, &count, fault);
}

enum tc_error store_execute_counted(struct store *store, const struct sql_statement *statement, const void *params,
                                    int64_t *changed, struct tc_fault *fault)
{
    PGresult *result RESULT_AUTO = NULL;
    int count;
    enum tc_error error = store_query(store, statement, params, &result, &count, fault);
    if (error == TC_OK)
        *changed = strtoll(PQcmdTuples(result), NULL, 10);
    return error;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Stores a value, which is not null, in its member. */
static void take(enum sql_type type, const char *text, void *member)
{
    switch (type) {
    case SQL_TYPE_BIGINT: *(int64_t *)member = strtoll(text, NULL, 10); return;
    case SQL_TYPE_INTEGER: *(int32_t *)member = (int32_t)strtol(text, NULL, 10); return;
    case SQL_TYPE_SMALLINT: *(int16_t *)member = (int16_t)strtol(text, NULL, 10); return;
    case SQL_TYPE_BOOLEAN: *(bool *)member = *text == 't'; return;
    case SQL_TYPE_DOUBLE: *(double *)member = strtod(text, NULL); return;
    default: *(const char **)member = text; return;
    }
}

void sql_take_row(const struct pg_result *result, int at, const struct sql_fields *columns, void *row)
{
    TC_CHECK(at < PQntuples(result) && (size_t)PQnfields(result) == columns->count);
    for (size_t i = 0; i < columns->count; i++) {
        const struct sql_field *field = &columns->fields[i];
        bool has_value = PQgetisnull(result, at, (int)i) == 0;
        TC_CHECK(has_value || field->has_offset != NEVER_NULL);
        if (has_value)
            take(field->type, PQgetvalue(result, at, (int)i), (char *)row + field->offset);
        if (field->has_offset != NEVER_NULL && field->has_offset != NULL_IS_NULL)
            *(bool *)((char *)row + field->has_offset) = has_value;
    }
}

void sql_rows_clear(void *rows)
{
    result_clear(rows); /* the result is the first member of all rows */
}
