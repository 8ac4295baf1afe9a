#include "orchestrator/rollout/why.h"

#include <string.h>

static const char *const verdict_names[] = {
#define WHY_VERDICT(constant, name) [constant] = (name),
#include "orchestrator/rollout/vocabulary.def"
};

static const char *const code_names[] = {
#define WHY_CODE(constant, name) [constant] = (name),
#include "orchestrator/rollout/vocabulary.def"
};

const char *why_verdict_name(enum why_verdict verdict)
{
    return verdict_names[verdict];
}

const char *why_code_name(enum why_code code)
{
    return code_names[code];
}

static void add(struct why_instruction *item, struct why_reason reason)
{
    if (item->reason_count < WHY_REASONS_MAX)
        item->reasons[item->reason_count++] = reason;
}

/* ---- what holds the whole rollout or group ---- */

/* `group`: that is not reached; NULL: of any. */
static void explain_promotion(struct why_instruction *item, const struct why_group *group)
{
    const struct why_rollout *rollout = item->rollout;
    if (rollout->promoted != NULL && (group == NULL || strcmp(rollout->promoted, group->name) == 0))
        add(item, (struct why_reason){.code = WHY_PROMOTION_AWAITING_APPROVAL,
                                      .count = rollout->promotion_given,
                                      .limit = rollout->promotion_needed});
}

void why_explain_rollout(struct why_instruction *item)
{
    const struct why_rollout *rollout = item->rollout;
    switch (rollout->state) {
    case ROLLOUT_ACCEPTED: add(item, (struct why_reason){.code = WHY_ROLLOUT_PLANNING}); break;
    case ROLLOUT_AWAITING_APPROVAL:
        add(item, (struct why_reason){.code = WHY_ROLLOUT_AWAITING_APPROVAL,
                                      .count = rollout->approvals_given,
                                      .limit = rollout->approvals_needed});
        break;
    case ROLLOUT_RUNNING:
        if (!rollout->is_known)
            add(item, (struct why_reason){.code = WHY_NEWER_VERSION});
        break;
    case ROLLOUT_PAUSED: add(item, (struct why_reason){.code = WHY_ROLLOUT_PAUSED, .since = rollout->held_at}); break;
    case ROLLOUT_CANCELLING:
        add(item, (struct why_reason){.code = WHY_ROLLOUT_ENDING, .since = rollout->held_at});
        break;
    case ROLLOUT_HALTED:
        add(item, (struct why_reason){.code = WHY_ROLLOUT_ENDED});
        explain_promotion(item, NULL);
        break;
    case ROLLOUT_COMPLETED:
    case ROLLOUT_CANCELLED:
    case ROLLOUT_REJECTED:
    case ROLLOUT_STATE_COUNT: add(item, (struct why_reason){.code = WHY_ROLLOUT_ENDED}); break;
    }
    if (rollout->is_blocked)
        add(item, (struct why_reason){.code = WHY_VERSION_BLOCKED});
}

void why_explain_group(struct why_instruction *item)
{
    if (item->group.paused_by != NULL)
        add(item, (struct why_reason){.code = WHY_GROUP_PAUSED, .since = item->group.paused_at});
    if (item->group.state == GROUP_OPEN)
        return;
    const struct why_group *group = item->group.state == GROUP_WAITING ? &item->waits_for : &item->group;
    switch (group->state) {
    case GROUP_WAITING:
    case GROUP_OPEN:
    case GROUP_PASSED:
    case GROUP_STATE_COUNT: add(item, (struct why_reason){.code = WHY_GROUP_WAITING}); break;
    case GROUP_SOAKING: add(item, (struct why_reason){.code = WHY_GROUP_SOAKING, .until = group->soaks_until}); break;
    case GROUP_AWAITING_APPROVAL: add(item, (struct why_reason){.code = WHY_GROUP_AWAITING_APPROVAL}); break;
    case GROUP_NOT_REACHED:
        add(item, (struct why_reason){.code = WHY_GROUP_NOT_REACHED});
        if (item->rollout->state != ROLLOUT_HALTED) /* then it was said of the rollout */
            explain_promotion(item, group);
        break;
    }
}

/* ---- what holds the instruction by itself ---- */

