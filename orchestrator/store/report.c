#include "orchestrator/store/report.h"

#include "orchestrator/store/connection.h"

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

#define ADD_NUMBERS(begin, field)                                                                                      \
    do {                                                                                                               \
        begin(params, count);                                                                                          \
        for (size_t i = 0; i < count; i++)                                                                             \
            params_put_int(params, reports[i].field);                                                                  \
        params_end_array(params);                                                                                      \
    } while (0)

#define ADD_TEXTS(field)                                                                                               \
    do {                                                                                                               \
        params_begin_text_array(params, count);                                                                        \
        for (size_t i = 0; i < count; i++)                                                                             \
            params_put_text(params, text_or_empty(reports[i].field));                                                  \
        params_end_array(params);                                                                                      \
    } while (0)

enum tc_error report_write(struct store *store, const struct report *reports, size_t count, int shard,
                           struct report_result *results, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    ADD_NUMBERS(params_begin_int_array, instruction);
    ADD_TEXTS(device);
    ADD_NUMBERS(params_begin_int4_array, attempt);
    ADD_NUMBERS(params_begin_int2_array, event);
    ADD_NUMBERS(params_begin_int4_array, sequence);
    ADD_NUMBERS(params_begin_int2_array, progress);
    ADD_TEXTS(code);
    ADD_TEXTS(detail);
    ADD_TEXTS(versions);
    params_add_int(params, shard);

    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_MOVE_REPORTED, &result, fault);
    if (error != TC_OK)
        return error;
    if ((size_t)PQntuples(result) != count)
        return tc_fault_set(fault, TC_INTERNAL, "%d results for %zu reports", PQntuples(result), count);
    for (size_t i = 0; i < count; i++) {
        results[i].verdict = (enum report_verdict)result_int(result, (int)i, 0);
        results[i].pull = result_bool(result, (int)i, 1);
    }
    return TC_OK;
}

enum tc_error report_write_versions(struct store *store, const struct versions_told *told, size_t count,
                                    struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_begin_text_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_text(params, told[i].device);
    params_end_array(params);
    params_begin_text_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_text(params, told[i].versions);
    params_end_array(params);
    return store_do(store, SQL_WRITE_VERSIONS, fault);
}
