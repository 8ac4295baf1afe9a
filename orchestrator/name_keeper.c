#include "orchestrator/name_keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/store/name_lease.h"
#include "orchestrator/worker/worker.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { RENEWALS_PER_LEASE = 4, RETRY_MS = 200, PATIENCE_MS = 1000 };

struct name_keeper {
    struct name_keeper_config config;
    struct store *store;
    struct batch_queue *wakes;
    struct worker *worker;
    int64_t foreign_ms; /* when the lease of another holder was to end, at the last look; 0: it was ours */
    atomic_bool has_lost;
};

static enum tc_error take(struct name_keeper *keeper, struct name_holder *holder, struct tc_fault *fault)
{
    const struct name_keeper_config *config = &keeper->config;
    return name_lease_take(keeper->store, config->name, config->instance, config->lease_ms, holder, fault);
}

/* A holder that renews its lease runs. One that does not has ended, or its lease ends. */
static enum tc_error take_first(struct name_keeper *keeper, struct tc_fault *fault)
{
    struct name_holder holder = {0}, first = {0};
    int64_t until_ms = clock_boot_ms() + keeper->config.lease_ms + PATIENCE_MS;
    for (;;) {
        enum tc_error error = take(keeper, &holder, fault);
        bool is_held = error == TC_CONFLICT;
        if (!is_held && !tc_error_is_transient(error))
            return error;
        bool is_renewed = is_held && first.expires_ms != 0 && holder.expires_ms > first.expires_ms;
        if (is_held && first.expires_ms == 0)
            first = holder;
        if (is_renewed || (is_held && clock_boot_ms() >= until_ms))
            return tc_fault_set(
                fault, TC_CONFLICT,
                "instance: \"%s\" is the name of an orchestrator that runs (%s); stop that one, or give "
                "this one another name",
                keeper->config.name, holder.instance);
        if (keeper->config.is_asked_to_stop())
            return tc_fault_set(fault, TC_TIMEOUT, "asked to stop while waiting for the name %s", keeper->config.name);
        clock_sleep_ms(RETRY_MS);
    }
}

/* Another holder counts when it renews its lease: a database that was put back has those of before. A database that is
 * away leaves the name to nobody else, either. */
static void on_timer(void *context, void *thread_state, void *items, size_t item_count)
{
    (void)thread_state, (void)items, (void)item_count;
    struct name_keeper *keeper = context;
    struct name_holder holder;
    struct tc_fault fault;
    enum tc_error error = take(keeper, &holder, &fault);
    bool is_foreign = error == TC_CONFLICT;
    bool is_renewed = is_foreign && keeper->foreign_ms != 0 && holder.expires_ms > keeper->foreign_ms;
    if (is_foreign || error == TC_OK)
        keeper->foreign_ms = is_foreign ? holder.expires_ms : 0;
    if (!is_renewed || atomic_load(&keeper->has_lost))
        return;
    LOG_ERROR("instance.name_lost", F_STR("name", keeper->config.name), F_STR("holder", holder.instance));
    atomic_store(&keeper->has_lost, true);
}

static enum tc_error start(struct name_keeper *keeper, struct tc_fault *fault)
{
    keeper->wakes = batch_queue_open(1, 1);
    const struct worker_config worker = {.name = "instance",
                                         .queue = keeper->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = (int)(keeper->config.lease_ms / RENEWALS_PER_LEASE),
                                         .handle = on_timer,
                                         .context = keeper};
    return worker_start(&worker, &keeper->worker, fault);
}

enum tc_error name_keeper_open(const struct name_keeper_config *config, struct name_keeper **keeper,
                               struct tc_fault *fault)
{
    struct name_keeper *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    enum tc_error error = store_open(config->database, "tellercastd instance", &opened->store, fault);
    if (error == TC_OK)
        error = take_first(opened, fault);
    if (error == TC_OK)
        error = start(opened, fault);
    if (error != TC_OK) {
        name_keeper_close(opened);
        return error;
    }
    *keeper = opened;
    return TC_OK;
}

void name_keeper_close(struct name_keeper *keeper)
{
    struct tc_fault fault;
    if (keeper == NULL)
        return;
    if (keeper->worker != NULL) {
        worker_stop(keeper->worker);
        if (!atomic_load(&keeper->has_lost) &&
            name_lease_release(keeper->store, keeper->config.name, keeper->config.instance, &fault) != TC_OK)
            LOG_INFO("instance.name_not_given_up", F_STR("reason", fault.text)); /* its lease ends */
    }
    store_close(keeper->store);
    if (keeper->wakes != NULL)
        batch_queue_free(keeper->wakes);
    free(keeper);
}

bool name_keeper_has_lost(const struct name_keeper *keeper)
{
    return keeper != NULL && atomic_load(&keeper->has_lost);
}

int64_t name_keeper_last_progress_ms(const struct name_keeper *keeper)
{
    return keeper == NULL ? clock_monotonic_ms() : worker_last_progress_ms(keeper->worker);
}