static void explain_time(struct why_instruction *item)
{
    if (item->substate == NO_WINDOW)
        add(item, (struct why_reason){.code = WHY_NO_WINDOW, .until = item->rollout->ends_at});
    else if (item->substate == DEFERRED)
        add(item, (struct why_reason){.code = WHY_DEFERRED, .count = item->deferrals});
    else if (item->substate == ADMITTED)
        add(item, (struct why_reason){.code = WHY_AWAITING_REPORT, .until = item->deadline});
    else if (!item->is_due && item->was_deferred)
        add(item, (struct why_reason){.code = WHY_DEFERRED, .until = item->due, .count = item->deferrals});
    else if (!item->is_due && item->attempt > 1)
        add(item, (struct why_reason){.code = WHY_BACKOFF, .until = item->due, .count = item->attempt});
    else if (!item->is_due)
        add(item, (struct why_reason){.code = WHY_SCHEDULED, .until = item->due});
    else if (!item->window_is_open)
        add(item, (struct why_reason){.code = item->window_opens.ms == 0 ? WHY_NO_WINDOW : WHY_WINDOW_CLOSED,
                                      .until = item->window_opens});
}

/* ---- what holds it because of others; each returns how sure it is ---- */

enum obstacle {
    OBSTACLE_NONE,
    OBSTACLE_MAYBE, /* it depends on what else starts in this pass */
    OBSTACLE_SURE,
};

/* A higher rollout's instruction whose window is closed is postponed before this one is looked at, unless the rate ends
 * that look first. */
static enum obstacle is_ahead(const struct why_instruction *higher)
{
    const struct why_rollout *rollout = higher->rollout;
    if (rollout->preempt)
        return OBSTACLE_SURE;
    if (higher->state != CREATED || higher->substate != SCHEDULED || !higher->is_due || !higher->group_is_open)
        return OBSTACLE_NONE;
    if (higher->window_is_open || !rollout->is_known || rollout->is_blocked || rollout->allowance == 0)
        return OBSTACLE_SURE;
    bool is_postponed = rollout->allowance == INT64_MAX || (higher->before >= 0 && higher->before < rollout->allowance);
    return is_postponed ? OBSTACLE_NONE : OBSTACLE_MAYBE;
}

/* Of ended ones only those about which the conductor decides, and those that were taken out, are explained. */
static bool is_under_way(const struct why_instruction *item)
{
    return item->state < COMPLETED || item->substate == UNDECIDED;
}

/* A freeze of the device that excepts the rollout of `item` keeps others from standing before it. */
static enum obstacle find_higher_priority(const struct why_place *place, struct why_instruction *item)
{
    enum obstacle found = OBSTACLE_NONE;
    const struct why_instruction *other = NULL;
    for (size_t i = 0; i < place->instruction_count && found != OBSTACLE_SURE; i++) {
        const struct why_instruction *higher = &place->instructions[i];
        if (higher->is_frozen || !is_under_way(higher) || higher->rollout->state != ROLLOUT_RUNNING ||
            higher->rollout->priority <= item->rollout->priority || strcmp(higher->device, item->device) != 0)
            continue;
        enum obstacle obstacle = is_ahead(higher);
        if (obstacle > found) {
            found = obstacle;
            other = higher;
        }
    }
    if (found != OBSTACLE_NONE)
        add(item, (struct why_reason){.code = WHY_HIGHER_PRIORITY, .other = other});
    return found;
}

static enum obstacle find_own_work(const struct why_place *place, struct why_instruction *item)
{
    enum obstacle found = OBSTACLE_NONE;
    const struct why_activity *other = NULL;
    for (size_t i = 0; i < place->activity_count && found != OBSTACLE_SURE; i++) {
        const struct why_activity *activity = &place->activities[i];
        if (activity->is_down || activity->is_doubtful || strcmp(activity->device, item->device) != 0)
            continue;
        found = activity->is_maybe ? OBSTACLE_MAYBE : OBSTACLE_SURE;
        other = activity;
    }
    if (found != OBSTACLE_NONE)
        add(item, (struct why_reason){.code = WHY_DEVICE_BUSY, .since = other->since, .activity = other});
    return found;
}

/* ---- the branch ---- */

/* How a branch's machines are used, as an instruction sees it. */
struct use {
    int64_t used, assignments, repairs; /* machines */
    int64_t headroom;                   /* INT64_MAX: no limit */
    bool has_node, is_doubtful, is_repair;
    const struct why_activity *example; /* of another device */
};

