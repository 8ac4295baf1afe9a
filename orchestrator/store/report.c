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

/* Texts that no report has are an empty array. */
#define ADD_TEXTS(field)                                                                                               \
    do {                                                                                                               \
        size_t said = 0;                                                                                               \
        for (size_t i = 0; i < count && said == 0; i++)                                                                \
            said = *text_or_empty(reports[i].field) == '\0' ? 0 : count;                                               \
        params_begin_text_array(params, said);                                                                         \
        for (size_t i = 0; i < said; i++)                                                                              \
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
    for (size_t i = 0; i < count; i++)
        results[i] = (struct report_result){.verdict = REPORT_MOVED};
    for (int row = 0; row < PQntuples(result); row++) {
        size_t at = (size_t)result_int(result, row, 0);
        TC_CHECK(at < count);
        results[at].verdict = (enum report_verdict)result_int(result, row, 1);
        results[at].pull = result_bool(result, row, 2);
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
