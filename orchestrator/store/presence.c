#include "orchestrator/store/presence.h"

#include "base/clock.h"
#include "orchestrator/store/conduct.h"
#include "orchestrator/store/connection.h"

#include <stdlib.h>

static enum tc_error refuse_watch(struct tc_fault *fault)
{
    return tc_fault_set(fault, TC_DENIED, "database: another watch of presence began");
}

enum tc_error presence_read_watch(struct store *store, char id[static TC_ID_SIZE], struct tc_fault *fault)
{
    struct sql_read_watch_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_watch(store, &rows, fault);
    if (error == TC_OK)
        copy_text(id, TC_ID_SIZE, sql_read_watch_at(&rows, 0).watch);
    return error;
}

enum tc_error presence_begin_watch(struct store *store, const char *id, int64_t epoch, bool keeps,
                                   struct presence_watch *watch, struct presence_counts *counts, struct tc_fault *fault)
{
    const struct sql_begin_watch_params params = {.watch = id, .epoch = epoch, .keeps = keeps};
    struct sql_begin_watch_rows rows ROWS_AUTO = {0};
    enum tc_error error = conduct_begin(store, epoch, fault);
    if (error != TC_OK)
        return error;
    error = sql_begin_watch(store, &params, &rows, fault);
    if (error != TC_OK)
        return conduct_rollback(store, error);
    const struct sql_begin_watch_row row = sql_begin_watch_at(&rows, 0);
    *watch = (struct presence_watch){.generation = row.generation, .epoch = epoch};
    *counts = (struct presence_counts){.online = row.online, .offline = row.offline};
    return conduct_commit(store, fault);
}

static enum tc_error set_watch(struct store *store, const struct presence_watch *watch, bool is_complete,
                               int64_t next_epoch, struct tc_fault *fault)
{
    const struct sql_set_watch_params params = {
        .generation = watch->generation, .epoch = watch->epoch, .is_complete = is_complete, .next_epoch = next_epoch};
    int64_t changed;
    enum tc_error error = sql_set_watch(store, &params, &changed, fault);
    return error == TC_OK && changed == 0 ? refuse_watch(fault) : error;
}

enum tc_error presence_set_complete(struct store *store, const struct presence_watch *watch, bool is_complete,
                                    struct tc_fault *fault)
{
    return set_watch(store, watch, is_complete, watch->epoch, fault);
}

enum tc_error presence_continue_watch(struct store *store, struct presence_watch *watch, int64_t epoch,
                                      bool is_complete, struct tc_fault *fault)
{
    enum tc_error error = set_watch(store, watch, is_complete, epoch, fault);
    if (error == TC_OK)
        watch->epoch = epoch;
    return error;
}

static enum tc_error write_heard(struct store *store, const struct presence_watch *watch,
                                 const struct sql_write_presence_item *items, size_t count,
                                 struct presence_counts *counts, struct tc_fault *fault)
{
    const struct sql_write_presence_params params = {
        .generation = watch->generation, .epoch = watch->epoch, .items = items, .item_count = count};
    struct sql_write_presence_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_write_presence(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        error = refuse_watch(fault);
    if (error != TC_OK)
        return error;
    const struct sql_write_presence_row row = sql_write_presence_at(&rows, 0);
    *counts = (struct presence_counts){.online = row.online, .offline = row.offline};
    return TC_OK;
}

enum tc_error presence_write(struct store *store, const struct presence_watch *watch, const struct heard *heard,
                             size_t count, struct presence_counts *counts, struct tc_fault *fault)
{
    enum tc_error error = conduct_begin(store, watch->epoch, fault);
    if (error != TC_OK)
        return error;
    struct sql_write_presence_item *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL || count == 0);
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < count; i++)
        items[i] = (struct sql_write_presence_item){.device = heard[i].device,
                                                    .state = (int16_t)heard[i].state,
                                                    .retained = heard[i].is_retained ? 1 : 0,
                                                    .agent = heard[i].agent,
                                                    .held_until_ms = heard[i].held_until_ms,
                                                    .held_reason = heard[i].held_reason,
                                                    .age_ms = now_ms - heard[i].received_ms};
    error = write_heard(store, watch, items, count, counts, fault);
    free(items);
    return error == TC_OK ? conduct_commit(store, fault) : conduct_rollback(store, error);
}
