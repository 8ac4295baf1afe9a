#include "orchestrator/store/start_rate.h"

#include "orchestrator/store/connection.h"

#include <stdlib.h>

enum tc_error start_rate_read(struct store *store, int64_t rollout, const struct rate_rules *rules,
                              struct start_rate *rate, struct tc_fault *fault)
{
    const struct sql_read_rate_params params = {.rollout = rollout, .counts_completed = rules->grow_after > 0};
    struct sql_read_rate_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_rate(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_read_rate_row row = sql_read_rate_at(&rows, 0);
    rate->ring.second = row.second;
    rate->now_s = row.now_s;
    rate->per_minute = rate_now(rules, row.completed);
    const char *at = row.starts + 1; /* after '{' */
    for (int i = 0; i < RATE_SECONDS; i++) {
        char *end;
        rate->ring.starts[i] = (int32_t)strtol(at, &end, 10);
        at = *end == ',' ? end + 1 : end;
    }
    rate->allowance = rate_allowance(&rate->ring, rate->now_s, rate->per_minute);
    return TC_OK;
}

enum tc_error start_rate_write(struct store *store, int64_t rollout, struct start_rate *rate, int64_t starts,
                               struct tc_fault *fault)
{
    rate_count(&rate->ring, starts);
    const struct sql_write_rate_params params = {
        .rollout = rollout, .second = rate->ring.second, .starts = {rate->ring.starts, RATE_SECONDS}};
    return sql_write_rate(store, &params, fault);
}
