#include "orchestrator/store/flight.h"

#include "orchestrator/store/connection.h"

#include <string.h>

/* From column 1 on both statements have the same columns. */
static void take_flight(const PGresult *result, int row, struct flight *flight)
{
    flight->known = true;
    flight->instruction = result_int(result, row, 1);
    flight->rollout = result_int(result, row, 2);
    flight->attempt = (int32_t)result_int(result, row, 3);
    TC_CHECK(device_role_parse(result_text(result, row, 4), &flight->role));
    flight->start_before_s = result_int(result, row, 5);
    flight->epoch = result_int(result, row, 6);
}

enum tc_error flight_find(struct store *store, const char *const *devices, size_t count, struct flight *flights,
                          struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_begin_text_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_text(params, devices[i]);
    params_end_array(params);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FIND_FLIGHT, &result, fault);
    if (error != TC_OK)
        return error;
    memset(flights, 0, count * sizeof *flights);
    for (int row = 0; row < PQntuples(result); row++) {
        size_t at = (size_t)result_int(result, row, 0);
        TC_CHECK(at < count && strlen(devices[at]) < sizeof flights[at].device);
        memcpy(flights[at].device, devices[at], strlen(devices[at]) + 1);
        take_flight(result, row, &flights[at]);
    }
    return TC_OK;
}

enum tc_error flight_page(struct store *store, const char *after, size_t most, struct flight *flights, size_t *count,
                          struct tc_fault *fault)
{
    *count = 0;
    struct params *params = store_params(store);
    params_add_text(params, after);
    params_add_int(params, (int64_t)most);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FLIGHT_PAGE, &result, fault);
    if (error != TC_OK)
        return error;
    *count = (size_t)PQntuples(result);
    for (int row = 0; row < PQntuples(result); row++) {
        result_copy(result, row, 0, flights[row].device, sizeof flights[row].device);
        take_flight(result, row, &flights[row]);
        result_copy(result, row, 7, flights[row].branch, sizeof flights[row].branch);
        flights[row].pull = result_bool(result, row, 8);
        flights[row].withdrawn = result_bool(result, row, 9);
    }
    return TC_OK;
}

enum tc_error flight_shared_claims(struct store *store, int64_t rollout, struct buffer *claims, struct tc_fault *fault)
{
    params_add_int(store_params(store), rollout);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_SHARED_CLAIMS, &result, fault);
    if (error != TC_OK)
        return error;
    if (PQntuples(result) == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "there is no rollout %lld", (long long)rollout);
    buffer_put_text(claims, result_text(result, 0, 0));
    return TC_OK;
}
