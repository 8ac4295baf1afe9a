#include "orchestrator/store/conduct.h"

#include "base/clock.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/released.h"
#include "topics/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char lease_name[] = "conductor";

enum tc_error conduct_take_lease(struct store *store, const char *instance, int64_t lease_ms, struct store_clock *clock,
                                 int64_t *epoch, struct tc_fault *fault)
{
    enum tc_error error = store_connect(store, fault);
    if (error != TC_OK)
        return error;
    int64_t sent_ms = clock_boot_ms();
    const struct sql_take_lease_params params = {.name = lease_name, .instance = instance, .lease_ms = lease_ms};
    struct sql_take_lease_rows rows ROWS_AUTO = {0};
    error = sql_take_lease(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_take_lease_row row = sql_take_lease_at(&rows, 0);
    store_clock_note(clock, sent_ms, row.now_ms);
    if (!row.has_epoch)
        return tc_fault_set(fault, TC_BUSY, "database: another orchestrator is the conductor");
    *epoch = row.epoch;
    return TC_OK;
}

enum tc_error conduct_renew_epoch(struct store *store, struct tc_fault *fault)
{
    const struct sql_renew_epoch_params params = {.name = lease_name};
    return sql_renew_epoch(store, &params, fault);
}

enum tc_error conduct_release_lease(struct store *store, const char *instance, struct tc_fault *fault)
{
    const struct sql_release_lease_params params = {.name = lease_name, .instance = instance};
    return sql_release_lease(store, &params, fault);
}

static enum tc_error check_lease(struct store *store, int64_t epoch, struct tc_fault *fault)
{
    const struct sql_check_lease_params params = {.name = lease_name, .epoch = epoch};
    struct sql_check_lease_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_check_lease(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        return tc_fault_set(fault, TC_DENIED, "database: another orchestrator became the conductor");
    return error;
}

enum tc_error conduct_begin(struct store *store, int64_t epoch, struct tc_fault *fault)
{
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = check_lease(store, epoch, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error conduct_commit(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = store_commit(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error conduct_rollback(struct store *store, enum tc_error error)
{
    return store_rollback(store, error);
}

/* A later version may know more states: they explain nothing here. */
static enum presence_state presence_of(int16_t state)
{
    return state == PRESENCE_OFFLINE || state == PRESENCE_ONLINE ? (enum presence_state)state : PRESENCE_UNKNOWN;
}

static void take_due_check(struct store *store, int64_t rollout, const struct sql_due_checks_row *row,
                           struct checked_instruction *item)
{
    item->instruction = row->id;
    item->attempt = row->attempt;
    item->known = instruction_substate_is_known(row->state, row->substate);
    if (!item->known) {
        bool knows_state = row->state >= 0 && row->state < STATE_COUNT;
        char number[16];
        (void)snprintf(number, sizeof number, "%d", knows_state ? row->substate : row->state);
        store_log_unknown(store, rollout, knows_state ? "instruction substate" : "instruction state", number);
    }
    item->check = (struct due_check){
        .state = item->known ? (enum instruction_state)row->state : CREATED,
        .substate = item->known ? (enum instruction_substate)row->substate : SCHEDULED,
        .pull = row->pull,
        .failures = row->failures,
        .deferrals = row->deferrals,
        .since_ms = row->since_ms,
        .start_before_ms = row->start_before_ms,
        .group_is_lost = row->group_is_lost,
        .node = row->node,
        .node_relays = row->node_relays,
        .device_presence = presence_of(row->device_presence),
        .node_presence = presence_of(row->node_presence),
        .is_frozen = row->is_frozen,
        .is_held = row->is_held,
        .is_excluded = row->is_excluded,
        .is_withdrawn_first = row->is_withdrawn_first,
        .is_skipped = row->is_skipped,
        .left_failed = row->left_as == FAILED,
        .left_timed_out = row->left_as == TIMED_OUT,
        .is_late = row->is_late,
    };
    item->device_since_ms = row->device_since_ms;
    item->node_since_ms = row->node_since_ms;
}

enum tc_error conduct_read_due_checks(struct store *store, int64_t rollout, struct due_check_place *place, size_t most,
                                      struct checked_instruction **items, size_t *count, struct tc_fault *fault)
{
    *items = NULL;
    *count = 0;
    const struct sql_due_checks_params params = {.rollout = rollout,
                                                 .most = (int64_t)most,
                                                 .after_next_check_us = place->next_check_us,
                                                 .after_instruction = place->instruction};
    struct sql_due_checks_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_due_checks(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    *count = (size_t)rows.count;
    *items = calloc(*count, sizeof **items);
    TC_CHECK(*items != NULL);
    for (int i = 0; i < rows.count; i++) {
        const struct sql_due_checks_row row = sql_due_checks_at(&rows, i);
        take_due_check(store, rollout, &row, &(*items)[i]);
        place->instruction = row.id;
        place->next_check_us = row.next_check_us;
    }
    return TC_OK;
}

void released_take_one(const struct sql_released *row, struct released *released)
{
    copy_text(released->device, sizeof released->device, row->device);
    released->pull = row->pull;
}

void released_take(const struct sql_released_rows *rows, struct released **released, size_t *count)
{
    *released = NULL;
    *count = (size_t)rows->count;
    if (*count == 0)
        return;
    *released = calloc(*count, sizeof **released);
    TC_CHECK(*released != NULL);
    for (int i = 0; i < rows->count; i++) {
        const struct sql_released row = sql_released_at(rows, i);
        released_take_one(&row, &(*released)[i]);
    }
}

enum tc_error conduct_read_withdrawn(struct store *store, struct withdrawn_place *place, size_t most,
                                     struct released **released, size_t *count, struct tc_fault *fault)
{
    *released = NULL;
    *count = 0;
    const struct sql_withdrawn_page_params params = {
        .after_us = place->start_before_us, .after_device = place->device, .most = (int64_t)most};
    struct sql_withdrawn_page_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_withdrawn_page(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    *count = (size_t)rows.count;
    *released = calloc(*count, sizeof **released);
    TC_CHECK(*released != NULL);
    for (int i = 0; i < rows.count; i++) {
        const struct sql_withdrawn_page_row row = sql_withdrawn_page_at(&rows, i);
        released_take_one(&row.released, &(*released)[i]);
        place->start_before_us = row.start_before_us;
    }
    copy_text(place->device, sizeof place->device, (*released)[*count - 1].device);
    return TC_OK;
}

static void take_moved(const struct sql_move_decided_rows *rows, struct decided *decided, size_t count,
                       struct released **released, size_t *released_count)
{
    if (rows->count == 0)
        return;
    *released = calloc((size_t)rows->count, sizeof **released);
    TC_CHECK(*released != NULL);
    for (int i = 0; i < rows->count; i++) {
        const struct sql_move_decided_row row = sql_move_decided_at(rows, i);
        TC_CHECK((size_t)row.at < count);
        decided[row.at].moved = true;
        if (!row.released)
            continue;
        struct released *item = &(*released)[(*released_count)++];
        copy_text(item->device, sizeof item->device, row.device);
        item->pull = row.pull;
    }
}

enum tc_error conduct_move(struct store *store, struct decided *decided, size_t count, int shard,
                           struct released **released, size_t *released_count, struct tc_fault *fault)
{
    struct sql_move_decided_item *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL || count == 0);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct sql_move_decided_item){
            .id = decided[i].instruction,
            .from_state = (int16_t)decided[i].from,
            .from_substate = (int16_t)decided[i].from_substate,
            .attempt = decided[i].attempt,
            .to_state = (int16_t)decided[i].to,
            .to_substate = (int16_t)decided[i].to_substate,
            .due_ms = decided[i].due_ms,
            .next_check_ms = decided[i].next_check_ms,
            .may_install_until_ms = decided[i].may_install_until_ms,
            .code = decided[i].code,
            .detail = decided[i].detail,
        };
    const struct sql_move_decided_params params = {
        .shard = shard, .attempts_max = ATTEMPTS_MAX, .items = items, .item_count = count};
    struct sql_move_decided_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_move_decided(store, &params, &rows, fault);
    free(items);
    if (error == TC_OK)
        take_moved(&rows, decided, count, released, released_count);
    return error;
}

enum tc_error conduct_end_waiting(struct store *store, int64_t rollout, int64_t version, enum instruction_state to,
                                  const char *code, size_t most, int shard, int64_t *ended, struct tc_fault *fault)
{
    const struct sql_end_waiting_params params = {
        .rollout = rollout, .version = version, .most = (int64_t)most, .to_state = to, .code = code, .shard = shard};
    struct sql_end_waiting_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_end_waiting(store, &params, &rows, fault);
    *ended = 0;
    if (error != TC_OK)
        return error;
    const struct sql_end_waiting_row row = sql_end_waiting_at(&rows, 0);
    *ended = row.ended;
    return row.is_held ? TC_OK : tc_fault_set(fault, TC_CONFLICT, "database: another transaction changed the rollout");
}

enum tc_error conduct_withdraw(struct store *store, int64_t rollout, size_t most, struct released **released,
                               size_t *count, struct tc_fault *fault)
{
    *released = NULL;
    *count = 0;
    const struct sql_withdraw_unbegun_params params = {
        .rollout = rollout, .withdrawal_ms = WITHDRAWAL_MS, .most = (int64_t)most};
    struct sql_released_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_withdraw_unbegun(store, &params, &rows, fault);
    if (error == TC_OK)
        released_take(&rows, released, count);
    return error;
}

enum tc_error conduct_withdraw_preempted(struct store *store, int64_t rollout, int priority, size_t most, size_t *count,
                                         struct tc_fault *fault)
{
    *count = 0;
    const struct sql_withdraw_preempted_params params = {
        .rollout = rollout, .priority = priority, .withdrawal_ms = WITHDRAWAL_MS, .most = (int64_t)most};
    struct sql_withdraw_preempted_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_withdraw_preempted(store, &params, &rows, fault);
    if (error == TC_OK)
        *count = (size_t)sql_withdraw_preempted_at(&rows, 0).withdrawn;
    return error;
}
