/* What amendments of a value read and write: the rate, the budget and the end of a rollout. Private to amendments. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_AMENDMENT_VALUES_H
#define TELLERCAST_ORCHESTRATOR_STORE_AMENDMENT_VALUES_H

#include "orchestrator/rollout/budget.h"
#include "orchestrator/rollout/rate.h"
#include "orchestrator/store/amendment_private.h"

/* What is in force, of a rollout. */
struct amendment_values {
    json_t *plan;
    json_t *spec; /* of the plan */
    int64_t end_ms, now_ms, completed;
};

enum tc_error amendment_read_values(struct store *store, int64_t rollout, struct amendment_values *values,
                                    struct tc_fault *fault);
void amendment_values_free(struct amendment_values *values);

/* Returns a new reference; null: the plan has no such value. */
json_t *amendment_value_of(const struct amendment_values *values, enum amendment_kind kind);
/* INT64_MAX: no end. */
int64_t amendment_end_of(const json_t *end);

/* TC_CONFLICT: the end in force or the new one has passed, or the new one is not after the start. */
enum tc_error amendment_check_end(const struct operation_request *operation_request,
                                  const struct rollout_snapshot *snapshot, const struct amendment_values *values,
                                  const json_t *end, struct tc_fault *fault);

/* Fills in the order of the request's change, whose `before` is the value in force: does it loosen? TC_CONFLICT: it
 * changes nothing, the new end cannot be, or it loosens a rollout that awaits its approval. */
enum tc_error amendment_judge(const struct operation_request *operation_request,
                              const struct rollout_snapshot *snapshot, const struct amendment_values *values,
                              struct amendment_order *order, struct tc_fault *fault);
/* A value as the decisions read it. `*known` false: a newer version wrote it. */
struct rate_rules amendment_rate_of(const json_t *rate, int64_t default_per_minute, bool *known);
struct branch_budget amendment_budget_of(const struct amendment_values *values, const json_t *most, bool *known);

/* The plan has values of a newer version. Returns TC_CONFLICT. */
enum tc_error amendment_unknown_plan(struct tc_fault *fault);

#endif
