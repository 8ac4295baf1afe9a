#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>

/* Devices that were just asked may be about to report: their earlier reports may have been lost. */
static bool may_report(const struct conductor *conductor)
{
    return clock_monotonic_ms() - atomic_load(conductor->config.state_requested_ms) < WITHDRAWAL_MS;
}

/* Sets the state and substate that the decided event leads to. */
static void take_move(struct decided *decided)
{
    const struct instruction_rule *rule = instruction_rule_find(decided->from, decided->from_substate, decided->event);
    TC_CHECK(rule != NULL);
    decided->to = rule->to;
    decided->to_substate = rule->to_substate;
}

/* "the node is offline since 2026-12-01T00:12:00.000Z" */
static void explain(const struct checked_instruction *item, enum silent_one silent, char detail[DECIDED_DETAIL_SIZE])
{
    if (silent == SILENT_NOT_KNOWN)
        return;
    bool is_node = silent == SILENT_NODE;
    char since[TC_TIME_TEXT_SIZE];
    clock_format(is_node ? item->node_since_ms : item->device_since_ms, since);
    enum presence_state presence = is_node ? item->check.node_presence : item->check.device_presence;
    (void)snprintf(detail, DECIDED_DETAIL_SIZE, "the %s is %s since %s", is_node ? "node" : "device",
                   presence_state_name(presence), since);
}

static struct decided decide(const struct conductor *conductor, const struct conducted_rollout *rollout,
                             const struct checked_instruction *item)
{
    struct due_check_decision decision = due_check_decide(&rollout->rules, &item->check, rollout->now_ms);
    if (instruction_state_is_in_flight(item->check.state) && may_report(conductor))
        decision =
            (struct due_check_decision){.action = DUE_CHECK_WAIT, .at_ms = rollout->now_ms + WITHDRAWAL_MS, .code = ""};
    struct decided decided = {.instruction = item->instruction,
                              .attempt = item->attempt,
                              .from = item->check.state,
                              .from_substate = item->check.substate,
                              .to = item->check.state,
                              .to_substate = item->check.substate,
                              .event = decision.event,
                              .may_install_until_ms = decision.may_install_until_ms,
                              .code = decision.code};
    explain(item, decision.silent, decided.detail);
    switch (decision.action) {
    case DUE_CHECK_WAIT: decided.next_check_ms = decision.at_ms; break;
    case DUE_CHECK_WITHDRAW:
        take_move(&decided);
        decided.next_check_ms = decision.at_ms;
        break;
    case DUE_CHECK_RETRY:
        take_move(&decided);
        decided.due_ms = decision.at_ms;
        break;
    case DUE_CHECK_MOVE:
        take_move(&decided);
        if (decided.to_substate == UNDECIDED)
            decided.next_check_ms = rollout->now_ms; /* at once: another attempt, or a final end */
        break;
    case DUE_CHECK_SETTLE: decided.to_substate = FINAL; break;
    }
    return decided;
}

/* After the commit. */
static void report_moved(const struct decided *decided, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct decided *item = &decided[i];
        if (!item->moved)
            continue;
        metric_add(METRIC_RETRIES, item->event == ON_RETRY);
        metric_add(METRIC_DEADLINES_PASSED, item->event == ON_DEADLINE);
        if (item->to_substate == UNDECIDED && item->to != item->from)
            metric_count(FAMILY_FAILURES, item->code);
        if (item->to == item->from)
            continue;
        LOG_INFO("instruction.woken", F_INT("instruction", item->instruction), F_INT("attempt", item->attempt),
                 F_STR("from", instruction_state_name(item->from)), F_STR("to", instruction_state_name(item->to)),
                 F_STR("code", item->code));
    }
}

static enum tc_error move(struct conductor *conductor, struct decided *decided, size_t count, struct tc_fault *fault)
{
    struct released *released = NULL;
    size_t released_count = 0;
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
    if (error != TC_OK)
        return error;
    error = conduct_move(conductor->store, decided, count, conductor->config.shard, &released, &released_count, fault);
    error = conductor_end(conductor, error, fault);
    if (error == TC_OK) {
        report_moved(decided, count);
        conductor_forget(conductor, released, released_count);
    }
    if (released_count > 0)
        batch_queue_wake(conductor->config.planned); /* headroom became free */
    free(released);
    return error;
}

/* A row that cannot be written must not keep others from moving: a batch that fails is tried again by halves. The fault
 * is that of the last failure. */
static enum tc_error move_each(struct conductor *conductor, struct decided *decided, size_t count,
                               struct tc_fault *fault)
{
    enum tc_error error = move(conductor, decided, count, fault);
    if (error != TC_INTERNAL || count == 1)
        return error;
    size_t half = count / 2;
    enum tc_error first = move_each(conductor, decided, half, fault);
    if (first != TC_OK && first != TC_INTERNAL)
        return first;
    error = move_each(conductor, decided + half, count - half, fault);
    return error == TC_OK ? first : error;
}

static enum tc_error sweep_some(struct conductor *conductor, const struct conducted_rollout *rollout,
                                struct due_check_place *place, size_t *swept, struct tc_fault *fault)
{
    struct checked_instruction *rows;
    enum tc_error error =
        conduct_read_due_checks(conductor->store, rollout->id, place, CONDUCT_ROWS, &rows, swept, fault);
    if (error != TC_OK || *swept == 0)
        return error;
    struct decided *decided = calloc(*swept, sizeof *decided);
    TC_CHECK(decided != NULL);
    size_t known = 0;
    for (size_t i = 0; i < *swept; i++) {
        if (rows[i].known)
            decided[known++] = decide(conductor, rollout, &rows[i]);
    }
    if (known > 0)
        error = move_each(conductor, decided, known, fault);
    free(decided);
    free(rows);
    return error;
}

/* Page by page: rows that do not move, because another transaction holds them, are read once. */
static enum tc_error sweep_all(struct conductor *conductor, const struct conducted_rollout *rollout,
                               struct tc_fault *fault)
{
    struct due_check_place place = {0};
    enum tc_error error;
    size_t swept;
    do {
        error = sweep_some(conductor, rollout, &place, &swept, fault);
        worker_mark_progress();
    } while (error == TC_OK && swept == CONDUCT_ROWS);
    return error;
}

/* Two passes: an instruction that ends in the first one is retried or becomes final in the second. Otherwise a gate or
 * an abort criterion would see only some of the ends of this moment. */
enum tc_error conductor_sweep(struct conductor *conductor, const struct conducted_rollout *rollout,
                              struct tc_fault *fault)
{
    enum tc_error error = sweep_all(conductor, rollout, fault);
    return error == TC_OK ? sweep_all(conductor, rollout, fault) : error;
}
