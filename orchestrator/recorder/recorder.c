#include "orchestrator/recorder/recorder.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/recorder/refusal_counts.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/worker/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 100, PERIOD_MS = 1000, MINUTE_MS = 60000, AGAIN_MS = 500 };

struct recorder {
    struct recorder_config config;
    struct store *store;       /* of the worker's thread */
    struct batch_queue *queue; /* of struct act */
    struct worker *worker;     /* NULL: not started */
    int64_t minute_began_ms;   /* monotonic; the worker's */
    atomic_bool is_ending;
    pthread_mutex_t mutex; /* of the counts */
    struct refusal_counts *known, *unknown;
};

/* ---- writing: on the worker's thread ---- */

/* Waits for the database, unless the recorder ends. */
static void record(struct recorder *recorder, const struct act *acts, size_t count)
{
    struct tc_fault fault;
    enum tc_error error = count == 0 ? TC_OK : acts_record(recorder->store, acts, count, &fault);
    while (tc_error_is_transient(error) && !atomic_load(&recorder->is_ending)) {
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "acts.not_recorded_yet", F_STR("reason", fault.text));
        clock_sleep_ms(AGAIN_MS);
        worker_mark_progress();
        error = acts_record(recorder->store, acts, count, &fault);
    }
    if (error == TC_OK)
        return;
    if (count > 1 && !tc_error_is_transient(error)) { /* one that the database does not take keeps no other out */
        for (size_t i = 0; i < count; i++)
            record(recorder, &acts[i], 1);
        return;
    }
    metric_add(METRIC_ACTS_LOST, (int64_t)count);
    LOG_ERROR("acts.not_recorded", F_INT("acts", (int64_t)count), F_STR("reason", fault.text));
}

static void record_counts(struct recorder *recorder)
{
    (void)pthread_mutex_lock(&recorder->mutex);
    size_t kinds = refusal_counts_kinds(recorder->known) + refusal_counts_kinds(recorder->unknown);
    struct act *acts = calloc(kinds + 1, sizeof *acts);
    TC_CHECK(acts != NULL);
    size_t count = refusal_counts_end(recorder->known, acts);
    count += refusal_counts_end(recorder->unknown, acts + count);
    (void)pthread_mutex_unlock(&recorder->mutex);
    record(recorder, acts, count);
    free(acts);
    recorder->minute_began_ms = clock_monotonic_ms();
}

static void handle(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state;
    struct recorder *recorder = context;
    record(recorder, items, count);
    if (clock_monotonic_ms() - recorder->minute_began_ms >= MINUTE_MS)
        record_counts(recorder);
}

static void close_thread(void *context, void *thread_state)
{
    (void)thread_state;
    record_counts(context);
}

enum tc_error recorder_open(const struct recorder_config *config, struct recorder **recorder, struct tc_fault *fault)
{
    struct recorder *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->queue = batch_queue_open(sizeof(struct act), RECORDER_QUEUE);
    opened->known = refusal_counts_open(RECORDER_KINDS, RECORDER_EACH);
    opened->unknown = refusal_counts_open(RECORDER_PEERS, 0);
    opened->minute_began_ms = clock_monotonic_ms();
    TC_CHECK(pthread_mutex_init(&opened->mutex, NULL) == 0);
    enum tc_error error = store_open(config->database, "tellercastd recorder", &opened->store, fault);
    if (error != TC_OK) {
        recorder_close(opened);
        return error;
    }
    store_use_guard(opened->store, config->guard);
    *recorder = opened;
    return TC_OK;
}

enum tc_error recorder_start(struct recorder *recorder, struct tc_fault *fault)
{
    const struct worker_config worker = {.name = "recorder",
                                         .queue = recorder->queue,
                                         .threads = 1,
                                         .item_size = sizeof(struct act),
                                         .batch_limit = BATCH,
                                         .period_ms = PERIOD_MS,
                                         .handle = handle,
                                         .close = close_thread,
                                         .context = recorder};
    return worker_start(&worker, &recorder->worker, fault);
}

void recorder_close(struct recorder *recorder)
{
    if (recorder == NULL)
        return;
    atomic_store(&recorder->is_ending, true);
    worker_stop(recorder->worker);
    store_close(recorder->store);
    refusal_counts_close(recorder->known);
    refusal_counts_close(recorder->unknown);
    (void)pthread_mutex_destroy(&recorder->mutex);
    batch_queue_free(recorder->queue);
    free(recorder);
}

int64_t recorder_last_progress_ms(const struct recorder *recorder)
{
    return worker_last_progress_ms(recorder->worker);
}

/* ---- noting: on any thread ---- */

void recorder_refuse(struct recorder *recorder, struct act *act)
{
    if (recorder == NULL || act == NULL || act->is_recorded)
        return;
    act->is_recorded = true;
    (void)pthread_mutex_lock(&recorder->mutex);
    bool by_itself = refusal_counts_add(recorder->known, act);
    if (by_itself && batch_queue_put(recorder->queue, act, 0) != TC_OK)
        refusal_counts_take_back(recorder->known, act);
    (void)pthread_mutex_unlock(&recorder->mutex);
}

void recorder_refuse_unknown(struct recorder *recorder, const char *endpoint, const char *address, const char *name,
                             const char *verb, const char *refusal)
{
    if (recorder == NULL)
        return;
    struct act act = act_begin_unknown(endpoint, address, name, verb);
    act_set_refused(&act, ACT_REFUSED, refusal);
    (void)pthread_mutex_lock(&recorder->mutex);
    (void)refusal_counts_add(recorder->unknown, &act);
    (void)pthread_mutex_unlock(&recorder->mutex);
}