static bool is_first_of_device(const struct why_activity *activities, size_t at, bool with_maybes, bool without_down)
{
    for (size_t i = 0; i < at; i++) {
        bool is_counted = !activities[i].is_collect && (with_maybes || !activities[i].is_maybe) &&
                          !(without_down && activities[i].is_down);
        if (is_counted && strcmp(activities[i].device, activities[at].device) == 0)
            return false;
    }
    return true;
}

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct use use_of(const struct why_place *place, const struct why_instruction *item, bool with_maybes)
{
    struct use use = {.headroom = budget_branch_headroom(&item->rollout->budget, place->machines)};
    int64_t down = 0;
    for (size_t i = 0; i < place->activity_count; i++) {
        const struct why_activity *activity = &place->activities[i];
        if (activity->is_collect || (activity->is_maybe && !with_maybes))
            continue;
        bool is_own = strcmp(activity->device, item->device) == 0;
        use.used += is_first_of_device(place->activities, i, with_maybes, false);
        if (activity->is_down)
            down++;
        else
            use.assignments += is_first_of_device(place->activities, i, with_maybes, true);
        use.has_node |= strcmp(activity->device, place->branch) == 0;
        use.is_doubtful |= is_own && activity->is_doubtful;
        use.is_repair |= is_own && activity->is_down;
        if (!is_own && (use.example == NULL || (activity->is_shown && !use.example->is_shown)))
            use.example = activity;
        if (!activity->is_down && activity->rollout != NULL && activity->rollout != item->rollout)
            use.headroom = lower(use.headroom, budget_branch_headroom(&activity->rollout->budget, place->machines));
    }
    use.repairs = use.assignments + down - use.used;
    return use;
}

/* Whether another instruction of its rollout may start in the branch. */
static bool has_company(const struct why_place *place, const struct why_instruction *item)
{
    for (size_t i = 0; i < place->instruction_count; i++) {
        const struct why_instruction *other = &place->instructions[i];
        if (other != item && other->rollout == item->rollout && other->state == CREATED &&
            other->substate == SCHEDULED && other->is_due && other->group_is_open && other->window_is_open)
            return true;
    }
    return false;
}

/* Returns what the branch has against it; false: nothing. */
static bool find_branch_reason(const struct why_place *place, const struct why_instruction *item, const struct use *use,
                               struct why_reason *reason)
{
    *reason = (struct why_reason){.count = use->used, .limit = use->headroom, .activity = use->example};
    if (use->example != NULL)
        reason->since = use->example->since;
    int64_t doubtful = use->is_doubtful ? 1 : 0;
    bool has_budget = use->headroom != INT64_MAX;
    if (item->is_node && (use->assignments - doubtful > 0 || has_company(place, item)))
        reason->code = WHY_NODE_LAST;
    else if (!item->is_node && use->has_node)
        reason->code = WHY_NODE_AT_WORK;
    else if (has_budget && use->is_repair && 1 - (use->repairs - doubtful) <= 0)
        reason->code = WHY_BRANCH_REPAIR;
    else if (has_budget && !use->is_repair && use->headroom == 0)
        reason->code = WHY_NO_HEADROOM;
    else if (has_budget && !use->is_repair && use->headroom - (use->used - doubtful) <= 0)
        reason->code = WHY_BRANCH_BUDGET;
    else
        return false;
    return true;
}

static enum obstacle find_branch_obstacle(const struct why_place *place, struct why_instruction *item)
{
    if (*place->branch == '\0' || item->is_collect)
        return OBSTACLE_NONE;
    struct why_reason reason;
    const struct use sure = use_of(place, item, false);
    if (find_branch_reason(place, item, &sure, &reason)) {
        add(item, reason);
        return OBSTACLE_SURE;
    }
    const struct use possible = use_of(place, item, true);
    if (!find_branch_reason(place, item, &possible, &reason))
        return OBSTACLE_NONE;
    add(item, reason);
    return OBSTACLE_MAYBE;
}

static enum obstacle find_rate_obstacle(struct why_instruction *item)
{
    const struct why_rollout *rollout = item->rollout;
    bool is_free = rollout->allowance == INT64_MAX || (item->before >= 0 && item->before < rollout->allowance);
    if (is_free)
        return OBSTACLE_NONE;
    add(item, (struct why_reason){.code = WHY_RATE, .count = item->before, .limit = rollout->per_minute});
    return rollout->allowance == 0 ? OBSTACLE_SURE : OBSTACLE_MAYBE;
}

