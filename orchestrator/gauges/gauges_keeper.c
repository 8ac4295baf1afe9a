#include "orchestrator/gauges/gauges_keeper.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/gauges.h"
#include "orchestrator/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>

/* As often as a monitoring system usually asks. */
enum { PERIOD_MS = 15000 };

struct gauges_keeper {
    struct store *store;
    struct batch_queue *wakes;
    struct worker *worker;
};

static const enum metric_family family_of[] = {
    [GAUGE_ROLLOUTS] = FAMILY_ROLLOUTS,
    [GAUGE_INSTRUCTIONS] = FAMILY_INSTRUCTIONS,
    [GAUGE_FORECAST_ENDS] = FAMILY_FORECAST_END,
    [GAUGE_ENDS] = FAMILY_END,
};

struct labelled {
    struct metric_sample samples[GAUGE_FAMILY_COUNT][METRIC_LABELS_MAX];
    size_t counts[GAUGE_FAMILY_COUNT];
};

static void take(void *context, enum gauge_family family, const char *label, int64_t value)
{
    struct labelled *labelled = context;
    size_t at = labelled->counts[family];
    if (at == METRIC_LABELS_MAX)
        return;
    struct metric_sample *sample = &labelled->samples[family][at];
    (void)snprintf(sample->label, sizeof sample->label, "%s", label);
    sample->value = value;
    labelled->counts[family] = at + 1;
}

static void set(const struct gauges *gauges, const struct labelled *labelled)
{
    metric_set(METRIC_OUT_OF_SERVICE, gauges->out_of_service);
    metric_set(METRIC_BRANCHES_AT_BUDGET, gauges->at_budget);
    metric_set(METRIC_BRANCHES_WITHOUT_MACHINE, gauges->without_machine);
    metric_set(METRIC_APPROVALS_WAITING, gauges->approvals);
    metric_set(METRIC_APPROVALS_OLDEST, gauges->approvals_oldest_s);
    metric_set(METRIC_OLDEST_DUE, gauges->oldest_due_s);
    for (int i = 0; i < GAUGE_FAMILY_COUNT; i++)
        metrics_set_family(family_of[i], labelled->samples[i], labelled->counts[i]);
    metric_set(METRIC_GAUGES_READ, gauges->now_s);
}

static void read_gauges(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct gauges_keeper *keeper = context;
    struct gauges gauges;
    struct tc_fault fault;
    struct labelled *labelled = calloc(1, sizeof *labelled);
    TC_CHECK(labelled != NULL);
    enum tc_error error = gauges_read(keeper->store, METRIC_LABELS_MAX, &gauges, take, labelled, &fault);
    if (error == TC_OK)
        set(&gauges, labelled);
    else if (error != TC_UNAVAILABLE && error != TC_BUSY) /* its connection logs that */
        LOG_ERROR("gauges.not_read", F_STR("reason", fault.text));
    free(labelled);
}

enum tc_error gauges_keeper_open(const char *database, struct gauges_keeper **keeper, struct tc_fault *fault)
{
    struct gauges_keeper *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->wakes = batch_queue_open(1, 1);
    batch_queue_wake(opened->wakes);
    const struct worker_config worker = {.name = "gauges",
                                         .queue = opened->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = PERIOD_MS,
                                         .handle = read_gauges,
                                         .context = opened};
    enum tc_error error = store_open(database, "tellercastd gauges", &opened->store, fault);
    if (error == TC_OK)
        error = worker_start(&worker, &opened->worker, fault);
    if (error != TC_OK) {
        gauges_keeper_close(opened);
        return error;
    }
    *keeper = opened;
    return TC_OK;
}

void gauges_keeper_close(struct gauges_keeper *keeper)
{
    if (keeper == NULL)
        return;
    worker_stop(keeper->worker);
    store_close(keeper->store);
    batch_queue_free(keeper->wakes);
    free(keeper);
}