static enum obstacle worse(enum obstacle a, enum obstacle b)
{
    return a > b ? a : b;
}

/* ---- the whole ---- */

static void explain_due(struct why_place *place, struct why_instruction *item)
{
    enum obstacle obstacle = find_higher_priority(place, item);
    obstacle = worse(obstacle, find_own_work(place, item));
    obstacle = worse(obstacle, find_branch_obstacle(place, item));
    obstacle = worse(obstacle, find_rate_obstacle(item));
    if (obstacle == OBSTACLE_SURE)
        return;
    item->verdict = obstacle == OBSTACLE_NONE ? WHY_STARTS : WHY_IN_LINE;
    if (obstacle == OBSTACLE_NONE)
        add(item, (struct why_reason){.code = WHY_DUE});
    place->activities[place->activity_count++] = (struct why_activity){.device = item->device,
                                                                       .rollout = item->rollout,
                                                                       .is_shown = item->is_shown,
                                                                       .is_collect = item->is_collect,
                                                                       .is_maybe = obstacle != OBSTACLE_NONE,
                                                                       .state = CREATED,
                                                                       .since = place->now};
}

static void add_excluded(struct why_instruction *item)
{
    add(item, (struct why_reason){.code = WHY_EXCLUDED, .since = item->excluded_at});
}

static void explain_waiting(struct why_place *place, struct why_instruction *item)
{
    item->verdict = WHY_WAITS;
    why_explain_rollout(item);
    if (item->frozen_by != NULL)
        add(item, (struct why_reason){.code = WHY_FROZEN, .since = item->frozen, .until = item->frozen_until});
    if (item->excluded_by != NULL)
        add_excluded(item);
    if (!item->group_is_open) {
        why_explain_group(item);
        return;
    }
    bool is_held = item->reason_count > 0;
    explain_time(item);
    if (item->reason_count == 0)
        explain_due(place, item);
    else if (is_held && item->is_due) /* what else there is */
        (void)find_own_work(place, item);
}

/* Presence explains what was started, and holds nothing. A command to an ATM goes through its node. */
static void explain_presence(struct why_instruction *item)
{
    if (item->state == DISPATCHED && !item->is_node && item->node_offline.ms != 0)
        add(item, (struct why_reason){.code = WHY_NODE_OFFLINE, .since = item->node_offline});
    if (item->device_offline.ms != 0)
        add(item, (struct why_reason){.code = item->is_node ? WHY_NODE_OFFLINE : WHY_DEVICE_OFFLINE,
                                      .since = item->device_offline});
}

/* A device that is held defers what is ordered, until it installs. */
static void explain_hold(struct why_instruction *item)
{
    if (item->device_held_until.ms != 0 && item->state < INSTALLING)
        add(item, (struct why_reason){.code = WHY_DEVICE_HELD, .until = item->device_held_until});
}

static void explain_work(struct why_instruction *item)
{
    item->verdict = WHY_AT_WORK;
    struct why_reason reason = {.since = item->since, .until = item->deadline, .count = item->progress};
    switch (item->state) {
    case DISPATCHED: reason.code = item->substate == WITHDRAWING ? WHY_WITHDRAWN : WHY_ORDERED; break;
    case SENT: reason.code = WHY_ANSWERED; break;
    case RECEIVED: reason.code = item->substate == WITHDRAWING ? WHY_WITHDRAWN : WHY_PREPARING; break;
    default: reason.code = WHY_INSTALLING; break;
    }
    add(item, reason);
    explain_presence(item);
    explain_hold(item);
}

void why_explain(struct why_place *place)
{
    for (size_t i = 0; i < place->instruction_count; i++) {
        struct why_instruction *item = &place->instructions[i];
        item->reason_count = 0;
        if (item->state == CREATED) {
            explain_waiting(place, item);
            explain_hold(item);
        } else if (instruction_state_is_in_flight(item->state)) {
            explain_work(item);
        } else {
            item->verdict = WHY_ENDED;
            if (!is_under_way(item)) {
                add_excluded(item);
                continue;
            }
            add(item, (struct why_reason){.code = WHY_DECIDING, .since = item->since});
        }
    }
}
